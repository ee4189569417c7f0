"""Arms: named systems, multiplied by the ablation grid."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtts_lab import config, registry
from xtts_lab.errors import UsageError
from xtts_lab.runs.arm_ids import arm_id, suffixes_of
from xtts_lab.yaml_file import Where

MAX_ARMS = 1000


@dataclass(frozen=True)
class Arm:
    """One fully resolved system configuration; `system` is its key in the experiment.

    `languages`: those that it is asked for; None for all of the experiment.
    """

    id: str
    system: str
    spec: dict[str, Any]
    languages: tuple[str, ...] | None = None

    def asked_for(self, language: str) -> bool:
        """Whether it speaks the experiment's texts of a language."""
        return self.languages is None or language in self.languages

    @property
    def speaks(self) -> Mapping[str, Any]:
        """The configuration of the system that speaks, which another may stand around."""
        inner = self.spec.get("system")
        return inner if isinstance(inner, dict) else self.spec


def expand(
    systems: Mapping[str, Mapping[str, Any]], ablate: Mapping[str, Sequence[Any]], where: Where
) -> tuple[Arm, ...]:
    """Return the arms, in the order of the systems, then of the grid (last path fastest).

    Raises `UsageError` for a path that leads nowhere, an empty list, or arms that share an id.
    """
    grids = _grids(systems, ablate, where)
    arms: list[Arm] = []
    for key, system in systems.items():
        place = where / "systems" / key
        settings, languages = split(system, place)
        base = Arm(arm_id(key), key, config.resolve("systems", settings, place), languages)
        arms += _arms_of(base, settings, grids[key], where)
    seen: set[str] = set()
    for arm in arms:
        if arm.id in seen:
            raise UsageError(f"{where / 'ablate'}: two cells share the arm id '{arm.id}'")
        seen.add(arm.id)
    return tuple(arms)


LANGUAGES = "languages"
"""A key of every system in an experiment: `all`, or those of its languages that it is asked for."""


def split(system: Mapping[str, Any], where: Where) -> tuple[dict[str, Any], tuple[str, ...] | None]:
    """Return a system's settings, and the languages that it is asked for (None: all).

    A system with a setting `languages` of its own keeps it. Raises `UsageError` for no such list.
    """
    settings = dict(system)
    asked = settings.get(LANGUAGES, "all")
    if not _has_own(system):
        settings.pop(LANGUAGES, None)
    if asked == "all":
        return settings, None
    if not isinstance(asked, list | tuple) or not asked:
        raise UsageError(f"{where / LANGUAGES}: write all, or a list of codes, as in [en, de]")
    return settings, tuple(str(language) for language in asked)


def resolved(system: Mapping[str, Any], where: Where) -> dict[str, Any]:
    """Return a system with every default filled in, `languages` last where it is no setting."""
    settings, languages = split(system, where)
    asked = "all" if languages is None else [*languages]
    return {**config.resolve("systems", settings, where), LANGUAGES: asked}


def _has_own(system: Mapping[str, Any]) -> bool:
    name = system.get("name")
    if not isinstance(name, str) or name not in registry.candidates("systems", name):
        return False  # resolving will say so
    return LANGUAGES in config.schema(registry.lookup("systems", name)).model_fields


def _grids(
    systems: Mapping[str, Any], ablate: Mapping[str, Sequence[Any]], where: Where
) -> dict[str, dict[tuple[str, ...], Sequence[Any]]]:
    grids: dict[str, dict[tuple[str, ...], Sequence[Any]]] = {key: {} for key in systems}
    for path, values in ablate.items():
        parts = tuple(path.split("."))
        place = where / "ablate" / path
        if parts[0] != "systems" or len(parts) < 3:
            raise UsageError(f"{place}: write a path in a system, as in systems.NAME.key")
        if parts[1] not in systems:
            raise UsageError(f"{place}: {registry.unknown('system', parts[1], systems)}")
        if not values:
            raise UsageError(f"{place}: the list is empty; give at least one value")
        grids[parts[1]][parts] = values
    return grids


def _arms_of(
    base: Arm,
    written: Mapping[str, Any],
    grid: Mapping[tuple[str, ...], Sequence[Any]],
    where: Where,
) -> list[Arm]:
    """Multiply a system by its grid.

    Values are set in the system as it was written, for what else is default may depend on them.
    """
    if not grid:
        return [base]
    cells = 1
    for values in grid.values():
        cells *= len(values)
    if cells > MAX_ARMS:
        raise UsageError(f"{where / 'ablate'}: {cells} arms; at most {MAX_ARMS}, so split the grid")
    suffixes = suffixes_of(list(grid))
    arms = []
    for cell in itertools.product(*grid.values()):
        spec = copy.deepcopy(dict(written))
        for path, value in zip(grid, cell, strict=True):
            _set(spec, base.spec, path[2:], value, where / "ablate" / ".".join(path))
        place = where / "ablate" / ".".join(next(iter(grid)))
        whole = config.resolve("systems", spec, place)
        name = arm_id(base.system, zip(suffixes, cell, strict=True))
        arms.append(Arm(name, base.system, whole, base.languages))
    return arms


def _set(
    spec: dict[str, Any], base: dict[str, Any], path: Sequence[str], value: Any, place: Where
) -> None:
    for key in path[:-1]:
        if not isinstance(base.get(key, spec.get(key)) or {}, dict) or key not in {**base, **spec}:
            raise UsageError(f"{place}: {registry.unknown('key', key, {**base, **spec})}")
        if not isinstance(spec.get(key), dict):
            spec[key] = {}
        spec, base = spec[key], base.get(key) or {}
    spec[path[-1]] = value
