"""The experiment file: its schema, its defaults, and its fully resolved form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml

from xtts_lab import config, registry
from xtts_lab.errors import UsageError
from xtts_lab.experiment.arms import Arm, expand
from xtts_lab.experiment.arms import resolved as resolved_system
from xtts_lab.experiment.claims import resolve_claims
from xtts_lab.experiment.workers.examining import check_imports
from xtts_lab.experiment.workers.host import Host
from xtts_lab.experiment.workers.metrics import metric_at
from xtts_lab.runs.schema import SCHEMA_VERSION
from xtts_lab.statistics.claim import Claim
from xtts_lab.types import LANGUAGES
from xtts_lab.yaml_file import Document, Where, apply_overrides, read

Spec = dict[str, Any]
ROLES = ("enrolment", "references", "impostors", "target")
"""Of the clips of an utterance that a metric may need: see `types.Evidence`."""


class StatisticsSpec(pydantic.BaseModel):
    """How results are summarised and compared.

    `families`: a name for arms that are one recipe trained with several seeds. Claims can say the
    name for the arms, and the report compares the families with the training seed as the unit.
    """

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    baseline: str | None = None
    families: dict[str, list[str]] = {}
    confidence: float = pydantic.Field(default=0.95, gt=0.5, lt=1.0)
    resamples: int = pydantic.Field(default=2000, ge=100, le=100_000)


class ExperimentSpec(pydantic.BaseModel):
    """An experiment as written; parts that name something are checked by that thing's schema.

    `sanity` adds the metric of that name where `metrics` does not have it, so that every report
    counts silence, clipping, loops and impossible speed. `transcriber` names the instrument that
    hears what references say, for arms that need their texts and references that have none. Without
    `pairing` it is `own` where the texts name references of their own, and `rotate` elsewhere.
    """

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    schema_version: int = pydantic.Field(
        default=SCHEMA_VERSION, ge=SCHEMA_VERSION, le=SCHEMA_VERSION
    )
    name: str = pydantic.Field(pattern=config.NAME, max_length=100)
    question: str = ""
    systems: dict[str, Spec] = pydantic.Field(min_length=1)
    ablate: dict[str, list[Any]] = {}
    texts: Spec
    speakers: Spec = {"name": "synthetic"}
    pairing: Literal["rotate", "cross", "own"] | None = None
    repeats: int = pydantic.Field(default=1, ge=1, le=10_000)
    seed: int = pydantic.Field(default=0, ge=0)
    limit: int | None = pydantic.Field(default=None, ge=1)
    instruments: dict[str, Spec] = {}
    transcriber: str | None = None
    metrics: list[Spec] = pydantic.Field(min_length=1)
    sanity: bool = True
    statistics: StatisticsSpec = StatisticsSpec()
    claims: list[Any] = []


@dataclass(frozen=True)
class Experiment:
    """A checked experiment: every default is filled in, every name is known.

    `instruments` holds those that the metrics use, under the names that the metrics use, and the
    transcriber. Parts that may end the process are asked in the `host`.
    """

    spec: ExperimentSpec
    arms: tuple[Arm, ...]
    document: Document
    claims: tuple[Claim, ...] = ()
    host: Host = field(default_factory=Host)

    def resolved_yaml(self) -> str:
        """Return the resolved experiment as YAML: what `experiment.yaml` of a run holds."""
        data = self.spec.model_dump(mode="json")
        data["schema_version"] = SCHEMA_VERSION
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


def load(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    limit: int | None = None,
    languages: Sequence[str] | None = None,
    host: Host | None = None,
) -> Experiment:
    """Read, override and resolve an experiment. Raises `UsageError` for the first mistake."""
    document = read(path)
    apply_overrides(document, overrides)
    if limit is not None:
        document.data["limit"] = limit
    if languages is not None:
        _choose_languages(document, languages)
    return resolve(document, host)


def resolve(document: Document, host: Host | None = None) -> Experiment:
    """Resolve a parsed experiment: see `load`."""
    where = Where(document)
    host = host or Host()
    check_imports(host, document.data)
    spec: ExperimentSpec = config.validate(ExperimentSpec, document.data, where)
    _check_keys(spec, where)
    arms = expand(spec.systems, spec.ablate, where)
    _check_baseline(spec, arms, where)
    known = [arm.id for arm in arms]
    _check_families(spec.statistics.families, known, where / "statistics" / "families")
    claims = resolve_claims(spec.claims, known, where, spec.statistics.families)
    metrics = [
        config.resolve("metrics", metric, where / "metrics" / i)
        for i, metric in enumerate(spec.metrics)
    ]
    _refuse_twins(metrics, where)
    if spec.sanity and not any(metric["name"] == "sanity" for metric in metrics):
        metrics.append(_sanity(metrics, where))
    resolved = spec.model_copy(
        update={
            "systems": {
                key: resolved_system(system, where / "systems" / key)
                for key, system in spec.systems.items()
            },
            "texts": config.resolve("texts", spec.texts, where / "texts"),
            "speakers": config.resolve("speakers", spec.speakers, where / "speakers"),
            "metrics": metrics,
            "instruments": _instruments(spec, metrics, where, host),
            "claims": [claim.model_dump(mode="json") for claim in claims],
        }
    )
    return Experiment(resolved, arms, document, tuple(claims), host)


def _sanity(metrics: Sequence[Mapping[str, Any]], where: Where) -> Spec:
    """Return the metric `sanity`, with the recogniser that is at work already, if one is."""
    recognizers = [metric["recognizer"] for metric in metrics if metric.get("recognizer")]
    asked = {"name": "sanity", "recognizer": recognizers[0] if recognizers else None}
    return config.resolve("metrics", asked, where / "sanity")


def _choose_languages(document: Document, languages: Sequence[str]) -> None:
    for language in languages:
        if language not in LANGUAGES:
            raise UsageError(f"--languages: {registry.unknown('language', language, LANGUAGES)}")
    texts = document.data.get("texts")
    if isinstance(texts, dict):
        texts["languages"] = list(languages)


def _check_keys(spec: ExperimentSpec, where: Where) -> None:
    for section, keys in (("systems", spec.systems), ("instruments", spec.instruments)):
        for key in keys:
            if not key.replace("-", "").replace("_", "").replace(".", "").isalnum():
                raise UsageError(
                    f"{where / section / key}: a key is letters, digits, '-', '_' and '.'"
                )


def _check_baseline(spec: ExperimentSpec, arms: Sequence[Arm], where: Where) -> None:
    baseline = spec.statistics.baseline
    if baseline is not None and baseline not in {arm.id for arm in arms}:
        known = [arm.id for arm in arms]
        raise UsageError(
            f"{where / 'statistics' / 'baseline'}: {registry.unknown('arm', baseline, known)}"
        )


def _check_families(
    families: Mapping[str, Sequence[str]], arms: Sequence[str], where: Where
) -> None:
    taken: set[str] = set()
    for family, members in families.items():
        if family in arms:
            raise UsageError(f"{where / family}: an arm has this name; choose another")
        if not members:
            raise UsageError(f"{where / family}: names no arm; list those that were trained alike")
        for arm in members:
            if arm not in arms:
                raise UsageError(f"{where / family}: {registry.unknown('arm', arm, arms)}")
            if arm in taken:
                raise UsageError(f"{where / family}: arm '{arm}' stands twice; keep one")
            taken.add(arm)


def _refuse_twins(metrics: Sequence[Mapping[str, Any]], where: Where) -> None:
    for i, metric in enumerate(metrics):
        if metric in metrics[:i]:
            raise UsageError(f"{where / 'metrics' / i}: the same metric stands twice; keep one")


def _instruments(
    spec: ExperimentSpec, metrics: Sequence[Mapping[str, Any]], where: Where, host: Host
) -> dict[str, Spec]:
    """Resolve the instruments that are needed; a name not configured means its defaults."""
    needed: dict[str, Spec] = {}
    for key, place in _needed(spec, metrics, where, host):
        if key in spec.instruments:
            at = where / "instruments" / key
            needed[key] = config.resolve("instruments", spec.instruments[key], at)
        elif key not in needed:
            check_imports(host, key)
            known = {*registry.targets("instruments"), *spec.instruments}
            if key not in known:
                raise UsageError(f"{place}: {registry.unknown('instrument', key, known)}")
            needed[key] = config.resolve("instruments", {"name": key}, place)
    unused = [key for key in spec.instruments if key not in needed]
    if unused:
        raise UsageError(
            f"{where / 'instruments' / unused[0]}: no metric uses it; name it in one, or remove it"
        )
    return needed


def _needed(
    spec: ExperimentSpec, metrics: Sequence[Mapping[str, Any]], where: Where, host: Host
) -> Iterator[tuple[str, Where]]:
    """Yield the instruments that metrics need, and the transcriber, with who asks for each."""
    for i, metric in enumerate(metrics):
        place = where / "metrics" / i
        for need in metric_at(host, metric, place).needs:
            instrument, colon, role = need.partition(":")
            asked = next((key for key, value in metric.items() if value == need), None)
            if colon and instrument and asked is not None:
                raise UsageError(f"{place / asked}: '{need}' is no name; write '{instrument}'")
            if colon and role not in ROLES:
                raise UsageError(f"{place}: {need}: {registry.unknown('role', role, ROLES)}")
            yield instrument, place
    if spec.transcriber is not None:
        yield spec.transcriber, where / "transcriber"
