"""A metric that is at work in a host: the same declarations here, its methods there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xtts_lab import config
from xtts_lab.errors import PartError, UsageError
from xtts_lab.experiment.workers.host import Host, Shelf
from xtts_lab.metrics.base import BaseMetric
from xtts_lab.runs.keys import digest
from xtts_lab.types import Evidence, Json, Utterance
from xtts_lab.yaml_file import Document, Where

DECLARED = (
    "level", "needs", "optional", "directions", "units", "ratios", "bounds", "pooled", "least",
    "instrument", "version", "skips_deterministic", "compares_texts", "streaming", "identity",
)  # fmt: skip
"""What a metric says of itself: data, asked once."""


def metric_at(host: Host, spec: Mapping[str, Any], where: Where) -> BaseMetric:
    """Return an experiment's metric, here or in the host. Raises `UsageError`."""
    if not host.apart("metrics", spec):
        built: BaseMetric = config.build("metrics", spec, where)
        return built
    return HostedMetric(host, spec, where)


class HostedMetric(BaseMetric):
    """Hands each call on. Raises `PartError` for whatever the metric raises, or dies of."""

    def __init__(self, host: Host, spec: Mapping[str, Any], where: Where) -> None:
        self._host, self._spec, self._place = host, dict(spec), str(where)
        try:
            declared = self._ask("", *DECLARED)
        except PartError as error:
            raise UsageError(
                f"{where}: metric '{spec.get('name')}' cannot be set up: {error}"
            ) from error
        self.__dict__.update(declared)

    def _ask(self, method: str, *arguments: Any) -> Any:
        part = f"metric {digest(self._spec)}"
        return self._host.call(part, _asked, self._spec, self._place, method, arguments)

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


def _asked(
    shelf: Shelf, spec: Mapping[str, Any], place: str, method: str, arguments: Sequence[Any]
) -> Any:
    """Do in the host what a `HostedMetric` asks for."""
    key = digest(dict(spec))
    if key not in shelf.metrics:
        shelf.metrics[key] = config.build("metrics", spec, Where(Document(place)))
    metric = shelf.metrics[key]
    if not method:
        return {name: _plain(getattr(metric, name)) for name in arguments}
    return getattr(metric, method)(*arguments)


def _plain(declared: Any) -> Any:
    return dict(declared) if isinstance(declared, Mapping) else declared
