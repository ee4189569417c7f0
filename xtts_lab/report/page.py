"""The two files of a report."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
from markupsafe import Markup

from xtts_lab import files
from xtts_lab.report import markdown
from xtts_lab.report.content import Content, gather
from xtts_lab.report.load import Run, load
from xtts_lab.report.players import items
from xtts_lab.report.plot import key_svg


def write(folder: Path) -> None:
    """Write `report.md` and `report.html` of a run folder; see `xtts_lab.report.build`."""
    run = load(folder)
    content = gather(run)
    files.write_text(folder / "report.md", markdown.render(content))
    files.write_text(folder / "report.html", render_html(run, content))


def render_html(run: Run, content: Content) -> str:
    """Return the page; everything that comes from the run is escaped by Jinja."""
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("xtts_lab.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    pages.globals.update(key=key_svg, breakable=_breakable)
    embedded, linked = items(run)
    page = pages.get_template("report.html").render(c=content, embedded=embedded, linked=linked)
    return page.rstrip() + "\n"


def _breakable(text: str) -> Markup:
    """Let a browser break an id after its punctuation."""
    return Markup("<wbr>").join(re.split(r"(?<=[.,=\[])", text))
