"""A server of requests: texts and voices in, audio out; and what each stage of one costs.

E embedding, D width.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.precision import products
from xtts_lab.inference.serving.server import StreamServer
from xtts_lab.inference.serving.voicing import Leaving
from xtts_lab.types import Audio, Delivery, Request, Voice


@dataclass(frozen=True, eq=False)
class RequestServer:
    """Serves requests on a server of prompts; `prompts` is the model's text front end.

    `submit` raises `UsageError` for what cannot be said. `tf32`: see `inference.precision`.
    """

    server: StreamServer
    prompts: Callable[[Request, Voice], Sequence[Prompt]]
    tf32: bool = False

    @property
    def idle(self) -> bool:
        """Whether nothing is left to say."""
        return self.server.idle

    def submit(self, request: Request, voice: Voice) -> int:
        """Take a request with a voice that is ready; return its ticket."""
        return self.server.submit(self.prompts(request, voice), voice.embedding)

    def poll(self) -> list[Delivery]:
        """Do the next bit of work; return the pieces that it brought."""
        rate = self.server.vocoder.model.vocoder.sample_rate
        with products(self.tf32):
            pieces = self.server.poll()
        return [Delivery(p.ticket, Audio(p.samples, rate), p.last, p.error) for p in pieces]

    @torch.inference_mode()
    def stages(self, request: Request, voice: Voice) -> Mapping[str, list[float]]:
        """Say a request's first sentence on the idle server, stage by stage: each in ms.

        The device is waited for between stages, which a stream never does: `front_end_ms` from
        text to tokens, `prefill_ms` until the first code is drawn, `code_ms` a further code,
        `vocoder_ms` a piece, `transfer_ms` its way to the host.
        """
        with products(self.tf32):
            return self._stages(request, voice)

    def _stages(self, request: Request, voice: Voice) -> Mapping[str, list[float]]:
        server, found = self.server, defaultdict[str, list[float]](list)
        lap = _Lap(server.vocoder.model.device)
        prompt = self.prompts(request, voice)[0]
        found["front_end_ms"].append(lap())
        limit = server.rows.admit(0, prompt)
        server.rows.advance(1)
        found["prefill_ms"].append(lap())
        vector = voice.embedding.to(server.vocoder.model.device)
        stream, told, taken = server.vocoder.begin(), 0, 1
        for size in server.schedule.sizes():
            asked = min(told + size, limit)
            lap()
            server.rows.advance(max(asked - taken, 0))
            said = server.rows.said(0, told, asked)
            codes = said.codes()
            if asked > taken:
                found["code_ms"].append(lap() / (asked - taken))
            taken = max(taken, asked)
            last = asked >= limit or codes.shape[0] < asked - told
            lap()
            states = said.states[: codes.shape[0]]
            made = server.vocoder.made(stream, codes, states, vector, last=last)
            found["vocoder_ms"].append(lap())
            Leaving(made).arrived()
            found["transfer_ms"].append(lap())
            told = asked
            if last:
                return found
        raise AssertionError("a schedule has no end")


class _Lap:
    """Milliseconds since it was last called, the device's work included."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._since = device, time.perf_counter()

    def __call__(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        passed, self._since = (now - self._since) * 1e3, now
        return passed
