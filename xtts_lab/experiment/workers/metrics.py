"""Metrics, here or at work in a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xtts_lab import config
from xtts_lab.errors import PartError, UsageError
from xtts_lab.experiment.workers.host import Host, Shelf
from xtts_lab.runs.hosted_metric import HostedMetric
from xtts_lab.runs.keys import digest
from xtts_lab.yaml_file import Document, Where


def metric_at(host: Host, spec: Mapping[str, Any], where: Where) -> Any:
    """Return an experiment's metric, here or in the host. Raises `UsageError`."""
    if not host.apart("metrics", spec):
        return config.build("metrics", spec, where)
    part = f"metric {digest(dict(spec))}"

    def ask(method: str, *arguments: Any) -> Any:
        return host.call(part, _asked, dict(spec), str(where), method, arguments)

    try:
        return HostedMetric(ask)
    except PartError as error:
        named = f"{where}: metric '{spec.get('name')}'"
        raise UsageError(f"{named}: cannot be set up: {error}") from error


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
