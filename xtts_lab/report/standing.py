"""What a verdict stands on: trials that failed, and the one speaker that moves it most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from xtts_lab.report.numbers import count, figure


def standing(row: Mapping[str, Any], unit: str, failed_by: str = "") -> list[str]:
    """Return remarks on a row of `comparisons.csv` or `claims.csv`; older runs have none.

    `failed_by` names the other side of the difference; a claim about a number has none.
    """
    return [*_failed(row, failed_by), *_without(row, unit), *_reason(row)]


def _failed(row: Mapping[str, Any], other: str) -> Iterator[str]:
    ours, theirs = (number_of(row, name) for name in ("failed", "failed_baseline"))
    if other and ours + theirs > 0:
        yield f"{count(int(ours), 'trial')} failed, {int(theirs):,} of {other}"
    elif ours > 0:
        yield f"{count(int(ours), 'trial')} failed"


def _without(row: Mapping[str, Any], unit: str) -> Iterator[str]:
    """Say what is left without the most influential speaker, where that was tested."""
    rest, verdict = number_of(row, "difference_without"), str(row.get("verdict_without") or "")
    if math.isfinite(rest) and verdict:
        signed = bool(row.get("baseline", True))
        shown = figure(rest, unit, signed=signed)
        yield f"without speaker {row['influential_speaker']}: {shown}, {verdict}"


def _reason(row: Mapping[str, Any]) -> Iterator[str]:
    """Say why a comparison that looks clear is undecided; a claim says it at its own place.

    What bars a verdict from the start (few speakers) stands among the caveats, once.
    """
    reason = str(row.get("reason") or "")
    if reason and row.get("verdict_without") and "claim" not in row:
        yield reason


def number_of(row: Mapping[str, Any], key: str) -> float:
    """Return a number of a row that was read from a CSV, NaN where it is blank or missing."""
    value = row.get(key)
    return float("nan") if value is None or value == "" or value != value else float(value)
