"""Metrics as an experiment uses them: with the prefix of their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from xtts_lab import config
from xtts_lab.errors import UsageError
from xtts_lab.statistics.info import MetricInfo
from xtts_lab.statistics.pooled import Pool
from xtts_lab.types import Metric, Streaming, Utterance
from xtts_lab.yaml_file import Where


@dataclass(frozen=True)
class MetricUse:
    """A constructed metric; its ids read `prefix.quantity`, or `prefix` for the quantity ""."""

    prefix: str
    metric: Metric
    spec: Mapping[str, Any]

    def applies(self, utterance: Utterance) -> bool:
        """Return whether evidence need be gathered for an utterance."""
        test = getattr(self.metric, "applies", None)
        return bool(test(utterance)) if callable(test) else True

    @property
    def skips_deterministic(self) -> bool:
        """Whether the metric does not apply to arms whose repeats are all alike."""
        return bool(getattr(self.metric, "skips_deterministic", False))

    @property
    def pooled(self) -> frozenset[str]:
        """The quantities that are no ratio of sums: their components are kept and pooled."""
        return frozenset(getattr(self.metric, "pooled", ()))

    def pool(self, quantity: str) -> Pool | None:
        """Return how totals of named components become values; None for ratios of sums."""
        if quantity not in self.pooled:
            return None
        metric: Any = self.metric
        return Pool(partial(metric.pool, quantity), partial(metric.merge, quantity))

    def least(self, quantity: str) -> int:
        """Return how many scored trials of a language it takes for a value."""
        known: Mapping[str, int] = getattr(self.metric, "least", {})
        return known.get(quantity, 0)

    def is_share(self, quantity: str) -> bool:
        """Return whether a quantity lies between 0 and 1."""
        return quantity in getattr(self.metric, "shares", frozenset())

    @property
    def streaming(self) -> Streaming | None:
        """How trials are to be streamed for the metric; None where they are not."""
        asked: Streaming | None = getattr(self.metric, "streaming", None)
        return asked

    @property
    def ids(self) -> dict[str, str]:
        """Quantity -> metric id."""
        quantities = self.metric.directions
        return {q: f"{self.prefix}.{q}" if q else self.prefix for q in quantities}


def metric_uses(specs: Sequence[Mapping[str, Any]], where: Where) -> tuple[MetricUse, ...]:
    """Construct an experiment's metrics.

    The instrument stands in the id where the metric says so (speaker encoders cannot be compared),
    or where two metrics of a family would else share their ids.
    """
    families = Counter(str(spec["name"]) for spec in specs)
    uses: list[MetricUse] = []
    for i, spec in enumerate(specs):
        metric = config.build("metrics", spec, where / "metrics" / i)
        family = str(spec["name"])
        instrument = getattr(metric, "instrument", None)
        if instrument is None and families[family] > 1 and metric.needs:
            instrument = metric.needs[0].partition(":")[0]
        prefix = f"{family}.{instrument}" if instrument else family
        use = MetricUse(prefix, metric, spec)
        _refuse_clash(use, uses, where / "metrics" / i)
        uses.append(use)
    return tuple(uses)


def _refuse_clash(use: MetricUse, others: Sequence[MetricUse], place: Where) -> None:
    for other in others:
        shared = sorted(set(use.ids.values()) & set(other.ids.values()))
        if shared:
            raise UsageError(f"{place}: '{shared[0]}' would have two meanings; keep one metric")
        if use.streaming and other.streaming and use.streaming != other.streaming:
            raise UsageError(f"{place}: wants trials streamed otherwise than '{other.prefix}' does")


def metric_info(uses: Sequence[MetricUse]) -> dict[str, MetricInfo]:
    """Return unit and direction of every metric id of an experiment."""
    return {
        metric_id: MetricInfo(
            unit=getattr(use.metric, "units", {}).get(quantity, ""),
            direction=use.metric.directions[quantity],
            grouped=use.metric.level == "repeats",
            pool=use.pool(quantity),
            least=use.least(quantity),
            share=use.is_share(quantity),
        )
        for use in uses
        for quantity, metric_id in use.ids.items()
    }
