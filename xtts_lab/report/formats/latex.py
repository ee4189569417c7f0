r"""The report's tables in LaTeX: floats with `booktabs` rules, to be read by `\input{tables}`.

The document needs `\usepackage{booktabs}` and, for texts in other scripts, LuaLaTeX or XeLaTeX with
fonts for them; figures, ids and captions are plain under any engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from xtts_lab.report.content import Content
from xtts_lab.report.tables import Cell, Table

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "−": r"$-$", "–": r"--", "…": r"\ldots{}", "×": r"$\times$", "`": r"\textasciigrave{}",
    "[": r"{[}", "]": r"{]}", "\u00a0": "~",
}  # fmt: skip
_LONG = 16  # characters of an id that still stand on one line
_BREAK = re.compile(r"(?<=[,\[])|(?<=\.)(?!\d)")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


def render(content: Content) -> str:
    """Return the tables of a report as LaTeX."""
    head = [
        f"% {_comment(content.title)}: tables written by xtts_lab; every rebuild replaces them.",
        f"% {_comment(content.coverage)}",
        r"% Needs \usepackage{booktabs}. Where many arms make a table wider than the page, set its",
        r"% tabular in \resizebox{\textwidth}{!}{...} (graphicx), or the float as table*.",
    ]
    parts = [line for name, table in _tables(content) for line in ("", *_lines(name, table))]
    return "\n".join([*head, *parts]) + "\n"


def escape(text: str) -> str:
    """Return text that LaTeX prints as it is, on one line."""
    flat = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return "".join(_SPECIAL.get(c, c) for c in flat)


def stacked(text: str, side: str) -> str:
    """Return a long id on several lines, broken after its punctuation; `side` aligns them."""
    parts = [escape(part) for part in _BREAK.split(text) if part]
    if len(text) <= _LONG or " " in text or len(parts) < 2:
        return escape(text)
    lines = r"\\".join(parts)
    return rf"\shortstack[{side}]{{{lines}}}"


def _tables(content: Content) -> Iterator[tuple[str, Table]]:
    yield "results", content.headline
    for i, table in enumerate(content.families):
        yield f"families-{i + 1}", table
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
    if content.load is not None:
        yield "load", content.load
    yield "trials", content.counts


def _lines(name: str, table: Table) -> Iterator[str]:
    columns = "l" * table.labels + ("r" if table.numeric else "l") * (
        len(table.head) - table.labels
    )
    said = ". ".join(part for part in (table.caption, table.remark.rstrip(".")) if part)
    yield from (r"\begin{table}", r"\centering", r"\small", r"\setlength{\tabcolsep}{4pt}")
    yield rf"\caption{{{escape(said)}.}}"
    yield rf"\label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', name)}}}"
    yield from (rf"\begin{{tabular}}{{{columns}}}", r"\toprule")
    yield _joined(stacked(cell.text, side) for cell, side in zip(table.head, columns, strict=True))
    if any(cell.note for cell in table.head):
        yield _joined(_small(cell.note) for cell in table.head)
    yield r"\midrule"
    for row in table.rows:
        yield from _row(row, columns, table.labels)
    yield from (r"\bottomrule", r"\end{tabular}", r"\end{table}")


def _row(row: Sequence[Cell], columns: str, labels: int) -> Iterator[str]:
    """Yield a row's lines: figures, their intervals, and what is noted of them."""
    named, rest = row[:labels], row[labels:]
    heads = [stacked(c.text, "l") if "[" in c.text else escape(c.text) for c in named]
    yield _joined([*heads, *(stacked(c.text, columns[-1]) for c in rest)])
    below = [[_small(c.note) for c in named], ["" for _ in named]]
    said = [[_small(c.interval) for c in rest], [_small(c.note) for c in rest]]
    if not any(said[0]):
        said.reverse()
    for left, right in zip(below, said, strict=True):
        if any((*left, *right)):
            yield _joined([*left, *right])


def _joined(texts: Iterable[str]) -> str:
    # A group keeps a leading bracket from being read as the option of the row break before it.
    return " & ".join(texts) + r" \\"


def _small(text: str) -> str:
    return rf"\scriptsize {escape(text)}" if text else ""


def _comment(text: str) -> str:
    return " ".join(text.split())
