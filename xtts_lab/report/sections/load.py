"""How systems served requests that came at given rates: one row an arm and rate."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from xtts_lab.conditions import ALL
from xtts_lab.report.numbers import BLANK, number, span
from xtts_lab.report.tables import Cell, Table, arm_cell, arm_rows, records
from xtts_lab.runs.reading import Run
from xtts_lab.statistics.rules import ENOUGH_FOR_PERCENTILE

_METRIC = re.compile(r"load\.(?P<rate>.+)_per_s\.(?P<quantity>.+)")
_SHOWN = {
    "first_sound_ms.p50": ("First sound, p50", "ms"),
    "first_sound_ms.p95": ("First sound, p95", "ms"),
    "first_audio_ms.p50": ("First audio, p50", "ms"),
    "first_audio_ms.p95": ("First audio, p95", "ms"),
    "underruns_per_utterance": ("Underruns an utterance", "1"),
    "failed": ("Failed", "ratio"),
    "equals_alone": ("As alone", "ratio"),
}
_NOTES = {"ms": "ms", "1": "", "ratio": "%"}


def under_load(run: Run) -> Table | None:
    """Return arms and rates by what listeners had to wait for; None where no load was run."""
    rows = run.summary[run.summary["language"] == ALL]
    rows = rows[rows["metric"].map(lambda name: bool(_METRIC.fullmatch(name))) & (rows["n"] > 0)]
    if rows.empty:
        return None
    found = {(r["arm"], r["condition"], *_parts(r["metric"])): r for r in records(rows)}
    rates = sorted({key[2] for key in found}, key=float)
    cells = []
    for arm, condition in arm_rows(run, rows):
        for rate in rates:
            own = [found.get((arm, condition, rate, quantity)) for quantity in _SHOWN]
            if any(own):
                values = [_value(row, q) for q, row in zip(_SHOWN, own, strict=True)]
                cells.append([arm_cell(run, arm, condition), Cell(rate), *values])
    head = [Cell(name, note=_NOTES[unit], code=False) for name, unit in _SHOWN.values()]
    return Table(
        "Under load",
        [Cell("Arm"), Cell("Requests", note="a second", code=False), *head],
        cells,
        labels=2,
        remark="Requests come at random times (Poisson, open loop): each one's clock starts when "
        "it is due. First sound: until a player that starts with the first chunk is no longer "
        "silent. As alone: whose samples are those of the same request by itself.",
    )


def _parts(metric: str) -> tuple[str, str]:
    found = _METRIC.fullmatch(metric)
    assert found is not None
    return found["rate"], found["quantity"]


def _value(row: Mapping[str, Any] | None, quantity: str) -> Cell:
    if row is None:
        return Cell(BLANK)
    if not math.isfinite(row["mean"]):
        _, _, percentile = quantity.rpartition(".")
        least = ENOUGH_FOR_PERCENTILE.get(int(percentile[1:])) if percentile[0] == "p" else None
        return Cell(BLANK, note="" if least is None else f"takes {least:,} trials")
    unit = _SHOWN[quantity][1]
    return Cell(number(row["mean"], unit), span(row["ci_low"], row["ci_high"], unit))
