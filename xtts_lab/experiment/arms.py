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
    """One fully resolved system configuration; `system` is its key in the experiment."""

    id: str
    system: str
    spec: dict[str, Any]

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
        base = config.resolve("systems", system, where / "systems" / key)
        arms += _arms_of(Arm(arm_id(key), key, base), system, grids[key], where)
    seen: set[str] = set()
    for arm in arms:
        if arm.id in seen:
            raise UsageError(f"{where / 'ablate'}: two cells share the arm id '{arm.id}'")
        seen.add(arm.id)
    return tuple(arms)


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
        resolved = config.resolve("systems", spec, place)
        name = arm_id(base.system, zip(suffixes, cell, strict=True))
        arms.append(Arm(name, base.system, resolved))
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
