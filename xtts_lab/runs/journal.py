"""An append-only log of finished work: what survives a kill.

One JSON line per record. A line is written whole or, if the process dies in it, torn; a torn last
line is cut off at the next opening, and its work is done again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any


class Journal:
    """Records by their `id`; a later record replaces an earlier one of the same id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._records: dict[str, dict[str, Any]] = {}
        sound = 0
        if path.exists():
            for record, end in _sound_lines(path):
                self._records[record["id"]] = record
                sound = end
        self._file = path.open("ab")
        self._file.truncate(sound)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def get(self, record_id: str) -> dict[str, Any] | None:
        """Return the newest record of an id."""
        return self._records.get(record_id)

    def append(self, record: dict[str, Any]) -> None:
        """Add a record, which must have an `id`; it outlives the process from here on."""
        line = json.dumps(record, ensure_ascii=True, separators=(",", ":")) + "\n"
        self._file.write(line.encode())
        self._file.flush()
        self._records[record["id"]] = record


def _sound_lines(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield each record with the offset behind it, up to the first line that is not whole."""
    end = 0
    with path.open("rb") as file:
        for line in file:
            end += len(line)
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
            except ValueError:
                return
            if not isinstance(record, dict) or "id" not in record:
                return
            yield record, end
