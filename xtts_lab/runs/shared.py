"""What runs share: audio and records by content key, trusted only as far as their digests go.

A cached thing that is damaged (cut, emptied, swapped, without a key, a folder in its place, not to
be read) counts as absent: it is said in a line, made again, and replaced. A cache that cannot be
written costs time and is said once; it ends no run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xtts_lab import files, records
from xtts_lab.notices import say

Record = dict[str, Any]
MOST_LINES = 5
"""How many damaged files are named; that there are more is said once."""


class Cache:
    """Audio and evidence by content key, shared by runs. `None` as folder: nothing is shared."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._damaged: set[Path] = set()
        self._writable = True

    def sweep(self) -> None:
        """Delete what dead processes left half-written."""
        if self._folder is not None:
            files.sweep_partials(self._folder)

    def get_audio(self, key: str, destination: Path) -> Record | None:
        """Copy cached audio to `destination` and return its record, or None."""
        audio, record = self._path("audio", key, ".wav"), self.get("audio", key)
        if audio is None or record is None:
            return None
        if not files.holds(audio, record.get("sha256")):
            self._name(audio)
            return None
        try:
            files.copy(audio, destination)
        except OSError:
            if not files.holds(audio, record["sha256"]):  # it went just now
                return None
            raise
        return record if files.holds(destination, record["sha256"]) else None

    def put_audio(self, key: str, source: Path, record: Record) -> None:
        """Keep audio with its record; the record comes last and so vouches for the audio."""
        audio = self._path("audio", key, ".wav")
        if audio is not None and self._writing(audio, lambda: files.copy(source, audio)):
            self.put("audio", key, record)

    def get(self, kind: str, key: str) -> Record | None:
        """Return a cached record, or None; a damaged one counts as absent."""
        path = self._path(kind, key, ".json")
        if path is None or not os.path.lexists(path):
            return None
        record = records.read(path, _place(kind, key))
        if record is None:
            self._name(path)
        return record

    def has(self, kind: str, key: str) -> bool:
        """Return whether nothing need be put: it is there, and was not found to be damaged."""
        path = self._path(kind, key, ".json")
        if path is None:
            return True
        return path.is_file() and not {path, path.with_suffix(".wav")} & self._damaged

    def put(self, kind: str, key: str, record: Record) -> None:
        """Keep a record."""
        path = self._path(kind, key, ".json")
        if path is not None:
            self._writing(path, lambda: records.write(path, record, _place(kind, key)))

    def _path(self, kind: str, key: str, suffix: str) -> Path | None:
        return self._folder / kind / key[:2] / f"{key}{suffix}" if self._folder else None

    def _name(self, path: Path) -> None:
        self._damaged.add(path)
        if len(self._damaged) <= MOST_LINES:
            say(f"{path}: is damaged in the cache; made again")
        elif len(self._damaged) == MOST_LINES + 1:
            say("more of the cache is damaged; all of it is made again")

    def _writing(self, path: Path, write: Callable[[], None]) -> bool:
        """Write below the cache, over whatever stands in the way; return whether it is there."""
        if not self._writable:
            return False
        try:
            self._make_way(path.parent)
            write()
        except OSError as error:
            self._writable = False
            why = error.strerror or type(error).__name__
            say(
                f"{path.parent}: cannot be written ({why}); what is made stays in the run folder "
                "alone. XTTS_LAB_CACHE names another cache"
            )
        return self._writable

    def _make_way(self, folder: Path) -> None:
        """Remove files that stand where this cache has its folders."""
        assert self._folder is not None
        for place in (folder.parent, folder):
            if os.path.lexists(place) and not place.is_dir():
                place.unlink()
        folder.mkdir(parents=True, exist_ok=True)


def _place(kind: str, key: str) -> str:
    return f"{kind}/{key}"
