r"""The report's tables in LaTeX: floats with `booktabs` rules, to be read by `\input{tables}`.

The document needs `\usepackage{booktabs}` and, for texts in other scripts, LuaLaTeX or XeLaTeX with
fonts for them; figures, ids and captions are plain under any engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from xtts_lab.report.content import Content
from xtts_lab.report.tables import Cell, Table

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "−": r"$-$", "–": r"--", "…": r"\ldots{}", "×": r"$\times$", "`": r"\textasciigrave{}",
    "[": r"{[}", "]": r"{]}", "\u00a0": "~",
}  # fmt: skip
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


def render(content: Content) -> str:
    """Return the tables of a report as LaTeX."""
    head = [
        f"% {_comment(content.title)}: tables written by xtts_lab; every rebuild replaces them.",
        r"% Needs \usepackage{booktabs}.",
    ]
    parts = [line for name, table in _tables(content) for line in ("", *_lines(name, table))]
    return "\n".join([*head, *parts]) + "\n"


def escape(text: str) -> str:
    """Return text that LaTeX prints as it is, on one line."""
    flat = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return "".join(_SPECIAL.get(c, c) for c in flat)


def _tables(content: Content) -> Iterator[tuple[str, Table]]:
    yield "results", content.headline
    if content.comparisons is not None:
        yield "comparisons", content.comparisons
    if content.parts is not None:
        yield "parts", content.parts
    for i, table in enumerate(content.ablation):
        yield f"ablation-{i + 1}", table
    for figure in content.figures:
        yield figure.anchor, figure.table
    for figure in (*content.similarities, *content.spreads):
        yield figure.anchor, figure.table
    if content.percentiles is not None:
        yield "latency", content.percentiles
    yield "trials", content.counts


def _lines(name: str, table: Table) -> Iterator[str]:
    columns = "l" * table.labels + ("r" if table.numeric else "l") * (
        len(table.head) - table.labels
    )
    said = ". ".join(part for part in (table.caption, table.remark.rstrip(".")) if part)
    yield from (r"\begin{table}", r"\centering", r"\small")
    yield rf"\caption{{{escape(said)}.}}"
    yield rf"\label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', name)}}}"
    yield from (rf"\begin{{tabular}}{{{columns}}}", r"\toprule")
    yield _row([Cell(cell.text) for cell in table.head])
    if any(cell.note for cell in table.head):
        yield " & ".join(_small(cell) for cell in table.head) + r" \\"
    yield r"\midrule"
    for row in table.rows:
        yield _row(
            [Cell(c.text, note=c.note if i < table.labels else "") for i, c in enumerate(row)]
        )
        if any(cell.interval or cell.note for cell in row[table.labels :]):
            below = [(_small(cell) if i >= table.labels else "") for i, cell in enumerate(row)]
            yield " & ".join(below) + r" \\"
    yield from (r"\bottomrule", r"\end{tabular}", r"\end{table}")


def _row(cells: list[Cell]) -> str:
    # A group keeps a leading bracket from being read as the option of the row break before it.
    shown = (f"{c.text} ({c.note})" if c.note and c.text else c.text for c in cells)
    return " & ".join(escape(text) for text in shown) + r" \\"


def _small(cell: Cell) -> str:
    text = " ".join(part for part in (cell.interval, cell.note) if part)
    return rf"\scriptsize {escape(text)}" if text else ""


def _comment(text: str) -> str:
    return " ".join(text.split())
