"""How much of what a run planned was measured: the first thing that a reader must know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def coverage(trials: pd.DataFrame, scores: pd.DataFrame, experiment: Mapping[str, Any]) -> str:
    """Return one line: trials that have audio of those planned, scores measured of those asked.

    `trials` needs the column status, `scores` the column value.
    """
    planned, spoken = len(trials), int((trials["status"] == "ok").sum())
    asked, measured = len(scores), int(scores["value"].notna().sum())
    limit = experiment.get("limit")
    cut = f" The plan was cut to the first {limit:,} trials of an arm (limit)." if limit else ""
    return (
        f"Coverage: {_of(spoken, planned)} planned trials have audio; "
        f"{_of(measured, asked)} scores asked of them were measured.{cut}"
    )


def _of(part: int, whole: int) -> str:
    """Return `all 96`, or `95 of 96 (98.9 %)`, rounded down: it is never 100 % of less."""
    if part == whole:
        return f"all {whole:,}"
    return f"{part:,} of {whole:,} ({int(1000 * part / whole) / 10} %)"
