"""Natural recordings as a system: the floor of every error rate, the ceiling of similarity."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import Failure, Json, Request, Synthesis, Timings

SAMPLE_RATE = 24_000


class RecordingsSystem(BaseSystem):
    """Returns the recording of a request's text, at 24 kHz mono, otherwise untouched.

    24 kHz is the rate at which XTTS speaks; lower rates are interpolated, which adds nothing.
    """

    sample_rate = SAMPLE_RATE

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"version": 1, "sample_rate": SAMPLE_RATE}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        from xtts_lab.audio import AudioError, load

        for request in requests:
            started = time.perf_counter()
            if request.target is None:
                yield Failure(f"no natural recording of this text: {request.text[:80]!r}")
                continue
            try:
                audio = load(request.target, SAMPLE_RATE)
            except AudioError as error:
                yield Failure(str(error))
                continue
            total_ms = 1e3 * (time.perf_counter() - started)
            yield Synthesis(audio, timings=Timings(total_ms=total_ms))
