"""Metrics as an experiment uses them: with the prefix of their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtts_lab import config
from xtts_lab.types import Metric, Utterance
from xtts_lab.yaml_file import Where


@dataclass(frozen=True)
class MetricUse:
    """A constructed metric; its ids read `prefix.quantity`."""

    prefix: str
    metric: Metric
    spec: Mapping[str, Any]

    def applies(self, utterance: Utterance) -> bool:
        """Return whether evidence need be gathered for an utterance."""
        test = getattr(self.metric, "applies", None)
        return bool(test(utterance)) if callable(test) else True

    @property
    def ids(self) -> dict[str, str]:
        """Quantity -> metric id."""
        return {quantity: f"{self.prefix}.{quantity}" for quantity in self.metric.directions}


def metric_uses(specs: Sequence[Mapping[str, Any]], where: Where) -> tuple[MetricUse, ...]:
    """Construct an experiment's metrics.

    The instrument stands in the id where the metric says so (speaker encoders cannot be compared),
    or where two metrics of a family would else share their ids.
    """
    families = Counter(str(spec["name"]) for spec in specs)
    uses = []
    for i, spec in enumerate(specs):
        metric = config.build("metrics", spec, where / "metrics" / i)
        family = str(spec["name"])
        instrument = getattr(metric, "instrument", None)
        if instrument is None and families[family] > 1 and metric.needs:
            instrument = metric.needs[0].partition(":")[0]
        prefix = f"{family}.{instrument}" if instrument else family
        uses.append(MetricUse(prefix, metric, spec))
    return tuple(uses)
