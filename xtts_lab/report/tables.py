"""Tables of a report, independent of HTML and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from xtts_lab.conditions import ALL
from xtts_lab.languages import language_name
from xtts_lab.report.numbers import BLANK, count, figure, probability, span, unit_of
from xtts_lab.report.standing import standing
from xtts_lab.runs.reading import Run

MOST_COLUMNS, MOST_FAILURES = 6, 200
NOT_ASKED = "not asked"
"""What stands where an arm sat out a language."""

WAYS = {"higher": "higher is better", "lower": "lower is better", "none": ""}
"""How a metric's direction is said."""


@dataclass(frozen=True)
class Cell:
    """One cell: what it says, an interval beside it, a remark below; `arm` where it names one."""

    text: str
    interval: str = ""
    note: str = ""
    arm: int | None = None
    code: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first `labels` columns name the row, the others hold figures if `numeric`."""

    caption: str
    head: list[Cell]
    rows: list[list[Cell]] = field(default_factory=list)
    labels: int = 1
    numeric: bool = True
    remark: str = ""


def headline(run: Run) -> Table:
    """Return arms by metrics over all languages."""
    head = [Cell("Arm"), *(metric_head(run, metric) for metric in run.metrics)]
    overall = run.summary[run.summary["language"] == ALL]
    found = {(r["arm"], r["condition"], r["metric"]): r for r in records(overall)}
    rows = []
    for arm, condition in arm_rows(run, overall):
        cells = [found.get((arm, condition, metric)) for metric in run.metrics]
        rows.append(
            [arm_cell(run, arm, condition), *(value_cell(cell, remark=True) for cell in cells)]
        )
    remark = f"Unweighted mean over languages, {run.confidence:.0%} interval, scored trials (n)."
    return upright(Table("Results", head, rows, remark=remark))


def per_language(run: Run, metric: str) -> Table:
    """Return languages by arms for one metric; the plot column is left to the page."""
    part = run.summary[run.summary["metric"] == metric]
    columns = list(arm_rows(run, part))
    found = {(r["language"], r["arm"], r["condition"]): r for r in records(part)}
    present = set(part["language"])
    rows = []
    for language in [ALL, *run.languages]:
        if language in present:
            cells = [
                value_cell(found.get((language, arm, condition)))
                if language in {ALL, *run.asked[arm]}
                else Cell(NOT_ASKED)
                for arm, condition in columns
            ]
            rows.append([_language_cell(language), *cells])
    head = [Cell("Language"), *(arm_cell(run, arm, condition) for arm, condition in columns)]
    return Table(f"{metric} by language", head, rows)


def comparisons(run: Run) -> Table | None:
    """Return arms by metrics: differences from the baseline, or None without a baseline."""
    overall = run.comparisons[run.comparisons["language"] == ALL]
    if overall.empty:
        return None
    found = {(r["arm"], r["condition"], r["metric"]): r for r in records(overall)}
    rows = [
        [arm_cell(run, arm, condition)]
        + [_difference(run, found.get((arm, condition, metric))) for metric in run.metrics]
        for arm, condition in arm_rows(run, overall)
    ]
    head = [Cell("Arm"), *(metric_head(run, metric, "pp") for metric in run.metrics)]
    sizes = f"{_range(overall, 'speakers')} and {_range(overall, 'sentences')}"
    table = Table(
        f"Differences from {overall['baseline'].iloc[0]}",
        head,
        rows,
        remark=f"Paired on the same {sizes}, over all languages. p-values: the larger of "
        "the interval's and that of sign flips of whole speakers, adjusted within a metric (Holm). "
        "A verdict also stands without the speaker that moves the difference most, and in the "
        "worst case for trials that failed in one arm alone.",
    )
    return upright(table)


def upright(table: Table) -> Table:
    """Return a table of many metrics with a row a metric, so that it need not scroll sideways.

    One without rows stays so.
    """
    if not table.rows or len(table.head) - 1 <= max(MOST_COLUMNS, len(table.rows)):
        return table
    corner, *metrics = table.head
    arms = [row[0] for row in table.rows]
    rows = [[head, *(row[i + 1] for row in table.rows)] for i, head in enumerate(metrics)]
    return replace(table, head=[replace(corner, text="Metric"), *arms], rows=rows)


def failures(run: Run) -> Table | None:
    """Return everything that failed, or None."""
    if run.failures.empty:
        return None
    names = ["arm", "language", "utterance_id", "stage", "error"]
    rows = [
        [arm_cell(run, r["arm"]), *(Cell(str(r[name])) for name in names[1:])]
        for r in records(run.failures.iloc[:MOST_FAILURES])
    ]
    head = [Cell(t) for t in ("Arm", "Language", "Utterance", "Stage", "Error")]
    left = len(run.failures) - len(rows)
    remark = f"The first {len(rows)}; {left:,} more stand in failures.csv." if left else ""
    return Table("Trials and clips that failed", head, rows, numeric=False, remark=remark)


def arm_cell(run: Run, arm: str, condition: str = "") -> Cell:
    """Name an arm, with its condition where the run has more than one."""
    notes = [condition] if condition and len(run.conditions) > 1 else []
    if len(run.asked.get(arm, run.languages)) < len(run.languages):
        notes.append(f"{len(run.asked[arm])} of {count(len(run.languages), 'language')}")
    if arm in run.random_arms:
        notes.append("random weights")
    if arm in run.untrained_arms:
        notes.append("untrained")
    index = run.arms.index(arm) if arm in run.arms else None
    return Cell(arm, note=", ".join(notes), arm=index)


def arm_rows(run: Run, part: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield the (arm, condition) pairs that occur, in the order of the plan."""
    present = set(zip(part["arm"], part["condition"], strict=True))
    for arm in run.arms:
        for condition in run.conditions:
            if (arm, condition) in present:
                yield arm, condition


def _difference(run: Run, row: Mapping[str, Any] | None) -> Cell:
    if row is None:
        return Cell(BLANK)
    unit = run.described[row["metric"]][0]
    p_value = probability(row["p_adjusted"])
    verdict = f"{row['verdict']}, p {p_value if p_value.startswith('<') else '= ' + p_value}"
    return Cell(
        figure(row["difference"], unit, signed=True),
        span(row["ci_low"], row["ci_high"], unit, signed=True),
        "; ".join([verdict, *standing(row, unit, "the baseline")]),
    )


def _range(table: pd.DataFrame, column: str) -> str:
    low, high = int(table[column].min()), int(table[column].max())
    return count(high, column[:-1]) if low == high else f"{low} to {high} {column}"


def metric_head(run: Run, metric: str, ratio: str = "%") -> Cell:
    """Name a metric with its unit and direction."""
    unit, direction = run.described[metric]
    notes = [ratio if unit == "ratio" else unit_of(unit), WAYS.get(direction, "")]
    return Cell(metric, note=", ".join(n for n in notes if n), code=True)


def _language_cell(code: str) -> Cell:
    return Cell(language_name(code), note="" if code == ALL else code)


def value_cell(row: Mapping[str, Any] | None, *, remark: bool = False) -> Cell:
    """Return a mean with its interval, and what was left out of it."""
    if row is None:
        return Cell(BLANK, note="not applicable" if remark else "")
    unit = str(row["unit"])
    failed = f"{int(row['failed']):,} failed" if row["failed"] else ""
    notes = [f"n = {int(row['n']):,}" if remark else "", failed]
    if row["skipped"]:
        notes.append(f"{int(row['skipped']):,} skipped")
    return Cell(
        figure(row["mean"], unit),
        span(row["ci_low"], row["ci_high"], unit),
        ", ".join(n for n in notes if n),
    )


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as mappings."""
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
