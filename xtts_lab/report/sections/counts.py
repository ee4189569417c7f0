"""What became of every trial: nothing is dropped silently, and nothing absurd passes unseen."""

from __future__ import annotations

import pandas as pd

from xtts_lab.report.numbers import BLANK, number
from xtts_lab.report.tables import Cell, Table, arm_cell, arm_rows
from xtts_lab.runs.reading import Run

_FAULTS = {
    "silent": "Silent",
    "clipped": "Clipped",
    "rate_impossible": "Impossible rate",
    "looped": "Transcript loops",
    "any": "Any fault",
}


def counts(run: Run) -> Table:
    """Return arms by trials, failures, length caps, and faults where `sanity` was measured."""
    faults = [m for m in run.metrics if m.startswith("sanity.")]
    rows = []
    for arm, condition in arm_rows(run, run.located):
        trials = run.located
        trials = trials[(trials["arm"] == arm) & (trials["condition"] == condition)]
        failed, capped = trials["status"] != "ok", trials["stop"] == "limit"
        cells = [f"{len(trials):,}", f"{int(failed.sum()):,}", f"{int(capped.sum()):,}"]
        found = [_fault(run, metric, arm, condition) for metric in faults]
        rows.append([arm_cell(run, arm, condition), *(Cell(c) for c in cells), *found])
    names = [_FAULTS.get(m.partition(".")[2], m.partition(".")[2]) for m in faults]
    head = [Cell(h) for h in ("Arm", "Trials", "Failed", "At the length cap", *names)]
    said = (
        "Faults are counted among the trials in which they could be looked for. " if faults else ""
    )
    return Table("What became of every trial", head, rows, remark=said.strip())


def _fault(run: Run, metric: str, arm: str, condition: str) -> Cell:
    known: pd.DataFrame = run.known_scores
    own = known[known["metric"] == metric]
    own = own[(own["arm"] == arm) & (own["condition"] == condition)]
    if own.empty:
        return Cell(BLANK)
    hits = int((own["value"] > 0).sum())
    return Cell(f"{hits:,}", note=f"{number(hits / len(own), 'ratio')} % of {len(own):,}")
