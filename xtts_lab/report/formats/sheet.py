"""A small page of tables that is no report of one run, such as a comparison of two.

It is shown four ways, all from the same tables: as HTML, Markdown, CSV and plain text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from xtts_lab import files
from xtts_lab.report.formats.markdown import escape, table_lines
from xtts_lab.report.page import templates
from xtts_lab.report.tables import Cell, Table
from xtts_lab.runs.csv_cells import neutralise


@dataclass(frozen=True)
class Sheet:
    """`lead` are sentences before the tables, `notes` those after them; `data` is the CSV.

    `kind` stands above the title.
    """

    title: str
    lead: list[str]
    tables: list[Table]
    notes: list[str]
    data: pd.DataFrame | None = field(default=None, repr=False)
    kind: str = "comparison"


def write(sheet: Sheet, folder: Path, name: str = "compare") -> None:
    """Write NAME.html, NAME.md and, where there is data, NAME.csv into a folder."""
    page = templates().get_template("sheet.html").render(c=sheet)
    files.write_text(folder / f"{name}.html", page.rstrip() + "\n")
    files.write_text(folder / f"{name}.md", "\n".join(_markdown(sheet)).rstrip() + "\n")
    if sheet.data is not None:
        table = neutralise(sheet.data).to_csv(index=False, lineterminator="\n")
        files.write_text(folder / f"{name}.csv", table)


def plain(sheet: Sheet) -> str:
    """Return a sheet for a terminal, its columns aligned."""
    lines = [sheet.title, *sheet.lead]
    for table in sheet.tables:
        lines += ["", table.caption, *([table.remark] if table.remark else []), *_aligned(table)]
    return "\n".join([*lines, *(["", *sheet.notes] if sheet.notes else [])])


def _aligned(table: Table) -> Iterator[str]:
    rows = [[_said(cell) for cell in row] for row in [table.head, *table.rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.head))]
    for row in rows:
        yield "  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip()


def _said(cell: Cell) -> str:
    text = " ".join(part for part in (cell.text, cell.interval) if part)
    return f"{text} ({cell.note})" if cell.note else text


def _markdown(sheet: Sheet) -> Iterator[str]:
    yield from (f"# {escape(sheet.title)}", "")
    for line in sheet.lead:
        yield from (escape(line), "")
    for table in sheet.tables:
        yield from (f"## {escape(table.caption)}", "")
        if table.remark:
            yield from (escape(table.remark), "")
        yield from (*table_lines(table), "")
    yield from (f"- {escape(note)}" for note in sheet.notes)
