"""Results that others printed, to stand beside ours: one YAML file a publication."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from xtts_lab import registry, yaml_loader
from xtts_lab.errors import UsageError


@dataclass(frozen=True)
class PublishedMetric:
    """A printed metric; `figures` by language in the unit of ours (a rate is a ratio).

    `ids`: ids under which a run has the same quantity; others of the `family` and `quantity` are
    of other judges. `decimals`: as printed, of a rate in percent. `judge`: what the publication
    measured with. `others`: other systems, in the language `others_in`.
    """

    key: str
    label: str
    ids: tuple[str, ...]
    family: str
    quantity: str
    percent: bool
    decimals: int
    judge: Mapping[str, Any]
    remarks: tuple[str, ...]
    figures: Mapping[str, float]
    mean: float
    others: Mapping[str, float]
    others_in: str


@dataclass(frozen=True)
class Published:
    """A publication: where it stands, how it was measured, and what it printed."""

    name: str
    title: str
    source: str
    protocol: Mapping[str, Any]
    metrics: tuple[PublishedMetric, ...]


def names() -> tuple[str, ...]:
    """Return the publications that are known."""
    files = (entry.name for entry in resources.files(__name__).iterdir())
    stems = (name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))
    return tuple(sorted(stem.replace("_", "-") for stem in stems))


def published(name: str) -> Published:
    """Return a publication by name. Raises `UsageError` for an unknown one."""
    if name not in names():
        raise UsageError(f"--published: {registry.unknown('publication', name, names())}")
    file = resources.files(__name__) / f"{name.replace('-', '_')}.yaml"
    data = yaml_loader.load(file.read_text(encoding="utf-8"))
    metrics = [
        _metric(data, key, column, spec)
        for column, (key, spec) in enumerate(data["metrics"].items())
    ]
    return Published(data["name"], data["title"], data["source"], data["protocol"], tuple(metrics))


def _metric(data: Mapping[str, Any], key: str, column: int, spec: Any) -> PublishedMetric:
    scale = 0.01 if spec["percent"] else 1.0

    def of(table: Mapping[str, list[float]]) -> dict[str, float]:
        return {name: round(row[column] * scale, 10) for name, row in table.items()}

    return PublishedMetric(
        key=key,
        label=spec["label"],
        ids=tuple(spec["ids"]),
        family=spec["family"],
        quantity=spec["quantity"],
        percent=spec["percent"],
        decimals=spec["decimals"],
        judge=spec["judge"],
        remarks=tuple(spec["remarks"]),
        figures=of(data["figures"]),
        mean=of({"mean": data["mean"]})["mean"],
        others=of(data["others"]),
        others_in=data.get("others_in", "en"),
    )
