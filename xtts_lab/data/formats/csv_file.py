"""CSV with a header; several clips in one cell are separated by `;`.

Columns are separated by commas, or by what the format's name says. In the tab-separated files of
Common Voice and its like, quotes mean nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from xtts_lab.data.formats.records import (
    Record,
    Source,
    hint,
    meaning_of,
    record_of,
    text_of,
)
from xtts_lab.errors import UsageError

LISTS = ("references", "enrolment")
SEPARATORS = {"csv": ",", "csv-semicolon": ";", "csv-bar": "|", "tsv": "\t"}
"""Format -> what stands between two columns."""


def read(source: Source) -> Iterator[Record]:
    """Yield the records. Raises `UsageError`, naming file and line, for what is no such CSV."""
    separator = SEPARATORS.get(source.format, "\t" if source.path.suffix == ".tsv" else ",")
    yield from read_separated(source, separator)


def read_separated(source: Source, separator: str) -> Iterator[Record]:
    """Yield the records of a file with a header and that separator."""
    path = source.path
    text = io.StringIO(text_of(path), newline="")
    quoting: Any = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    reader = csv.reader(text, delimiter=separator, quoting=quoting, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(source, header)
        # A quoted cell may span lines: a record is named by its last one.
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _record(path, reader.line_num, header, cells)
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
    known = {meaning_of(name) for name in header}
    other = _other_separator(header) if known == {None} else ""
    if source.language is None and "language" not in known:
        raise UsageError(
            f"{path}:1: column language is missing; add it{hint(header, 'language')}, "
            f"or set language (--language) for all rows{other}"
        )
    if not known & {"path", "text", "audio"}:
        raise UsageError(
            f"{path}:1: no column path, text or audio; add one{hint(header, 'text')}{other}"
        )


def _other_separator(header: Sequence[str]) -> str:
    """Say what separates the columns of a header that has been taken for one column."""
    for format_name, separator in SEPARATORS.items():
        if len(header) == 1 and separator in header[0]:
            shown = "tabs" if separator == "\t" else f"'{separator}'"
            lists = ", or ljspeech, meta-lst or coqui" if separator == "|" else ""
            return (
                f"; columns are separated by commas, and these by {shown}: set format (--format) "
                f"to {format_name}{lists}"
            )
    return "; columns are separated by commas" if len(header) == 1 else ""


def _record(path: Path, line: int, header: Sequence[str], cells: Sequence[str]) -> Record:
    if len(cells) != len(header):
        raise UsageError(
            f"{path}:{line}: {len(cells)} cells under a header of {len(header)}; "
            "quote cells that hold commas"
        )
    stripped = ((name, cell.strip()) for name, cell in zip(header, cells, strict=True))
    record = record_of(path, line, stripped)
    lists = {
        name: [part.strip() for part in record.values[name].split(";") if part.strip()]
        for name in LISTS
        if name in record.values
    }
    return Record(line, {**record.values, **lists}, record.unread) if lists else record
