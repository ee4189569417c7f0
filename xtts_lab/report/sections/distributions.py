"""How similarities, and repeats of one request, are distributed: histograms beside tables."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from xtts_lab.report.formats.plot import axis_svg, tick_labels
from xtts_lab.report.formats.shapes import (
    Distribution,
    Floats,
    distribution_svg,
    distributions_axis,
)
from xtts_lab.report.numbers import BLANK, number, unit_of
from xtts_lab.report.sections.figures import Figure, anchor_of
from xtts_lab.report.tables import Cell, Table, arm_cell, arm_rows
from xtts_lab.runs.reading import Run
from xtts_lab.statistics.rules import ENOUGH_FOR_ANCHORS

_APART = ("consistency", "identification", "latency", "sanity")


def similarities(run: Run) -> list[Figure]:
    """Return one figure an encoder: similarity to the own speaker, and to others."""
    ends = (".enrolment", ".impostor")
    found = dict.fromkeys(
        metric.rpartition(".")[0]
        for metric in run.metrics
        if metric.startswith("secs.") and metric.endswith(ends)
    )
    return [figure for prefix in found if (figure := _similarity(run, prefix)) is not None]


def _similarity(run: Run, prefix: str) -> Figure | None:
    known = run.known_scores
    own = known[known["metric"] == f"{prefix}.enrolment"]
    others = known[known["metric"] == f"{prefix}.impostor"]
    if own.empty:
        return None
    rows, cells = [], []
    for arm, condition in arm_rows(run, own):
        mine, theirs = (_of(part, arm, condition) for part in (own, others))
        values = None if theirs.empty else _values(theirs)
        rows.append(Distribution(run.arms.index(arm), _values(mine), values))
        cells.append([arm_cell(run, arm, condition), *_similarity_cells(mine, theirs)])
    head = ["Arm", "Own speaker", "Other speakers", "Nearer to own", "Trials"]
    table = Table(f"Similarity by {prefix}", [Cell(h) for h in head], cells)
    anchors = _anchors(run, own, others)
    axis = distributions_axis(rows, from_zero=False)
    return Figure(
        title=prefix,
        anchor=anchor_of("d", prefix),
        remark=_similarity_remark(run, others, anchors),
        table=table,
        axis=axis_svg(axis, tick_labels(axis, "cosine")),
        strips=[distribution_svg(axis, row, anchors) for row in rows],
    )


def _similarity_cells(own: pd.DataFrame, others: pd.DataFrame) -> list[Cell]:
    both = own.merge(others[["trial_id", "value"]], on="trial_id", suffixes=("", "_other"))
    nearer = float((both["value"] > both["value_other"]).mean()) if len(both) else math.nan
    share = f"{number(nearer, 'ratio')} %" if len(both) else BLANK
    spreads = [_spread(_values(part), "cosine") for part in (own, others)]
    return [*spreads, Cell(share), Cell(f"{len(own):,}")]


def _anchors(run: Run, own: pd.DataFrame, others: pd.DataFrame) -> dict[str, float]:
    """Return the medians of natural speech: what the encoder gives one and two speakers."""
    natural = run.natural_arms[:1]
    anchors = {}
    for kind, part in (("floor", own), ("chance", others)):
        values = _values(part[part["arm"].isin(natural)])
        if len(values):
            anchors[kind] = float(np.median(values))
    if "chance" not in anchors and len(others):
        anchors["chance"] = float(np.median(_values(others)))
    return anchors


def _similarity_remark(run: Run, others: pd.DataFrame, anchors: dict[str, float]) -> str:
    said = [
        "Filled: every trial against held-out audio of its speaker. Median [5\u00a0%, 95\u00a0%]."
    ]
    if len(others):
        said.append("Outline: against other speakers of the same language and source.")
    if "floor" in anchors:
        said.append(f"Dashed: natural speech, own speaker ({number(anchors['floor'], 'cosine')}).")
    if "chance" in anchors:
        whose = "natural speech" if run.natural_arms else "all arms"
        at = number(anchors["chance"], "cosine")
        said.append(f"Dotted: median against other speakers, {whose} ({at}).")
    if others["speaker"].nunique() < ENOUGH_FOR_ANCHORS and len(others):
        said.append(f"With fewer than {ENOUGH_FOR_ANCHORS} speakers the anchors are descriptive.")
    return " ".join(said)


def spreads(run: Run) -> list[Figure]:
    """Return one figure a metric: how much repeats of one request differ; none without repeats."""
    figures: list[Figure] = []
    for metric in run.metrics:
        family, _, last = metric.partition(".")
        twin = metric.removesuffix(".macro") + ".micro"
        if family not in _APART and not (last.endswith("macro") and twin in run.metrics):
            figures += _spread_figures(run, metric)
    return figures


def _spread_figures(run: Run, metric: str) -> Iterator[Figure]:
    part = run.known_scores[run.known_scores["metric"] == metric]
    by = part.groupby(["arm", "condition", "utterance_id"], sort=False, observed=True)["value"]
    units = by.agg(["count", "std", "min", "max"]).reset_index()
    units = units[units["count"] >= 2]
    if units.empty:
        return
    unit = run.described[metric][0]
    rows, cells = [], []
    for arm, condition in arm_rows(run, units):
        mine = _of(units, arm, condition)
        rows.append(Distribution(run.arms.index(arm), mine["std"].to_numpy(np.float64)))
        cells.append([arm_cell(run, arm, condition), *_spread_cells(mine, unit)])
    head = ["Arm", "Standard deviation", "No spread", "Widest apart", "Requests"]
    axis = distributions_axis(rows, from_zero=True)
    shown = unit_of(unit)
    yield Figure(
        title=metric,
        anchor=anchor_of("s", metric),
        remark=(f"In {shown}. " if shown else "") + "Over the repeats of one request; "
        "median [5\u00a0%, 95\u00a0%] of all requests.",
        table=Table(f"Spread of {metric} over repeats", [Cell(h) for h in head], cells),
        axis=axis_svg(axis, tick_labels(axis, unit)),
        strips=[distribution_svg(axis, row, {}) for row in rows],
    )


def _spread_cells(units: pd.DataFrame, unit: str) -> list[Cell]:
    gap = (units["max"] - units["min"]).to_numpy(np.float64)
    widest = units.iloc[int(gap.argmax())]
    still = float((units["std"] == 0.0).mean())
    return [
        _spread(units["std"].to_numpy(np.float64), unit),
        Cell(f"{number(still, 'ratio')} %"),
        Cell(number(float(gap.max()), unit), note=str(widest["utterance_id"])),
        Cell(f"{len(units):,}"),
    ]


def _of(part: pd.DataFrame, arm: str, condition: str) -> pd.DataFrame:
    return part[(part["arm"] == arm) & (part["condition"] == condition)]


def _values(part: pd.DataFrame) -> Floats:
    return part["value"].to_numpy(np.float64)


def _spread(values: Floats, unit: str) -> Cell:
    if not len(values):
        return Cell(BLANK)
    low, middle, high = (float(v) for v in np.quantile(values, [0.05, 0.5, 0.95]))
    return Cell(number(middle, unit), f"[{number(low, unit)}, {number(high, unit)}]")
