"""One metric by language: its table and the strips beside the rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from xtts_lab.conditions import ALL
from xtts_lab.report.formats.plot import Mark, axis_of, axis_svg, strip_svg, tick_labels
from xtts_lab.report.numbers import unit_of
from xtts_lab.report.tables import Table, per_language
from xtts_lab.runs.reading import Run

_WAYS = {"higher": "Higher is better.", "lower": "Lower is better.", "none": ""}


@dataclass(frozen=True)
class Figure:
    """A table with a drawing beside each row; `strips` has one SVG a row, `axis` their ticks.

    `title` is a metric id where `code` says so.
    """

    title: str
    anchor: str
    remark: str
    table: Table
    axis: Markup
    strips: list[Markup]
    code: bool = True


def figure(run: Run, metric: str) -> Figure:
    """Return the figure of a metric."""
    part = run.summary[run.summary["metric"] == metric]
    unit, direction = run.described[metric]
    marks = {
        str(language): _marks(run, rows) for language, rows in part.groupby("language", sort=False)
    }
    axis = axis_of([m for row in marks.values() for m in row], from_zero=direction != "higher")
    order = [language for language in [ALL, *run.languages] if language in marks]
    floors = {language: _floor(run, part, language) for language in order}
    shown = f"In {unit_of(unit)}. " if unit_of(unit) else ""
    dashed = (
        "The dashed line is natural speech." if any(map(math.isfinite, floors.values())) else ""
    )
    return Figure(
        title=metric,
        anchor=anchor_of("m", metric),
        remark=" ".join(f"{shown}{_WAYS.get(direction, '')} {dashed}".split()),
        table=per_language(run, metric),
        axis=axis_svg(axis, tick_labels(axis, unit)),
        strips=[strip_svg(axis, marks[language], floors[language]) for language in order],
    )


def anchor_of(prefix: str, name: str) -> str:
    """Return a name as an HTML id."""
    return f"{prefix}-" + "".join(c if c.isalnum() else "-" for c in name)


def _marks(run: Run, rows: pd.DataFrame) -> list[Mark]:
    places = {arm: i for i, arm in enumerate(run.arms)}
    marks = [
        Mark(places[str(r["arm"])], float(r["mean"]), float(r["ci_low"]), float(r["ci_high"]))
        for r in rows.to_dict("records")
    ]
    return sorted(marks, key=lambda mark: mark.arm)


def _floor(run: Run, part: pd.DataFrame, language: str) -> float:
    """Return what natural recordings reach in a language; NaN where the run has none."""
    known = part[(part["language"] == language) & part["arm"].isin(run.natural_arms[:1])]
    return float(known["mean"].iloc[0]) if len(known) else math.nan
