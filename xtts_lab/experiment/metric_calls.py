"""Metrics at work, held to their word: what one raises or gives instead of numbers is recorded."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtts_lab.notices import describe
from xtts_lab.runs.metric_use import MetricUse
from xtts_lab.types import Evidence, Utterance


class MetricError(Exception):
    """A metric that cannot be had of a unit; the message is one line and names the metric."""


@dataclass(frozen=True)
class Scored:
    """A quantity of a unit: its value, its components, and JSON for a reader."""

    quantity: str
    value: float
    parts: tuple[float | None, float | None]
    detail: Mapping[str, Any]


def applies(use: MetricUse, utterance: Utterance) -> bool:
    """Return whether a metric applies to an utterance. Raises `MetricError`."""
    return bool(_call(use, "applies", use.metric.applies, utterance))


def compared(use: MetricUse, units: Sequence[Sequence[Evidence]]) -> Sequence[Mapping[str, float]]:
    """Return what compares each unit with the others. Raises `MetricError`."""
    found = list(_call(use, "cross_text", use.metric.cross_text, units))
    if len(found) != len(units):
        raise MetricError(f"{use.prefix}: cross_text gives {len(found)} for {len(units)} units")
    return [_numbers(use, "cross_text", one) for one in found]


def scored(
    use: MetricUse, evidence: Sequence[Evidence], beside: Mapping[str, float]
) -> list[Scored]:
    """Return the quantities of a unit; none where the metric does not apply to it.

    Raises `MetricError`.
    """
    metric = use.metric
    components = _numbers(use, "components", _call(use, "components", metric.components, evidence))
    if not components:
        return []
    components = {**components, **beside}
    detail = _json(use, _call(use, "detail", metric.detail, evidence))
    values = _numbers(use, "values", _call(use, "values", metric.values, components))
    unknown = sorted(values.keys() - use.ids.keys())
    if unknown:
        raise MetricError(f"{use.prefix}: values gives '{unknown[0]}', which it does not declare")
    found = []
    for quantity, value in values.items():
        above, below = metric.ratios.get(quantity, ("", ""))
        parts = (components.get(above), components.get(below))
        kept = _call(use, "merge", use.kept, quantity, components)
        found.append(Scored(quantity, value, parts, {**detail, **kept}))
    return found


def _call(use: MetricUse, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a metric raises fails this unit only
        raise MetricError(f"{use.prefix}: {what}: {describe(error)}") from error


def _numbers(use: MetricUse, what: str, found: Any) -> dict[str, float]:
    if not isinstance(found, Mapping):
        raise MetricError(f"{use.prefix}: {what} gives {type(found).__name__}, not a mapping")
    return {str(name): _number(use, what, name, value) for name, value in found.items()}


def _number(use: MetricUse, what: str, name: object, value: Any) -> float:
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        number = float(value)
    except Exception as error:
        kind = type(value).__name__
        raise MetricError(f"{use.prefix}: {what}['{name}'] is {kind}, not a number") from error
    if not math.isfinite(number):
        raise MetricError(f"{use.prefix}: {what}['{name}'] is {number}, not a number")
    # Counts stay integers, as their metric wrote them.
    return value if type(value) in (int, float) else number


def _json(use: MetricUse, found: Any) -> dict[str, Any]:
    try:
        known = json.loads(json.dumps(dict(found), ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise MetricError(f"{use.prefix}: its detail is not JSON: {describe(error)}") from error
    return dict(known)
