"""Ids of arms: the system's key and, in brackets, the cell of its ablation grid."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9._-]+")


def arm_id(system: str, cell: Iterable[tuple[str, Any]] = ()) -> str:
    """Return `system[suffix=value,...]`, or the key alone for a system without a grid."""
    return named_arm(system, ((suffix, shown_value(value)) for suffix, value in cell))


def named_arm(system: str, cell: Iterable[tuple[str, str]]) -> str:
    """Return the id of a cell whose values are already written as `shown_value` writes them."""
    tails = [f"{suffix}={value}" for suffix, value in cell]
    return f"{system}[{','.join(tails)}]" if tails else system


def system_of(arm: str) -> str:
    """Return the key of the system that an arm belongs to."""
    return arm.partition("[")[0]


def suffixes_of(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """Return for each path the shortest tail that no other path ends with."""
    suffixes = []
    for path in paths:
        others = [other for other in paths if other != path]
        size = 1
        while size < len(path) and any(o[-size:] == path[-size:] for o in others):
            size += 1
        suffixes.append(".".join(path[-size:]))
    return suffixes


def shown_value(value: Any) -> str:
    """Write a value bare where it is a plain word or number, else as compact JSON."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    if _BARE.fullmatch(text):
        return text
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
