"""The files of a report."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from xtts_lab import files
from xtts_lab.report.content import Content, gather
from xtts_lab.report.formats import latex, markdown
from xtts_lab.report.formats.look import DARK, LIGHT
from xtts_lab.report.formats.plot import key_svg
from xtts_lab.report.sections.listed import left_out, not_here
from xtts_lab.report.sections.players import items
from xtts_lab.runs.comparability import without_mixed
from xtts_lab.runs.reading import Run, read_run

OPEN_FIGURES = 6
"""Metrics whose figures by language stand open; the others unfold."""


def write(folder: Path, *, allow_mixed: bool = False) -> None:
    """Write the files of a report into its run folder; see `xtts_lab.report.build`."""
    run = without_mixed(read_run(folder), allowed=allow_mixed)
    content = gather(run)
    files.write_text(folder / "report.md", markdown.render(content))
    files.write_text(folder / "tables.tex", latex.render(content))
    files.write_text(folder / "report.html", render_html(run, content))


def render_html(run: Run, content: Content) -> str:
    """Return the page; everything that comes from the run is escaped by Jinja."""
    embedded, linked = items(run)
    page = templates().get_template("report.html")
    shown = page.render(
        c=content,
        embedded=embedded,
        linked=linked,
        left_out=left_out(run.trials),
        not_here=not_here(run, {item.utterance for item in (*embedded, *linked)}),
        open_figures=OPEN_FIGURES,
    )
    return shown.rstrip() + "\n"


@cache
def templates() -> jinja2.Environment:
    """Return the templates of all pages, with what they call; compiled once in a process."""
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("xtts_lab.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    pages.globals.update(key=key_svg, breakable=_breakable, light=LIGHT, dark=DARK)
    pages.filters["ticked"] = _ticked
    return pages


def _ticked(text: str) -> Markup:
    """Show what stands between backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    marked = (Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts))
    return Markup("").join(marked)


def _breakable(text: str) -> Markup:
    """Let a browser break an id after its punctuation, but for the point in a number.

    It breaks at spaces and ends by itself.
    """
    return Markup("<wbr>").join(re.split(r"(?<=[,=\[_])(?=\S)|(?<=\.)(?=[^\s\d])", text))
