"""Drawings that are no strips of marks: distributions, intervals against a margin, timelines."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from xtts_lab.report.formats.plot import COLOURS, Axis, axis_for, grid, line, svg

Floats = NDArray[np.float64]

WIDE = 340
BINS = 48
_HEIGHT, _TOP = 46, 4


@dataclass(frozen=True)
class Distribution:
    """One row of histograms: `own` in the colour of `arm`, `others` as a grey outline."""

    arm: int
    own: Floats
    others: Floats | None = None


def distributions_axis(rows: Sequence[Distribution], *, from_zero: bool) -> Axis:
    """Return the axis that all rows share."""
    parts = [part for row in rows for part in (row.own, row.others) if part is not None]
    values = np.concatenate(parts) if parts else np.empty(0)
    ends = [float(values.min()), float(values.max())] if len(values) else []
    return axis_for(ends, from_zero=from_zero, width=WIDE)


def distribution_svg(axis: Axis, row: Distribution, anchors: Mapping[str, float]) -> Markup:
    """Return histograms of one row, each scaled to the same height; `anchors`: class -> value."""
    drawn = grid(axis, _HEIGHT)
    if row.others is not None and len(row.others):
        drawn += f'<path class="others" d="{_outline(axis, row.others)}"/>'
    if len(row.own):
        shape = f'<path class="own" d="{_outline(axis, row.own)}"/>'
        drawn += f'<g class="a{row.arm % COLOURS}">{shape}</g>'
    drawn += "".join(line(axis, value, _HEIGHT, kind) for kind, value in anchors.items())
    return svg(_HEIGHT, drawn, axis.width)


def _outline(axis: Axis, values: Floats) -> str:
    """Return the path of a histogram; bins of one height, most of them empty, are one stroke."""
    counts, edges = np.histogram(values, bins=BINS, range=(axis.low, axis.high))
    tallest = max(1, int(counts.max()))
    path, at = f"M{axis.x(edges[0]):g} {_HEIGHT}", 0
    for count, bins in itertools.groupby(counts.tolist()):
        at += len(list(bins))
        y = round(_HEIGHT - (_HEIGHT - _TOP) * count / tallest, 1)
        path += f"V{y:g}H{axis.x(float(edges[at])):g}"
    return path + f"V{_HEIGHT}"


@dataclass(frozen=True)
class Shown:
    """An estimate with its interval."""

    value: float
    low: float
    high: float


def interval_svg(shown: Shown, bound: float, label: str, *, difference: bool) -> Markup:
    """Return an estimate with its interval against the bound (dashed, with its `label`).

    Differences have a line at 0 too.
    """
    ends = [shown.value, shown.low, shown.high, bound, *([0.0] if difference else [])]
    axis = axis_for(ends, from_zero=False, width=WIDE)
    height, middle = 46, 21
    drawn = f'<path class="floor" d="M{axis.x(bound)} 12V31"/>' + _caption(axis, bound, label, 43)
    if difference:
        drawn += f'<path class="zero" d="M{axis.x(0.0)} 12V31"/>' + _caption(axis, 0.0, "0", 9)
    if math.isfinite(shown.low) and math.isfinite(shown.high):
        drawn += f'<path class="range" d="M{axis.x(shown.low)} {middle}H{axis.x(shown.high)}"/>'
    if math.isfinite(shown.value):
        drawn += f'<circle cx="{axis.x(shown.value)}" cy="{middle}" r="5"/>'
    return svg(height, f"<g>{drawn}</g>", axis.width)


def _caption(axis: Axis, value: float, label: str, y: int) -> str:
    x = axis.x(value)
    anchor = "start" if x < 30 else "end" if x > axis.width - 30 else "middle"
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(label)}</text>'


@dataclass(frozen=True)
class Chunks:
    """One streamed utterance: when each chunk arrived, began to play, and how long it plays."""

    arrivals_ms: Sequence[float]
    starts_ms: Sequence[float]
    durations_ms: Sequence[float]

    @property
    def end_ms(self) -> float:
        """When the last sample has been played."""
        return self.starts_ms[-1] + self.durations_ms[-1]


def timeline_svg(axis: Axis, arm: int, chunks: Chunks) -> Markup:
    """Return arrivals as ticks above blocks of playback; silence within is marked."""
    drawn, played = grid(axis, _HEIGHT), None
    rows = zip(chunks.arrivals_ms, chunks.starts_ms, chunks.durations_ms, strict=True)
    for arrival, start, duration in rows:
        if played is not None and start > played:
            drawn += f'<path class="gap" d="{_block(axis, played, start, 20, 18)}"/>'
        played = start + duration
        drawn += f'<g class="a{arm % COLOURS}"><path d="M{axis.x(arrival)} 3v9" class="range"/>'
        drawn += f'<path class="chunk" d="{_block(axis, start, played, 20, 18)}"/></g>'
    return svg(_HEIGHT, drawn, axis.width)


def _block(axis: Axis, begin: float, end: float, top: int, height: int) -> str:
    left, right = axis.x(begin), axis.x(end)
    return f"M{left} {top}H{right}v{height}H{left}z"
