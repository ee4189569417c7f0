"""Figures as a reader wants them: rates in percent, a true minus sign, blanks as a dash."""

from __future__ import annotations

import math

BLANK = "–"
MOST_NAMED = 8
_DECIMALS = {"ratio": 1, "%": 1, "s": 2, "ms": 1, "1/s": 1, "Hz": 0}
_SHOWN_UNIT = {"ratio": "%", "1/s": "/s", "cosine": "", "1": ""}


def unit_of(unit: str) -> str:
    """Return the unit as printed after a figure, empty for pure numbers."""
    return _SHOWN_UNIT.get(unit, unit)


def number(value: float, unit: str, *, signed: bool = False) -> str:
    """Return a figure without its unit; `ratio` is shown in percent, other numbers to 3 places."""
    if not math.isfinite(value):
        return BLANK
    scaled = value * 100 if unit == "ratio" else value
    text = f"{scaled:{'+' if signed else ''}.{_DECIMALS.get(unit, 3)}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def figure(value: float, unit: str, *, signed: bool = False) -> str:
    """Return a figure with its unit; a difference of rates is in percentage points."""
    shown = "pp" if signed and unit == "ratio" else unit_of(unit)
    text = number(value, unit, signed=signed)
    return text if text == BLANK or not shown else f"{text} {shown}"


def span(low: float, high: float, unit: str, *, signed: bool = False) -> str:
    """Return an interval as `[low, high]` without a unit; empty where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{number(low, unit, signed=signed)}, {number(high, unit, signed=signed)}]"


def probability(value: float) -> str:
    """Return a p-value to three places, never 0."""
    if not math.isfinite(value):
        return BLANK
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(number: int, what: str, plural: str = "") -> str:
    """Return `1 trial`, `1,234 trials`."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def listed(items: list[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def named(items: list[str], whole: int, what: str) -> str:
    """Return a few items listed; of more, how many of the `whole` they are: `30 of 35 arms`."""
    if len(items) <= MOST_NAMED:
        return listed(items)
    return (
        f"all {count(whole, what)}" if len(items) == whole else f"{len(items)} of {whole} {what}s"
    )


def scaled(value: float) -> str:
    """Return a large count in three digits, as `46.2 M`; a dash where there is none."""
    if not math.isfinite(value):
        return BLANK
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * size:
            shown = value / size
            places = 2 if shown < 9.995 else 1 if shown < 99.95 else 0
            return f"{shown:.{places}f} {prefix}"
    return f"{value:.0f}"
