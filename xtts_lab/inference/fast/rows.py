"""The rows of a decoding engine, for a server of streams."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.generate import Prompt, limit_of

AHEAD = 2
"""Calls of `advance` that may be under way: more would hold up who asks meanwhile."""


class EngineRows:
    """See `inference.serving.rows.Rows`. Ended rows go on, unheard, until another prompt comes."""

    def __init__(self, engine: DecodingEngine) -> None:
        self.engine, self.count = engine, engine.state.rows
        self._under_way: deque[torch.cuda.Event] = deque()

    def admit(self, row: int, prompt: Prompt) -> int:
        engine = self.engine
        if self.count == 1:
            engine.start([prompt])
        else:
            engine.admit([row], [prompt])
        return min(limit_of(engine.gpt, prompt), engine.steps - 1)

    def advance(self, codes: int) -> None:
        while len(self._under_way) >= AHEAD:
            self._under_way.popleft().synchronize()
        self.engine.advance(codes)
        if self.engine.device.type == "cuda":
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record()
            self._under_way.append(event)

    def said(self, row: int, start: int, stop: int) -> tuple[Tensor, Tensor]:
        state = self.engine.state
        codes = state.codes[row, start:stop].cpu().long()
        found = (codes == self.engine.gpt.config.stop_audio).nonzero()
        if found.numel():
            codes = codes[: int(found[0]) + 1]
        return codes, state.states[row, start : start + codes.shape[0]]
