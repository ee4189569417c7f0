"""An append-only log of finished work: what survives a kill, and damage.

One sealed JSON line per record (see `records`). A line is written whole or, if the process dies in
it, torn. A line that is not what was written is left out at the next opening, and its work is done
again; the records behind it stand.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from xtts_lab import files
from xtts_lab.records import seal, unseal


class Journal:
    """Records by their `id`; a later record replaces an earlier one of the same id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._records: dict[str, dict[str, Any]] = {}
        lines = _lines(path)
        sound = []
        for line in lines or []:
            record = unseal(line) if line.endswith(b"\n") else None
            if record is not None and isinstance(record.get("id"), str):
                self._records[record["id"]] = record
                sound.append(line)
        if sound != lines:
            files.write_bytes(path, b"".join(sound))
        self._file = path.open("ab")

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
        """Add a record, which must have an `id`; it outlives the process from here on.

        Raises `ValueError` for what is not JSON, of which nothing is written.
        """
        line = seal(record) + "\n"
        self._file.write(line.encode())
        self._file.flush()
        self._records[record["id"]] = record


def _lines(path: Path) -> list[bytes] | None:
    """Return the lines of a log; None where there is no file of ours that can be read."""
    if path.is_symlink():
        return None
    try:
        with path.open("rb") as file:
            return list(file)
    except OSError:
        return None
