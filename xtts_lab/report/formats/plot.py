"""Bars and marks with intervals, drawn as inline SVG: a strip a language, a mark an arm.

The strips share one axis. They repeat figures that stand in the same row of the table, so they are
hidden from screen readers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from xtts_lab.report.numbers import number

WIDTH, PAD, STEP = 240, 12, 11
COLOURS, SHAPES = 7, 4


@dataclass(frozen=True)
class Mark:
    """A value with its interval (NaN where there is none), in the colour and shape of an arm."""

    arm: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Axis:
    """A linear axis from `low` to `high` with `ticks`, in the unit of the values."""

    low: float
    high: float
    ticks: tuple[float, ...]
    width: int = WIDTH

    def x(self, value: float) -> float:
        """Return the horizontal place of a value in pixels, clipped to the strip."""
        share = (value - self.low) / (self.high - self.low)
        return round(PAD + min(max(share, 0.0), 1.0) * (self.width - 2 * PAD), 1)


def axis_of(marks: Sequence[Mark], *, from_zero: bool) -> Axis:
    """Return an axis with 3 to 6 round ticks that holds all values and intervals."""
    return axis_for([v for m in marks for v in (m.value, m.low, m.high)], from_zero=from_zero)


def axis_for(values: Sequence[float], *, from_zero: bool, width: int = WIDTH) -> Axis:
    """Return an axis with 3 to 6 round ticks that holds all values that are numbers."""
    known = [value for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    low = min(low, 0.0) if from_zero else low
    if high - low < 1e-9:
        low, high = (low, low + 1.0) if from_zero else (low - 0.5, high + 0.5)
    step = _round_step((high - low) / 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(i * step, 12) for i in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks, width)


def axis_svg(axis: Axis, labels: Mapping[float, str]) -> Markup:
    """Return the ticks' labels, for the head of the column."""
    texts = "".join(
        f'<text x="{axis.x(t)}" y="11" text-anchor="{_anchor(axis, t)}">{escape(labels[t])}</text>'
        for t in axis.ticks
    )
    return svg(15, texts, axis.width)


def strip_svg(axis: Axis, marks: Sequence[Mark], floor: float = math.nan) -> Markup:
    """Return one strip: grid lines, and a bar, an interval and a mark for each arm.

    Bars need a zero to start from: an axis without one has marks alone. `floor`, the value of
    natural speech, is a dashed line.
    """
    height = max(2, len(marks)) * STEP + 6
    top = (height - (len(marks) - 1) * STEP) / 2
    drawn = "".join(_mark(axis, m, top + i * STEP) for i, m in enumerate(marks))
    return svg(height, grid(axis, height) + drawn + line(axis, floor, height), axis.width)


def grid(axis: Axis, height: float) -> str:
    """Return vertical lines at the ticks."""
    lines = "".join(f"M{axis.x(t):g} 0V{height:g}" for t in axis.ticks)
    return f'<path class="grid" d="{lines}"/>'


def line(axis: Axis, value: float, height: float, kind: str = "floor") -> str:
    """Return a vertical line at a value; nothing where it is no number."""
    if not math.isfinite(value):
        return ""
    return f'<path class="{kind}" d="M{axis.x(value):g} 0V{height:g}"/>'


def key_svg(arm: int) -> Markup:
    """Return the mark of an arm alone, for a legend."""
    return Markup(
        f'<svg class="key a{arm % COLOURS}" aria-hidden="true">{_shape(arm, 6.0, 6.0)}</svg>'
    )


def _mark(axis: Axis, mark: Mark, y: float) -> str:
    if not math.isfinite(mark.value):
        return ""
    place = axis.x(mark.value)
    drawn = f'<path class="bar" d="M{axis.x(0.0):g} {y:g}H{place:g}"/>' if axis.low == 0.0 else ""
    if math.isfinite(mark.low) and math.isfinite(mark.high):
        low, high = axis.x(mark.low), axis.x(mark.high)
        drawn += f'<path class="range" d="M{low:g} {y:g}H{high:g}"/>'
    return f'<g class="a{mark.arm % COLOURS}">{drawn}{_shape(mark.arm, place, y)}</g>'


def _shape(arm: int, x: float, y: float) -> str:
    match arm % SHAPES:
        case 0:
            return f'<circle cx="{x:g}" cy="{y:g}" r="4"/>'
        case 1:
            return f'<rect x="{x - 3.5:g}" y="{y - 3.5:g}" width="7" height="7"/>'
        case 2:
            return f'<path d="M{x:g} {y - 4.8:g}l4.6 8.4h-9.2z"/>'
        case _:
            return f'<path d="M{x:g} {y - 5:g}l5 5-5 5-5-5z"/>'


def svg(height: float, content: str, width: int = WIDTH) -> Markup:
    """Return a drawing that repeats what a table beside it says: hidden from screen readers."""
    return Markup(
        f'<svg class="strip" width="{width}" height="{height:g}" aria-hidden="true">{content}</svg>'
    )


def tick_labels(axis: Axis, unit: str) -> dict[float, str]:
    """Return the ticks' labels, without decimals that no tick needs."""
    labels = {tick: number(tick, unit) for tick in axis.ticks}
    while all("." in text and text[-1] in "0." for text in labels.values()):
        labels = {tick: text[:-1] for tick, text in labels.items()}
    return labels


def _anchor(axis: Axis, tick: float) -> str:
    return {axis.ticks[0]: "start", axis.ticks[-1]: "end"}.get(tick, "middle")


def _round_step(raw: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is not below `raw`."""
    power = 10.0 ** math.floor(math.log10(raw))
    return float(next(power * m for m in (1, 2, 5, 10) if power * m >= raw * (1 - 1e-9)))
