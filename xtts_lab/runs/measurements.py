"""What was measured by the clock, as a file: tables with what they were measured on, JSON.

One form for the command `latency` and for the benchmarks, so that one report shows them all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

import pydantic

from xtts_lab import files
from xtts_lab.errors import UsageError

SCHEMA = 1
"""Raise it when a reader of today could not read what is written."""
KIND = "xtts_lab measurements"

Value: TypeAlias = "str | int | float | None"


@dataclass(frozen=True)
class Measured:
    """A table; the first `labels` columns say what a row is of. None: not measured."""

    title: str
    columns: list[str]
    rows: list[list[Value]]
    labels: int = 1
    remark: str = ""


@dataclass(frozen=True)
class Measurements:
    """Tables made by one `command` on one machine, and what a reader must know of them."""

    title: str
    command: str
    machine: dict[str, str]
    tables: list[Measured]
    notes: list[str] = field(default_factory=list)
    made: str = ""
    schema: int = SCHEMA
    kind: str = KIND


def write(path: Path, measured: Measurements) -> None:
    """Write measurements as JSON, atomically; equal ones give equal bytes."""
    files.write_text(path, dumps(measured))


def dumps(measured: Measurements) -> str:
    """Return the JSON of measurements."""
    return json.dumps(asdict(measured), indent=1, ensure_ascii=False) + "\n"


def read(path: Path) -> Measurements:
    """Read measurements; `UsageError` for a file that holds none, or is damaged."""
    try:
        found = _ADAPTER.validate_json(path.read_bytes(), strict=True)
    except (OSError, pydantic.ValidationError) as error:
        what = _first(error) if isinstance(error, pydantic.ValidationError) else error
        raise UsageError(
            f"{path}: holds no measurements ({what}); make them with xtts-lab latency"
        ) from error
    if found.kind != KIND or found.schema != SCHEMA:
        raise UsageError(
            f"{path}: is '{found.kind}' of schema {found.schema}, not '{KIND}' of {SCHEMA}; "
            "measure again"
        )
    for table in found.tables:
        _check(path, table)
    return found


def _first(error: pydantic.ValidationError) -> str:
    found = error.errors()[0]
    return ".".join([*map(str, found["loc"]), found["msg"]])


def _check(path: Path, table: Measured) -> None:
    for row in table.rows:
        if len(row) != len(table.columns):
            raise UsageError(
                f"{path}: table '{table.title}': a row has {len(row)} cells for "
                f"{len(table.columns)} columns; measure again"
            )


def of_folder(folder: Path) -> list[Path]:
    """Return the JSON files of a folder, which its report is made of."""
    return sorted(folder.glob("*.json"))


def is_measured(folder: Path) -> bool:
    """Return whether a folder holds measurements, sound or not, and no run."""
    return folder.is_dir() and any(_is_kind(path) for path in of_folder(folder))


def _is_kind(path: Path) -> bool:
    try:
        return KIND in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def rows_of(found: Sequence[dict[str, Value]], columns: Sequence[str]) -> list[list[Value]]:
    """Return mappings as rows of columns."""
    return [[one.get(name) for name in columns] for one in found]


_ADAPTER = pydantic.TypeAdapter(Measurements)
