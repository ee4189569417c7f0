"""A clone of a clone: a system whose own output is its next reference."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xtts_lab import audio
from xtts_lab.errors import UsageError
from xtts_lab.systems.around import AroundSystem
from xtts_lab.types import Failure, Json, Reference, Request, Synthesis

MOST = 100


class GenerationsSystem(AroundSystem):
    """Another system (`system`), `generations` times in a row.

    The first clones the references as usual. Each further one clones what the one before it said:
    the text of the request's first reference where that is known, else the request's own, so that a
    clone never hears its own text where it can be helped. The last says the request's text. Each
    generation draws from a seed of its own, which follows from the request's. `generations: 1` is
    the system itself.
    """

    def __init__(
        self, *, system: dict[str, Any], generations: int = 2, device: str = "auto"
    ) -> None:
        super().__init__("generations", system, device)
        if not 1 <= generations <= MOST:
            raise UsageError(f"generations: must be 1 to {MOST}, not {generations}")
        self._generations = generations

    @property
    def identity(self) -> Mapping[str, Json]:
        """That of the system, and how generations follow one another."""
        return {**super().identity, "version": 1}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        """Yield what the last generation makes of each request."""
        with TemporaryDirectory(prefix="xtts_lab-generations-") as folder:
            heard: list[Request | Failure] = [*requests]
            for generation in range(1, self._generations):
                heard = self._cloned(requests, heard, generation, Path(folder))
            yield from self._said(heard)

    def _cloned(
        self,
        requests: Sequence[Request],
        heard: Sequence[Request | Failure],
        generation: int,
        folder: Path,
    ) -> list[Request | Failure]:
        """Return the requests with what a generation says as their only reference."""
        asked = [
            one if isinstance(one, Failure) else _rehearsal(request, one, generation)
            for request, one in zip(requests, heard, strict=True)
        ]
        following: list[Request | Failure] = []
        made = self._said(asked)
        for place, (request, one, said) in enumerate(zip(requests, asked, made, strict=True)):
            if isinstance(said, Failure) or isinstance(one, Failure):
                why = said.error if isinstance(said, Failure) else ""
                following.append(Failure(f"generation {generation}: {why}"))
                continue
            path = folder / f"{generation}-{place}.wav"
            try:
                audio.save(path, said.audio)
            except audio.AudioError as error:
                following.append(Failure(f"generation {generation}: {error}"))
                continue
            heard_of = (Reference(path, one.text, one.language),)
            following.append(dataclasses.replace(request, references=heard_of))
        return following

    def _said(self, heard: Sequence[Request | Failure]) -> Iterator[Synthesis | Failure]:
        known = [one for one in heard if isinstance(one, Request)]
        made = iter(self._inner.synthesise(known))
        for one in heard:
            yield next(made) if isinstance(one, Request) else one


def _rehearsal(request: Request, heard: Request, generation: int) -> Request:
    """Return what a generation says for the next one to clone."""
    first = request.references[0] if request.references else None
    said = first is not None and first.text
    text, language = (first.text, first.language) if first and said else (None, None)
    digest = hashlib.sha256(f"{request.seed} generation {generation}".encode()).digest()
    return dataclasses.replace(
        heard,
        text=text or request.text,
        language=language or request.language,
        seed=int.from_bytes(digest[:4], "little") >> 1,
    )
