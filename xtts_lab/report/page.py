"""The report as a whole: what stands in it, and its two files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from xtts_lab.report import markdown, tables
from xtts_lab.report.caveats import caveats
from xtts_lab.report.figures import Figure, figure
from xtts_lab.report.load import Run, load
from xtts_lab.report.numbers import count, listed
from xtts_lab.report.players import items
from xtts_lab.report.plot import key_svg
from xtts_lab.report.tables import Table


@dataclass(frozen=True)
class Content:
    """Everything that both files show."""

    title: str
    question: str
    random: str
    ran: str
    headline: Table
    comparisons: Table | None
    caveats: list[str]
    figures: list[Figure]
    failures: Table | None
    environment: Table
    experiment: str


def write(folder: Path) -> None:
    """Write `report.md` and `report.html` of a run folder; see `xtts_lab.report.build`."""
    run = load(folder)
    content = gather(run)
    _replace(folder / "report.md", markdown.render(content))
    _replace(folder / "report.html", render_html(run, content))


def gather(run: Run) -> Content:
    """Return the content of a run's report."""
    return Content(
        title=str(run.experiment.get("name") or run.path.name),
        question=str(run.experiment.get("question") or ""),
        random=_random(run),
        ran=_ran(run),
        headline=tables.headline(run),
        comparisons=tables.comparisons(run),
        caveats=caveats(run),
        figures=[figure(run, metric) for metric in run.metrics],
        failures=tables.failures(run),
        environment=tables.environment(run),
        experiment=run.experiment_text,
    )


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


def _random(run: Run) -> str:
    arms = run.random_arms
    if not arms:
        return ""
    return f"The weights of {listed(arms)} are random: figures say nothing about speech quality."


def _ran(run: Run) -> str:
    """Return one paragraph: what was run, and who judged it."""
    trials = run.trials
    failed = int((trials["status"] != "ok").sum())
    repeats = int(trials.groupby(["arm", "utterance_id"])["repeat"].nunique().max())
    parts = [
        f"{count(len(run.arms), 'arm')} ({listed(run.arms)}) spoke "
        f"{count(trials['utterance_id'].nunique(), 'utterance')} of "
        f"{count(trials['speaker'].nunique(), 'speaker')} in "
        f"{count(len(run.languages), 'language')}"
        + (f", {repeats} times each" if repeats > 1 else "")
        + f": {count(len(trials), 'trial')}, {failed or 'none'} failed.",
    ]
    judges = _judges(run)
    if judges:
        parts.append(f"Judged by {listed(judges)}.")
    return " ".join(parts)


def _judges(run: Run) -> list[str]:
    specs = run.experiment.get("instruments") or {}
    judges = []
    for key, spec in specs.items():
        model = spec.get("model") if isinstance(spec, dict) else None
        judges.append(f"{key} ({model})" if model else str(key))
    return judges


def _replace(path: Path, text: str) -> None:
    """Write text so that the file is there whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
