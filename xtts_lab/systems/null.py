"""A system that says nothing at next to no cost: for measuring and testing the bench itself."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from xtts_lab.errors import UsageError
from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import Audio, Failure, Json, Request, Synthesis, Timings

if TYPE_CHECKING:
    from torch import Tensor

AMPLITUDE = 1e-3
MOST_SAMPLES = 100_000_000


class NullSystem(BaseSystem):
    """Faint noise, determined by text, language and seed.

    `fail_every`: a request whose seed it divides fails; `crash_every`: it raises instead, as a
    broken system would. 0 means never.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 8000,
        duration_s: float = 0.05,
        fail_every: int = 0,
        crash_every: int = 0,
    ) -> None:
        self.sample_rate = sample_rate
        self._samples = round(sample_rate * duration_s)
        if sample_rate < 1 or self._samples < 1:
            raise UsageError("null: sample_rate and duration_s must make at least one sample")
        if self._samples > MOST_SAMPLES:
            raise UsageError(f"null: duration_s: at most {MOST_SAMPLES:,} samples")
        if fail_every < 0 or crash_every < 0:
            raise UsageError("null: fail_every and crash_every must be 0 (never) or more")
        self._fail_every = fail_every
        self._crash_every = crash_every

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"version": 1}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        for request in requests:
            started = time.perf_counter()
            if _divides(self._crash_every, request.seed):
                raise RuntimeError(f"the null system was told to crash at seed {request.seed}")
            if _divides(self._fail_every, request.seed):
                yield Failure(f"the null system was told to fail at seed {request.seed}")
                continue
            audio = Audio(_noise(request, self._samples), self.sample_rate)
            yield Synthesis(audio, timings=Timings(total_ms=1e3 * (time.perf_counter() - started)))


def _noise(request: Request, samples: int) -> Tensor:
    import numpy as np
    import torch

    content = f"{request.seed}\0{request.language}\0{request.text}".encode("utf-8", "replace")
    key = int.from_bytes(hashlib.blake2b(content, digest_size=16).digest(), "little")
    noise = np.random.Generator(np.random.PCG64(key)).random(samples, dtype=np.float32)
    return torch.from_numpy((noise - np.float32(0.5)) * np.float32(2 * AMPLITUDE))


def _divides(every: int, seed: int) -> bool:
    return every > 0 and seed % every == 0
