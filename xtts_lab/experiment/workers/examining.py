"""What a plan asks parts before they are at work: here, or in a host where they might die of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from xtts_lab import registry
from xtts_lab.errors import PartError, UsageError
from xtts_lab.experiment.arm_facts import ArmFacts, said_by
from xtts_lab.experiment.arms import Arm
from xtts_lab.experiment.asked import check_spoken
from xtts_lab.experiment.construction import close, construct, content_of
from xtts_lab.experiment.workers.host import Host, Shelf
from xtts_lab.runs.keys import PartContent


@dataclass(frozen=True)
class Demands:
    """What an arm's system must bear: the languages of the items, and metrics with their judges."""

    arm: Arm
    languages: Sequence[str]
    judges: Sequence[tuple[str, str]]


def examine_system(
    host: Host, demands: Demands, device: str | None
) -> tuple[PartContent, ArmFacts]:
    """Return what determines a system's output, and what else it says of itself.

    Raises `UsageError` for one that cannot do what is demanded, cannot be set up, or dies of it.
    """
    spec = demands.arm.spec
    if host.apart("systems", spec):
        content, said = _asked(host, "systems", spec, _examined, device, demands)
        name = f"systems {spec['name']}"
        return content, ArmFacts(**said, ask=partial(host.call, name, _facts, spec, device))
    system = construct("systems", spec, device)
    try:
        content, said = _looked_at(system, spec, device, demands)
    finally:
        close(system)
    return content, ArmFacts(**said, ask=lambda: system.facts)


def examine_instrument(host: Host, spec: Mapping[str, Any], device: str | None) -> PartContent:
    """Return what determines an instrument's output. Raises `UsageError`."""
    if host.apart("instruments", spec):
        found: PartContent = _asked(host, "instruments", spec, _content, device)
        return found
    instrument = construct("instruments", spec, device)
    try:
        return content_of(instrument, spec, device)
    finally:
        close(instrument)


def prepare_instrument(host: Host, spec: Mapping[str, Any]) -> None:
    """Let an instrument do what must be done once, before workers start."""
    if host.apart("instruments", spec):
        _asked(host, "instruments", spec, _prepared)
    else:
        registry.lookup("instruments", str(spec["name"])).prepare()


def check_imports(host: Host, data: Any) -> None:
    """Import what other packages bring and an experiment names, first in a careful host.

    Raises `UsageError` for what ends the process that imports it.
    """
    if not host.careful:
        return
    said = set(_texts(data))
    for kind in registry.kinds():
        for name in registry.targets(kind).keys() - registry.BUILTIN[kind].keys():
            if name in said:
                _asked(host, kind, {"name": name}, _imported)


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, Mapping):
        data = list(data.values())
    if isinstance(data, str):
        yield data
    elif isinstance(data, list):
        for one in data:
            yield from _texts(one)


def _asked(host: Host, kind: str, spec: Mapping[str, Any], function: Any, *more: Any) -> Any:
    try:
        return host.call(f"{kind} {spec['name']}", function, kind, dict(spec), *more)
    except PartError as error:
        raise UsageError(f"{kind} {spec['name']}: cannot be set up: {error}") from error


def _examined(
    shelf: Shelf, kind: str, spec: Mapping[str, Any], device: str | None, demands: Demands
) -> tuple[PartContent, dict[str, Any]]:
    return _looked_at(shelf.parts.get(kind, spec, device), spec, device, demands)


def _content(shelf: Shelf, kind: str, spec: Mapping[str, Any], device: str | None) -> PartContent:
    return content_of(shelf.parts.get(kind, spec, device), spec, device)


def _facts(shelf: Shelf, spec: Mapping[str, Any], device: str | None) -> dict[str, Any]:
    facts = shelf.parts.get("systems", spec, device).facts
    return {name: dict(part) for name, part in facts.items()}


def _prepared(_shelf: Shelf, kind: str, spec: Mapping[str, Any]) -> None:
    registry.lookup(kind, str(spec["name"])).prepare()


def _imported(_shelf: Shelf, kind: str, spec: Mapping[str, Any]) -> None:
    registry.lookup(kind, str(spec["name"]))


def _looked_at(
    system: Any, spec: Mapping[str, Any], device: str | None, demands: Demands
) -> tuple[PartContent, dict[str, Any]]:
    _check(system, demands)
    return content_of(system, spec, device), said_by(system)


def _check(system: Any, demands: Demands) -> None:
    check_spoken(demands.arm, system.languages, demands.languages)
    system.check()
    own = set(system.encoders)
    for prefix, name in demands.judges:
        if name in own:
            raise UsageError(
                f"metrics: {prefix} would judge arm '{demands.arm.id}' with the encoder '{name}' "
                "that the system itself uses; choose another encoder"
            )
