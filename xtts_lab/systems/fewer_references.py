"""A system that hears a part of its references: the first so many, or the first seconds of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xtts_lab import audio
from xtts_lab.errors import UsageError
from xtts_lab.inference.transcripts import cut
from xtts_lab.systems.around import AroundSystem
from xtts_lab.types import Audio, Failure, Json, Reference, Request, Synthesis

LEAST_S = 0.5
"""A rest shorter than this is left out: no encoder finds a voice in it."""


class FewerReferencesSystem(AroundSystem):
    """Another system (`system`), given the first `count` references, `seconds` of them in all.

    So one experiment compares 1 and 16 clips, or 1 and 30 seconds, on the same utterances with the
    same seeds. None leaves that limit out. The clip in which the seconds end is cut there, and its
    text as `inference.transcripts.cut` does. A request with fewer references, or fewer seconds
    (within 5 %), fails: it would pass for more than it is.
    """

    def __init__(
        self,
        *,
        system: dict[str, Any],
        count: int | None = None,
        seconds: float | None = None,
        device: str = "auto",
    ) -> None:
        super().__init__("fewer_references", system, device)
        if count is not None and count < 1:
            raise UsageError(f"fewer_references: count must be at least 1, not {count}")
        if seconds is not None and not LEAST_S <= seconds <= 3600.0:
            raise UsageError(f"fewer_references: seconds must be {LEAST_S} to 3600, not {seconds}")
        self._count, self._seconds = count, seconds
        self._folder: TemporaryDirectory[str] | None = None

    @property
    def identity(self) -> Mapping[str, Json]:
        """That of the system, and how clips are cut."""
        return {**super().identity, "version": 1}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        """Yield what the system makes of each request with fewer references."""
        heard = [self._heard(request) for request in requests]
        known = [one for one in heard if isinstance(one, Request)]
        made = iter(self._inner.synthesise(known))
        for one in heard:
            yield next(made) if isinstance(one, Request) else one

    def _heard(self, request: Request) -> Request | Failure:
        references = request.references
        if self._count is not None and len(references) < self._count:
            return Failure(f"{len(references)} references, and {self._count} are to be heard")
        try:
            chosen = self._cut(references[: self._count])
        except (audio.AudioError, UsageError) as error:
            return Failure(str(error))
        return dataclasses.replace(request, references=tuple(chosen))

    def _cut(self, references: Sequence[Reference]) -> list[Reference]:
        """Return references of `seconds` in all; `UsageError` where there is less."""
        if self._seconds is None:
            return [*references]
        chosen: list[Reference] = []
        left = self._seconds
        for one in references:
            lasts = audio.duration_s(one.audio)
            if left >= LEAST_S:
                chosen.append(one if lasts <= left else self._beginning(one, left, lasts))
            left -= lasts
        if left > 0.05 * self._seconds:
            raise UsageError(
                f"{self._seconds - left:.1f} s of references, and {self._seconds:g} s are to be "
                "heard"
            )
        return chosen

    def _beginning(self, one: Reference, seconds: float, lasts: float) -> Reference:
        """Write the first seconds of a reference to a file of their own."""
        self._folder = self._folder or TemporaryDirectory(prefix="xtts_lab-references-")
        path = Path(self._folder.name) / f"{audio.sha256(one.audio)[:24]}-{seconds:.3f}.wav"
        if not path.exists():
            whole = audio.load(one.audio)
            samples = whole.samples[: round(seconds * whole.sample_rate)]
            audio.save(path, Audio(samples, whole.sample_rate))
        said = one.text and cut(one.text, seconds / lasts, one.language)
        return Reference(path, said, one.language)

    def close(self) -> None:
        """Release what the system holds, and the clips that were cut."""
        super().close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
