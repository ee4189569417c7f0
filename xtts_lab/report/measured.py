"""The report of a folder of measurements: every table of every file, and what it was made on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xtts_lab.errors import UsageError
from xtts_lab.report.formats import sheet
from xtts_lab.report.numbers import BLANK
from xtts_lab.report.tables import Cell, Table
from xtts_lab.runs.measurements import Measured, Measurements, Value, of_folder, read


def write(folder: Path) -> None:
    """Write `report.html` and `report.md`; see `xtts_lab.report.build_measured`."""
    found = [read(path) for path in of_folder(folder)]
    if not found:
        raise UsageError(f"{folder}: holds no measurements; make them with xtts-lab latency --out")
    sheet.write(sheet_of(found), folder, "report")


def sheet_of(found: Sequence[Measurements]) -> sheet.Sheet:
    """Return the page of measurements."""
    title = found[0].title if len(found) == 1 else "Speed"
    tables = [_table(one, table) for one in found for table in one.tables]
    return sheet.Sheet(
        title,
        [_machine(one) for one in found],
        tables,
        [f"{one.title}: {note}" for one in found for note in one.notes],
        kind="measurements",
    )


def _machine(one: Measurements) -> str:
    what = ", ".join(f"{key} {value}" for key, value in one.machine.items())
    when = f" on {one.made}" if one.made else ""
    return f"{one.title}: {one.command}; measured{when} with {what}."


def _table(one: Measurements, table: Measured) -> Table:
    return Table(
        f"{one.title}: {table.title}",
        [Cell(column) for column in table.columns],
        [[Cell(_shown(value)) for value in row] for row in table.rows],
        labels=table.labels,
        remark=table.remark,
    )


def _shown(value: Value) -> str:
    if value is None:
        return BLANK
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)
