"""The report as Markdown: the same tables, without plots and audio."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from xtts_lab.report.content import Content
from xtts_lab.report.sections.checking import Check
from xtts_lab.report.sections.figures import Figure
from xtts_lab.report.sections.methods import Methods
from xtts_lab.report.tables import Cell, Table

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$])")


def render(content: Content) -> str:
    """Return the Markdown of a report."""
    return "\n".join(_lines(content)).rstrip() + "\n"


def escape(text: str, *, keep_ends: bool = False) -> str:
    """Return text that Markdown shows as it is, on one line and inside a table cell."""
    flat = re.sub(r"\s+", " ", text)
    flat = flat if keep_ends else flat.strip()
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
    yield from (escape(content.coverage), "")
    if content.random:
        yield from (f"> **{escape(content.random)}**", "")
    yield from _answer(content)
    yield from (escape(content.ran), "", "## Results", "", escape(content.headline.remark), "")
    yield from table_lines(content.headline)
    for table in content.families:
        yield from _section(table.caption, table)
    if content.comparisons is not None:
        yield from _section(content.comparisons.caption, content.comparisons)
    if content.ablation:
        yield from ("", "## Ablation")
        for table in content.ablation:
            yield from _section(table.caption, table, "###")
    yield from _parts(content)
    yield from ("", "## How to read this", "")
    yield from (f"- {escape(remark)}" for remark in content.caveats)
    yield from _figures("By language", content.figures)
    yield from _figures("Similarity", content.similarities)
    yield from _figures("Run to run", content.spreads)
    if content.percentiles is not None:
        yield from _section("Latency", content.percentiles)
    if content.timeline is not None:
        yield from _figures("Chunks", [content.timeline])
    if content.load is not None:
        yield from _section("Load", content.load)
    yield from _section("Trials", content.counts)
    if content.failures is not None:
        yield from _section("Failures", content.failures)
    yield from _check(content.check)
    yield from _methods(content.methods)
    yield from _section("Environment", content.environment)
    fence = "`" * (1 + max((len(r) for r in re.findall(r"`+", content.experiment)), default=2))
    yield from ("", "## Experiment", "", f"{fence}yaml", content.experiment.rstrip(), fence)


def _answer(content: Content) -> Iterator[str]:
    for finding in content.findings:
        effect = " ".join(part for part in (finding.effect, finding.interval) if part)
        said = f"{effect}. {finding.basis} {finding.need}".strip()
        yield f"- **{escape(finding.verdict)}**: {escape(finding.claim)} — {escape(said)}"
    if content.findings:
        yield ""
    elif content.digest:
        yield from (*(f"- {escape(line)}" for line in content.digest), "")


def _parts(content: Content) -> Iterator[str]:
    if content.parts is None:
        return
    yield from _section("Parts", content.parts)
    if content.untrained:
        yield from ("", "Why arms are untrained:", "")
    yield from (f"{i + 1}. {escape(reason)}" for i, reason in enumerate(content.untrained))


def _section(title: str, table: Table, level: str = "##") -> Iterator[str]:
    yield from ("", f"{level} {escape(title)}", "")
    if table.remark:
        yield from (escape(table.remark), "")
    yield from table_lines(table)


def _figures(title: str, figures: Sequence[Figure]) -> Iterator[str]:
    if figures:
        yield from ("", f"## {title}")
    for figure in figures:
        yield from ("", f"### {escape(figure.title)}", "")
        if figure.remark:
            yield from (escape(figure.remark), "")
        yield from table_lines(figure.table)


def _check(check: Check) -> Iterator[str]:
    yield from ("", "## Check it", "", "Beside this page; RUN is its folder.", "")
    if check.audio:
        yield "- [`audio/`](audio/) every trial's audio, as the judges heard it"
    yield from (f"- [`{name}`]({name}) {what}" for name, what in check.files)
    yield from (f"- `{command}` {what}" for command, what in check.commands)


def _methods(methods: Methods) -> Iterator[str]:
    yield from ("", "## Methods")
    for title, text in methods.paragraphs:
        parts = text.split("`")
        shown = (
            f"`{part}`" if i % 2 else escape(part, keep_ends=True) for i, part in enumerate(parts)
        )
        yield from ("", f"**{escape(title)}.** {''.join(shown)}")
    yield ""
    yield from (f"{i + 1}. {escape(work)}" for i, work in enumerate(methods.references))


def _cell(cell: Cell) -> str:
    text = escape(" ".join(part for part in (cell.text, cell.interval) if part))
    return f"{text} ({escape(cell.note)})" if cell.note else text
