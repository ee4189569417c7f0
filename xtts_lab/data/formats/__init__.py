"""Manifest formats: one file each; every one is read into the same checked rows."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from xtts_lab.data.formats.hugging_face import is_saved
from xtts_lab.data.formats.records import Record, Source
from xtts_lab.data.formats.rows import Row, checked
from xtts_lab.errors import UsageError

Format: TypeAlias = Literal["auto", "csv", "jsonl", "meta-lst", "ljspeech", "hf"]

_READERS = {
    "csv": "csv_file",
    "jsonl": "jsonl_file",
    "meta-lst": "meta_lst",
    "ljspeech": "ljspeech",
    "hf": "hugging_face",
}


class Reader(Protocol):
    """A module of this folder."""

    def read(self, source: Source) -> Iterator[Record]: ...


def detect(path: Path) -> str:
    """Return a manifest's format by its name. Raises `UsageError` where the name says nothing."""
    name = path.name.lower()
    if str(path).startswith("hf:") or is_saved(path):
        return "hf"
    if name == "metadata.csv" and (path.parent / "wavs").is_dir() and not _has_header(path):
        return "ljspeech"
    suffixes = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".lst": "meta-lst"}
    if path.suffix.lower() not in suffixes:
        raise UsageError(
            f"{path}: the name does not tell the format; set format (--format), one of "
            f"{', '.join(_READERS)}"
        )
    return suffixes[path.suffix.lower()]


def read(source: Source) -> tuple[Row, ...]:
    """Read a manifest. Raises `UsageError`, naming file and line, for what cannot be used."""
    format_name = detect(source.path) if source.format == "auto" else source.format
    module = f"xtts_lab.data.formats.{_READERS[format_name]}"
    reader: Reader = importlib.import_module(module)
    return checked(source, reader.read(source))


def _has_header(path: Path) -> bool:
    """Tell our own CSV, also when it is called metadata.csv, from LJSpeech's bars."""
    try:
        with path.open("rb") as file:
            return b"|" not in file.readline(4096)
    except OSError:
        return True
