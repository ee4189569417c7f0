"""Streaming latency: percentiles from enough trials, and chunk by chunk."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xtts_lab.conditions import ALL
from xtts_lab.report.formats.plot import axis_for, axis_svg, tick_labels
from xtts_lab.report.formats.shapes import WIDE, Chunks, timeline_svg
from xtts_lab.report.numbers import BLANK, number, span
from xtts_lab.report.sections.figures import Figure
from xtts_lab.report.tables import Cell, Table, arm_cell, arm_rows, records
from xtts_lab.runs.reading import Run
from xtts_lab.statistics.rules import ENOUGH_FOR_PERCENTILE

_LEAST = {f"p{percent}": trials for percent, trials in ENOUGH_FOR_PERCENTILE.items()}
PERCENTILES = tuple(_LEAST)
_SHOWN_CHUNKS = 8
_NAMES = {
    "first_audio_ms": "First audio",
    "first_sound_ms": "First sound",
    "cold_first_audio_ms": "First audio, cold voice",
    "longest_gap_ms": "Longest gap",
}


def percentiles(run: Run) -> Table | None:
    """Return arms and percentiles by what was timed; None where nothing was."""
    rows = run.summary[run.summary["language"] == ALL]
    timed = [m for m in run.metrics if m.startswith("latency.") and m.endswith(PERCENTILES)]
    rows = rows[rows["metric"].isin(timed) & (rows["n"] > 0)]
    if rows.empty:
        return None
    names = list(dict.fromkeys(m.split(".")[1] for m in timed))
    found = {(r["arm"], r["condition"], r["metric"]): r for r in records(rows)}
    cells = []
    for arm, condition in arm_rows(run, rows):
        for p in PERCENTILES:
            own = [found.get((arm, condition, f"latency.{name}.{p}")) for name in names]
            if any(own):
                values = [_value(row, p) for row in own]
                cells.append([arm_cell(run, arm, condition), Cell(p), *values])
    head = [
        Cell("Arm"),
        Cell("Percentile"),
        *(Cell(_NAMES.get(n, n), note="ms", code=False) for n in names),
    ]
    return Table(
        "Latency percentiles",
        head,
        cells,
        labels=2,
        remark="Milliseconds, mean over languages of each language's percentile. A percentile is "
        f"printed from enough trials only: {_enough()}.",
    )


def _enough() -> str:
    """Say from how many trials on tails are printed."""
    return ", ".join(f"{name} from {count:,}" for name, count in _LEAST.items() if count > 1)


def _value(row: Mapping[str, Any] | None, percentile: str) -> Cell:
    if row is None:
        return Cell(BLANK)
    if not math.isfinite(row["mean"]):
        return Cell(BLANK, note=f"takes {_LEAST[percentile]:,} trials")
    return Cell(number(row["mean"], "ms"), span(row["ci_low"], row["ci_high"], "ms"))


def timeline(run: Run) -> Figure | None:
    """Return chunk by chunk how an utterance reaches its listener; None without streamed trials."""
    streamed = _streamed(run)
    if streamed.empty:
        return None
    arms = [arm for arm in run.arms if arm in set(streamed["arm"])]
    typical = {arm: _typical(streamed[streamed["arm"] == arm]) for arm in arms}
    ends = [chunks.end_ms for chunks in typical.values()]
    axis = axis_for([0.0, *ends], from_zero=True, width=WIDE)
    shown = min(_SHOWN_CHUNKS, int(streamed["chunks"].map(_length).max()))
    head = ["Arm", *(f"Chunk {i + 1}" for i in range(shown)), "Trials"]
    cells = [
        [arm_cell(run, arm), *_arrival_cells(streamed[streamed["arm"] == arm], shown)]
        for arm in arms
    ]
    return Figure(
        title="Chunk by chunk",
        anchor="chunks",
        remark="Drawn: of each arm the trial with the median time to first audio, in ms since the "
        "text was submitted; ticks are arrivals, blocks are playback, gaps are silence. In the "
        "table: median arrival of each chunk [5\u00a0%, 95\u00a0%], and how often the player "
        "had run dry.",
        table=Table("Arrival of chunks in ms", [Cell(h) for h in head], cells),
        axis=axis_svg(axis, tick_labels(axis, "ms")),
        strips=[timeline_svg(axis, run.arms.index(arm), typical[arm]) for arm in arms],
        code=False,
    )


def _streamed(run: Run) -> pd.DataFrame:
    """Return trials whose stream was timed, with their `chunks`."""
    table = run.latency
    if table.empty or not {"arm", "arrivals_ms", "durations_ms"} <= set(table.columns):
        return pd.DataFrame()
    known = table[table["arrivals_ms"].notna() & table["durations_ms"].notna()]
    chunks = [
        _chunks(_numbers(arrivals), _numbers(durations))
        for arrivals, durations in zip(known["arrivals_ms"], known["durations_ms"], strict=True)
    ]
    streamed = known[["trial_id", "arm"]].assign(chunks=pd.Series(chunks, known.index, object))
    return streamed[[bool(one.arrivals_ms) for one in chunks]]


def _numbers(stored: object) -> list[float]:
    values: Any = json.loads(stored) if isinstance(stored, str) else stored
    return [float(value) for value in values]


def _chunks(arrivals_ms: Sequence[float], durations_ms: Sequence[float]) -> Chunks:
    """Play chunks: each once it is there and all before it have been played."""
    starts: list[float] = []
    free = -math.inf
    for arrival, duration in zip(arrivals_ms, durations_ms, strict=True):
        starts.append(max(arrival, free))
        free = starts[-1] + duration
    return Chunks(arrivals_ms, starts, durations_ms)


def _length(chunks: Chunks) -> int:
    return len(chunks.arrivals_ms)


def _typical(streamed: pd.DataFrame) -> Chunks:
    first = streamed["chunks"].map(lambda chunks: chunks.arrivals_ms[0])
    ranked = streamed.assign(first=first).sort_values(["first", "trial_id"], kind="stable")
    chosen: Chunks = ranked["chunks"].iloc[(len(ranked) - 1) // 2]
    return chosen


def _arrival_cells(streamed: pd.DataFrame, shown: int) -> list[Cell]:
    cells = []
    for i in range(shown):
        with_it = [chunks for chunks in streamed["chunks"] if _length(chunks) > i]
        if not with_it:
            cells.append(Cell(BLANK))
            continue
        arrivals = np.array([chunks.arrivals_ms[i] for chunks in with_it])
        low, middle, high = (float(v) for v in np.quantile(arrivals, [0.05, 0.5, 0.95]))
        late = sum(_is_late(chunks, i) for chunks in with_it) / len(with_it)
        note = f"late {number(late, 'ratio')} %" if i else ""
        cells.append(Cell(number(middle, "ms"), span(low, high, "ms"), note))
    return [*cells, Cell(f"{len(streamed):,}")]


def _is_late(chunks: Chunks, i: int) -> bool:
    """Say whether the player had played everything before chunk `i` arrived."""
    return i > 0 and chunks.starts_ms[i] > chunks.starts_ms[i - 1] + chunks.durations_ms[i - 1]
