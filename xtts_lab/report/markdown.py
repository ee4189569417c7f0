"""The report as Markdown: the same tables, without plots and audio."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xtts_lab.report.content import Content
from xtts_lab.report.tables import Cell, Table

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$])")


def render(content: Content) -> str:
    """Return the Markdown of a report."""
    return "\n".join(_lines(content)).rstrip() + "\n"


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, on one line and inside a table cell."""
    flat = " ".join(text.split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", flat)


def table_lines(table: Table) -> Iterator[str]:
    """Yield the lines of a table."""
    yield "| " + " | ".join(_cell(cell) for cell in table.head) + " |"
    rules = [
        "---:" if table.numeric and i >= table.labels else "---" for i in range(len(table.head))
    ]
    yield "| " + " | ".join(rules) + " |"
    for row in table.rows:
        yield "| " + " | ".join(_cell(cell) for cell in row) + " |"


def _lines(content: Content) -> Iterator[str]:
    yield from (f"# {escape(content.title)}", "")
    if content.question:
        yield from (escape(content.question), "")
    if content.random:
        yield from (f"> **{escape(content.random)}**", "")
    yield from (escape(content.ran), "", "## Results", "", escape(content.headline.remark), "")
    yield from table_lines(content.headline)
    if content.comparisons is not None:
        table = content.comparisons
        yield from ("", f"## {escape(table.caption)}", "", escape(table.remark), "")
        yield from table_lines(table)
    yield from ("", "## How to read this", "")
    yield from (f"- {escape(remark)}" for remark in content.caveats)
    yield from ("", "## By language")
    for figure in content.figures:
        yield from ("", f"### {escape(figure.metric)}", "")
        if figure.remark:
            yield from (escape(figure.remark), "")
        yield from table_lines(figure.table)
    if content.failures is not None:
        yield from ("", "## Failures", "")
        yield from table_lines(content.failures)
    yield from ("", "## Environment", "")
    yield from table_lines(content.environment)
    fence = "`" * (1 + max((len(r) for r in re.findall(r"`+", content.experiment)), default=2))
    yield from ("", "## Experiment", "", f"{fence}yaml", content.experiment.rstrip(), fence)


def _cell(cell: Cell) -> str:
    text = escape(" ".join(part for part in (cell.text, cell.interval) if part))
    return f"{text} ({escape(cell.note)})" if cell.note else text
