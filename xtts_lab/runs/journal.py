"""An append-only log of finished work: what survives a kill, and damage.

One sealed JSON line per record (see `records`). A line is written whole or, if the process dies in
it, torn. A line that is not what was written is left out at the next opening, and its work is done
again; the records behind it stand. Of each record only its place is kept in memory, and what was
asked for last (clips that many trials are compared with): a log of a million trials lies on the
disk.
"""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import Any

from xtts_lab import files
from xtts_lab.records import DIGEST, seal, unseal

RECENT_BYTES = 16 * 2**20
"""Of records that are kept as they were read, as long as they are on the disk."""
_LENGTH_BITS = 32
"""A place is an offset and, in its lowest bits, a length: one integer."""


class Journal:
    """Records by their `id`; a later record replaces an earlier one of the same id."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._places: dict[str, int] = {}
        self._recent: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._recent_bytes = 0
        if not self._index(path):
            files.write_with(path, lambda partial: self._rewrite(path, partial))
        self._file = path.open("a+b")
        self._end = self._file.seek(0, os.SEEK_END)

    def _index(self, path: Path) -> bool:
        """Note where sound lines will stand; return whether there are no others."""
        sound, end = True, 0
        try:
            if path.is_symlink():
                return False
            with path.open("rb") as file:
                for line in file:
                    record = _record_of(line)
                    if record is None:
                        sound = False
                        continue
                    self._places[record["id"]] = (end << _LENGTH_BITS) | len(line)
                    end += len(line)
        except OSError:
            self._places.clear()
            return False
        return sound

    def _rewrite(self, path: Path, partial: Path) -> None:
        if not self._places:  # nothing that could be read
            return
        with path.open("rb") as old, partial.open("wb") as new:
            new.writelines(line for line in old if _record_of(line) is not None)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __contains__(self, record_id: str) -> bool:
        return record_id in self._places

    def get(self, record_id: str) -> dict[str, Any] | None:
        """Return the newest record of an id, not to be changed."""
        if record_id in self._recent:
            self._recent.move_to_end(record_id)
            return self._recent[record_id]
        place = self._places.get(record_id)
        if place is None:
            return None
        line = os.pread(self._file.fileno(), _length(place), place >> _LENGTH_BITS)
        record: dict[str, Any] = json.loads(line)  # it was sound, and this process holds the lock
        record.pop(DIGEST, None)
        self._recent[record_id] = record
        self._recent_bytes += len(line)
        while self._recent_bytes > RECENT_BYTES:
            self._forget(next(iter(self._recent)))
        return record

    def _forget(self, record_id: str) -> None:
        if self._recent.pop(record_id, None) is not None:
            self._recent_bytes -= _length(self._places[record_id])

    def append(self, record: dict[str, Any]) -> None:
        """Add a record, which must have an `id`; it outlives the process from here on.

        Raises `ValueError` for what is not JSON, of which nothing is written.
        """
        line = (seal(record) + "\n").encode()
        self._file.write(line)
        self._file.flush()
        self._forget(record["id"])
        self._places[record["id"]] = (self._end << _LENGTH_BITS) | len(line)
        self._end += len(line)


def _length(place: int) -> int:
    return place & ((1 << _LENGTH_BITS) - 1)


def _record_of(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line; None for one that was not written so."""
    record = unseal(line) if line.endswith(b"\n") else None
    return record if record is not None and isinstance(record.get("id"), str) else None
