"""Audio that another program made, as a system: what `xtts-lab score` puts on the bench."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from xtts_lab.errors import UsageError
from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import Failure, Json, Request, Synthesis, Timings

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")


class FilesSystem(BaseSystem):
    """Returns the file of each utterance, mono and at its own rate, otherwise untouched.

    With `folder` that is `folder/<utterance id>.wav` (or .flac, .ogg, .opus, .mp3); without it the
    `audio` that the manifest's row names. Files over `max_duration_s` fail: no utterance lasts
    ten minutes, and one file must not fill the memory. `sample_rate` is nominal: files keep theirs.
    """

    sample_rate = 24_000

    free_settings = frozenset({"folder"})

    def __init__(self, *, folder: Path | None = None, max_duration_s: float = 600.0) -> None:
        if folder is not None and not folder.is_dir():
            raise UsageError(f"files: '{folder}' is no folder; name the one that holds the audio")
        if not 0 < max_duration_s <= 3600:
            raise UsageError(
                f"files: max_duration_s must be above 0 and at most 3600, not {max_duration_s:g}"
            )
        self._folder = folder
        self._max_duration_s = max_duration_s

    @property
    def identity(self) -> Mapping[str, Json]:
        """The folder's audio by content; rows' own `audio` enters the trials' keys."""
        return {"version": 1, "folder_sha256": _digest(self._folder) if self._folder else None}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        from xtts_lab.audio import AudioError
        from xtts_lab.systems.sound_files import read_bounded

        for request in requests:
            started = time.perf_counter()
            path = self._path(request)
            if isinstance(path, Failure):
                yield path
                continue
            try:
                audio = read_bounded(path, self._max_duration_s)
            except AudioError as error:
                yield Failure(str(error))
                continue
            yield Synthesis(audio, timings=Timings(total_ms=1e3 * (time.perf_counter() - started)))

    def _path(self, request: Request) -> Path | Failure:
        if self._folder is None:
            return request.audio or Failure("the manifest names no audio for this row")
        relative = Path(request.id)
        if not request.id or relative.is_absolute() or ".." in relative.parts:
            return Failure(f"the id {request.id[:80]!r} names no file in a folder")
        for suffix in SUFFIXES:
            path = self._folder / f"{request.id}{suffix}"
            if os.path.isfile(path):  # noqa: PTH113  a name too long for a file is no error there
                return path
        return Failure(f"no file '{request.id}.wav' in the folder (nor {', '.join(SUFFIXES[1:])})")


def _digest(folder: Path) -> str:
    import hashlib

    from xtts_lab.audio import sha256

    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            total.update(f"{path.relative_to(folder).as_posix()}\0{sha256(path)}\n".encode())
    return total.hexdigest()
