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

Format: TypeAlias = Literal[
    "auto", "csv", "csv-semicolon", "csv-bar", "tsv", "jsonl", "meta-lst", "ljspeech", "coqui",
    "hf", "librispeech-pc", "minimax", "cv3-eval",
]  # fmt: skip

_READERS = {
    **dict.fromkeys(("csv", "csv-semicolon", "csv-bar", "tsv"), "csv_file"),
    "jsonl": "jsonl_file",
    "meta-lst": "meta_lst",
    "ljspeech": "ljspeech",
    "coqui": "coqui",
    "hf": "hugging_face",
    "librispeech-pc": "librispeech_pc",
    "minimax": "minimax",
    "cv3-eval": "cv3_eval",
}

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".lst": "meta-lst",
}


class Reader(Protocol):
    """A module of this folder."""

    def read(self, source: Source) -> Iterator[Record]: ...


def detect(path: Path) -> str:
    """Return a manifest's format by its name. Raises `UsageError` where the name says nothing."""
    name = path.name.lower()
    if str(path).startswith("hf:") or is_saved(path):
        return "hf"
    suffix = path.suffix.lower()
    head = _head(path) if suffix == ".csv" else ""
    if head.startswith("audio_file|"):
        return "coqui"
    if name == "metadata.csv" and (path.parent / "wavs").is_dir() and "|" in head:
        return "ljspeech"
    if suffix not in _SUFFIXES:
        raise UsageError(
            f"{path}: the name does not tell the format; set format (--format), one of "
            f"{', '.join(_READERS)}"
        )
    return _SUFFIXES[suffix]


def read(source: Source) -> tuple[Row, ...]:
    """Read a manifest. Raises `UsageError`, naming file and line, for what cannot be used."""
    format_name = detect(source.path) if source.format == "auto" else source.format
    module = f"xtts_lab.data.formats.{_READERS[format_name]}"
    reader: Reader = importlib.import_module(module)
    return checked(source, reader.read(source))


def _head(path: Path) -> str:
    """Return the first line, which tells our own CSV from what others call so; empty for none."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.readline(4096).decode("utf-8", "replace").lstrip("\ufeff")
    except OSError:
        return ""
