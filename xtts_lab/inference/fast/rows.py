"""The rows of a decoding engine, for a server of streams."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.fast.reading import BUCKET, bucketed
from xtts_lab.inference.generate import Prompt, limit_of
from xtts_lab.inference.serving.rows import Said
from xtts_lab.model import XttsModel

PREFIX = 32
"""Positions of a prefix, as XTTS-v2's Perceiver makes it; of others, graphs are recorded later."""

AHEAD = 2
"""Calls of `advance` that may be under way: more would hold up who asks meanwhile."""


class EngineRows:
    """See `inference.serving.rows.Rows`. Ended rows go on, unheard, until another prompt comes."""

    def __init__(self, engine: DecodingEngine) -> None:
        self.engine, self.count = engine, engine.state.rows
        self._under_way: deque[torch.cuda.Event] = deque()

    def warm(self, positions: int = 256, prefix: int = PREFIX) -> None:
        """Capture what reads up to so many positions after a prefix: no request waits for it."""
        engine = self.engine
        if engine.device.type != "cuda":
            return
        voice = torch.zeros(prefix, engine.gpt.config.width, device=engine.device)
        most = min(positions, bucketed(engine.gpt.config.max_text), engine.room - prefix)
        for length in range(BUCKET, most + 1, BUCKET):
            text = torch.full((min(length - 3, engine.gpt.config.max_text),), 3)
            self.admit(0, Prompt(voice, text, 0, engine.sampling))
        self.advance(1)
        torch.cuda.synchronize(engine.device)

    def admit(self, row: int, prompt: Prompt) -> int:
        engine = self.engine
        if self.count == 1:
            engine.start([prompt])
        else:
            engine.admit([row], [prompt], recorded=True)
        return min(limit_of(engine.gpt, prompt), engine.steps - 1)

    def advance(self, codes: int) -> None:
        while len(self._under_way) >= AHEAD:
            self._under_way.popleft().synchronize()
        self.engine.advance(codes)
        if self.engine.device.type == "cuda":
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record()
            self._under_way.append(event)

    def said(self, row: int, start: int, stop: int) -> Said:
        state = self.engine.state
        states = state.states[row, start:stop].clone()  # another prompt may take the row
        codes = state.codes[row, start:stop]
        if not codes.is_cuda:
            heard = self._until_stop(codes.long())
            return Said(states, lambda: heard, known=False)
        there = torch.empty(codes.shape, dtype=codes.dtype, pin_memory=True)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        with self.engine.beside.work():  # the vocoder need not wait for it
            there.copy_(codes, non_blocking=True)
            done.record()

        def wait() -> Tensor:
            done.synchronize()
            return self._until_stop(there.long())

        return Said(states, wait, known=False)

    def _until_stop(self, codes: Tensor) -> Tensor:
        found = (codes == self.engine.gpt.config.stop_audio).nonzero()
        return codes[: int(found[0]) + 1] if found.numel() else codes


def warmed_prefix(model: XttsModel) -> int:
    """How many positions of a prefix to expect: none where the output continues the reference."""
    return 0 if model.conditioner.continues else PREFIX
