"""A metric that is at work in another process: the same declarations here, its methods there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xtts_lab.metrics.base import BaseMetric
from xtts_lab.types import Evidence, Json, Utterance

DECLARED = (
    "level", "needs", "optional", "directions", "units", "ratios", "bounds", "pooled", "least",
    "instrument", "version", "skips_deterministic", "compares_texts", "of_speech", "streaming",
    "loading", "identity",
)  # fmt: skip
"""What a metric says of itself: data, asked once."""


class HostedMetric(BaseMetric):
    """Hands each call on to `ask(method, *arguments)`, which raises what becomes of it there.

    The method "" gives the attributes that the arguments name.
    """

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self.__dict__.update(ask("", *DECLARED))

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """See `BaseMetric`, here and below."""
        found: Mapping[str, float] = self._ask("components", list(trials))
        return found

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        found: Mapping[str, float] = self._ask("values", dict(sums))
        return found

    def applies(self, utterance: Utterance) -> bool:
        return bool(self._ask("applies", utterance))

    def detail(self, trials: Sequence[Evidence]) -> Mapping[str, Json]:
        found: Mapping[str, Json] = self._ask("detail", list(trials))
        return found

    def cross_text(self, units: Sequence[Sequence[Evidence]]) -> Sequence[Mapping[str, float]]:
        found: Sequence[Mapping[str, float]] = self._ask("cross_text", [list(u) for u in units])
        return found

    def pool(self, quantity: str, names: Sequence[str], totals: Any) -> Any:
        return self._ask("pool", quantity, list(names), totals)

    def merge(self, quantity: str, name: str) -> str | None:
        found: str | None = self._ask("merge", quantity, name)
        return found
