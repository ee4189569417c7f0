"""espeak-ng on the bench: a formant synthesiser, in-process, deterministic."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from xtts_lab.errors import UsageError
from xtts_lab.espeak.client import EspeakError
from xtts_lab.espeak.engine import RATE_WPM, SAMPLE_RATE, Engine, identity
from xtts_lab.espeak.variants import Variant
from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import (
    Audio,
    Failure,
    Json,
    Reference,
    Request,
    Synthesis,
    Timings,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_WPM, MAX_WPM = 80, 450


class EspeakSystem(BaseSystem):
    """espeak-ng, which cannot clone: two bounds of speaker similarity, and a fast baseline.

    `speaker="reference"`: where the first reference was made by `SyntheticSpeakers`, that very
    speaker speaks, an oracle and the upper bound of cloning; for any other reference, or none,
    espeak-ng's plain voice. `speaker="default"`: always the plain voice, the floor.
    `speed_wpm`: speaking rate in words a minute, 80 to 450. A request's seed changes nothing.
    Timings of generation start when the voice is ready.
    """

    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        *,
        speaker: Literal["reference", "default"] = "reference",
        speed_wpm: int = RATE_WPM,
    ) -> None:
        if speaker not in ("reference", "default"):
            raise UsageError(f"espeak: speaker must be 'reference' or 'default', not {speaker!r}")
        if not MIN_WPM <= speed_wpm <= MAX_WPM:
            raise UsageError(
                f"espeak: speed_wpm must be {MIN_WPM} to {MAX_WPM} words a minute, not {speed_wpm}"
            )
        self._speaker = speaker
        self._speed_wpm = speed_wpm
        self._engine = Engine()

    @property
    def identity(self) -> Mapping[str, Json]:
        return {**identity()}

    def close(self) -> None:
        """End espeak-ng's processes; they also end with this object or this process."""
        self._engine.close()

    def prepare(self, references: Sequence[Reference]) -> Variant | None:
        """Return the synthetic speaker whom the first reference names, None for the plain voice.

        Raises `AudioError` for a reference that cannot be read, `ValueError` for one made by
        another version of the synthetic speakers.
        """
        from xtts_lab.audio import comment_of
        from xtts_lab.espeak.speakers import variant_of

        if self._speaker == "default" or not references:
            return None
        return variant_of(comment_of(references[0].audio))

    def stream(self, request: Request, voice: Variant | None) -> Iterator[Audio]:
        """Yield float32 chunks of about 90 ms; raises `EspeakError` where nothing can be said."""
        for chunk in self._chunks(request, voice):
            yield _audio([chunk])

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        for request in requests:
            try:
                yield self._synthesise(request)
            except (EspeakError, ValueError) as error:
                yield Failure(f"espeak: {error}")

    def _synthesise(self, request: Request) -> Synthesis:
        started = time.perf_counter()
        voice = self.prepare(request.references)
        ready = time.perf_counter()
        first = None
        chunks = []
        for chunk in self._chunks(request, voice):
            first = first or time.perf_counter()
            chunks.append(chunk)
        audio = _audio(chunks)
        timings = Timings(
            condition_ms=1e3 * (ready - started),
            first_audio_ms=None if first is None else 1e3 * (first - ready),
            total_ms=1e3 * (time.perf_counter() - ready),
        )
        return Synthesis(audio, timings=timings)

    def _chunks(self, request: Request, voice: Variant | None) -> Iterator[NDArray[np.int16]]:
        return self._engine.stream(request.text, request.language, voice, rate_wpm=self._speed_wpm)


def _audio(chunks: Sequence[NDArray[np.int16]]) -> Audio:
    import numpy as np
    import torch

    return Audio(torch.from_numpy(np.concatenate(chunks)).float() / 32768.0, SAMPLE_RATE)
