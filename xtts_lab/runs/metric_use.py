"""Metrics as an experiment uses them: with the prefix of their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from xtts_lab import config
from xtts_lab.errors import PartError, UsageError
from xtts_lab.metrics.base import ANYTHING, BaseMetric
from xtts_lab.metrics.info import MetricInfo, Pool
from xtts_lab.notices import describe
from xtts_lab.types import Utterance
from xtts_lab.yaml_file import Where


class PoolError(PartError):
    """A metric whose totals cannot be made values of: its id, and one line that names it."""

    def __init__(self, metric: str, why: str) -> None:
        super().__init__(f"{metric}: {why}")
        self.metric = metric


@dataclass(frozen=True)
class MetricUse:
    """A constructed metric; its ids read `prefix.quantity`, or `prefix` for the quantity ""."""

    prefix: str
    metric: BaseMetric
    spec: Mapping[str, Any]

    def applies(self, utterance: Utterance) -> bool:
        """Return whether evidence need be gathered for an utterance.

        True as well where the metric fails at that: it fails again when it scores, on the record.
        """
        try:
            return bool(self.metric.applies(utterance))
        except KeyboardInterrupt:
            raise
        except BaseException:
            return True

    def pool(self, quantity: str) -> Pool | None:
        """Return how totals of named components become values; None for ratios of sums."""
        if quantity not in self.metric.pooled:
            return None
        return Pool(partial(self._pooled, quantity), partial(self._merged, quantity))

    def _pooled(self, quantity: str, names: Sequence[str], totals: Any) -> Any:
        import numpy as np

        try:
            found = np.asarray(self.metric.pool(quantity, names, totals), dtype=np.float64)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise PoolError(self.ids[quantity], f"pool: {describe(error)}") from error
        if found.shape != totals.shape[:-1]:
            what = f"pool gives {found.shape} for totals of {totals.shape}"
            raise PoolError(self.ids[quantity], what)
        return found

    def _merged(self, quantity: str, name: str) -> str | None:
        try:
            found = self.metric.merge(quantity, name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise PoolError(self.ids[quantity], f"merge: {describe(error)}") from error
        if not isinstance(found, str | None):
            raise PoolError(self.ids[quantity], f"merge gives {type(found).__name__}, not text")
        return found

    def kept(self, quantity: str, components: Mapping[str, float]) -> dict[str, Any]:
        """Return what a score's `detail` keeps of a unit's components: for pooling, or nothing."""
        pool = self.pool(quantity)
        if pool is None:
            return {}
        counting = {n: part for n, part in components.items() if pool.merge(n) is not None}
        return {"components": counting}

    def info(self, quantity: str) -> MetricInfo:
        """Return what the statistics must know of a quantity."""
        return MetricInfo(
            unit=self.metric.units.get(quantity, ""),
            direction=self.metric.directions[quantity],
            grouped=self.metric.level == "repeats",
            pool=self.pool(quantity),
            least=self.metric.least.get(quantity, 0),
            bounds=self.metric.bounds.get(quantity, ANYTHING),
            of_speech=self.metric.of_speech,
        )

    @property
    def ids(self) -> dict[str, str]:
        """Quantity -> metric id."""
        quantities = self.metric.directions
        return {q: f"{self.prefix}.{q}" if q else self.prefix for q in quantities}


def _built(spec: Mapping[str, Any], where: Where) -> BaseMetric:
    metric: BaseMetric = config.build("metrics", spec, where)
    return metric


def metric_uses(
    specs: Sequence[Mapping[str, Any]],
    where: Where,
    build: Callable[[Mapping[str, Any], Where], Any] = _built,
) -> tuple[MetricUse, ...]:
    """Construct an experiment's metrics, each by `build`.

    The instrument stands in the id where the metric says so (speaker encoders cannot be compared),
    or where two metrics of a family would else share their ids.
    """
    families = Counter(str(spec["name"]) for spec in specs)
    uses: list[MetricUse] = []
    for i, spec in enumerate(specs):
        metric = build(spec, where / "metrics" / i)
        family = str(spec["name"])
        instrument = metric.instrument
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
        if use.metric.streaming and other.metric.streaming not in (None, use.metric.streaming):
            raise UsageError(f"{place}: wants trials streamed otherwise than '{other.prefix}' does")
        if use.metric.loading and other.metric.loading not in (None, use.metric.loading):
            raise UsageError(f"{place}: wants another load than '{other.prefix}' does")


def metric_info(uses: Sequence[MetricUse]) -> dict[str, MetricInfo]:
    """Return unit and direction of every metric id of an experiment."""
    return {
        metric_id: use.info(quantity) for use in uses for quantity, metric_id in use.ids.items()
    }
