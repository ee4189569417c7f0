"""CSV with a header; several clips in one cell are separated by `;`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from xtts_lab.data.formats.records import COLUMNS, Record, Source, canonical, hint, text_of
from xtts_lab.errors import UsageError

LISTS = ("references", "enrolment")


def read(source: Source) -> Iterator[Record]:
    """Yield the records. Raises `UsageError`, naming file and line, for what is no such CSV."""
    path = source.path
    reader = csv.reader(io.StringIO(text_of(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(source, header)
        # A quoted cell may span lines: a record is named by its last one.
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Record(reader.line_num, _values(path, reader.line_num, header, cells))
    except csv.Error as error:
        raise UsageError(
            f"{path}:{max(1, reader.line_num)}: cannot be read as CSV ({error}); check the quotes"
        ) from error


def _check_header(source: Source, header: Sequence[str]) -> None:
    path = source.path
    if not any(header):
        raise UsageError(f"{path}: is empty; write a header and rows below it")
    for name in header:
        if name and header.count(name) > 1:
            raise UsageError(f"{path}:1: column '{name}' stands twice; keep one")
    if source.language is None and "language" not in header:
        commas = "" if len(header) > 1 else "; columns are separated by commas"
        raise UsageError(
            f"{path}:1: column language is missing; add it{hint(header, 'language')}, "
            f"or set language (--language) for all rows{commas}"
        )
    holders = ("path", "text", "audio")
    names = {name for column in holders for name in (column, *COLUMNS[column])}
    if not names & set(header):
        raise UsageError(f"{path}:1: no column path, text or audio; add one{hint(header, 'text')}")


def _values(path: Path, line: int, header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    if len(cells) != len(header):
        raise UsageError(
            f"{path}:{line}: {len(cells)} cells under a header of {len(header)}; "
            "quote cells that hold commas"
        )
    stripped = ((name, cell.strip()) for name, cell in zip(header, cells, strict=True))
    values = canonical(path, line, stripped)
    for name in LISTS:
        if name in values:
            values[name] = [part.strip() for part in values[name].split(";") if part.strip()]
    return values
