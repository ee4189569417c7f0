"""One metric by language: its table and the strips beside the rows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from xtts_lab.report.load import Run
from xtts_lab.report.numbers import number, unit_of
from xtts_lab.report.plot import Mark, axis_of, axis_svg, strip_svg
from xtts_lab.report.tables import ALL, Table, per_language

_WAYS = {"higher": "Higher is better.", "lower": "Lower is better.", "none": ""}


@dataclass(frozen=True)
class Figure:
    """A metric's table by language; `strips` has one SVG a row, `axis` the ticks above them."""

    metric: str
    anchor: str
    remark: str
    table: Table
    axis: Markup
    strips: list[Markup]


def figure(run: Run, metric: str) -> Figure:
    """Return the figure of a metric."""
    part = run.summary[run.summary["metric"] == metric]
    unit, direction = run.described[metric]
    marks = {
        str(language): _marks(run, rows) for language, rows in part.groupby("language", sort=False)
    }
    axis = axis_of([m for row in marks.values() for m in row], from_zero=direction != "higher")
    order = [language for language in [ALL, *run.languages] if language in marks]
    shown = f"In {unit_of(unit)}. " if unit_of(unit) else ""
    return Figure(
        metric=metric,
        anchor="m-" + "".join(c if c.isalnum() else "-" for c in metric),
        remark=(shown + _WAYS.get(direction, "")).strip(),
        table=per_language(run, metric),
        axis=axis_svg(axis, {t: _tick(t, unit, axis.ticks) for t in axis.ticks}),
        strips=[strip_svg(axis, marks[language]) for language in order],
    )


def _marks(run: Run, rows: pd.DataFrame) -> list[Mark]:
    places = {arm: i for i, arm in enumerate(run.arms)}
    marks = [
        Mark(places[str(r["arm"])], float(r["mean"]), float(r["ci_low"]), float(r["ci_high"]))
        for r in rows.to_dict("records")
    ]
    return sorted(marks, key=lambda mark: mark.arm)


def _tick(value: float, unit: str, ticks: tuple[float, ...]) -> str:
    """Return a tick's label without decimals that no tick needs."""
    labels = [number(t, unit) for t in ticks]
    text = number(value, unit)
    while "." in text and all(label.endswith("0") for label in labels):
        labels, text = [label[:-1] for label in labels], text[:-1]
        if text.endswith("."):
            return text[:-1]
    return text
