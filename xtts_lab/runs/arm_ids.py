"""Ids of arms: the system's key and, in brackets, the cell of its ablation grid."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9._-]+")


def arm_id(system: str, cell: Iterable[tuple[str, Any]] = ()) -> str:
    """Return `system[suffix=value,...]`, or the key alone for a system without a grid."""
    tails = [f"{suffix}={_shown(value)}" for suffix, value in cell]
    return f"{system}[{','.join(tails)}]" if tails else system


def system_of(arm: str) -> str:
    """Return the key of the system that an arm belongs to."""
    return arm.partition("[")[0]


def _shown(value: Any) -> str:
    """Write a value bare where it is a plain word or number, else as compact JSON."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    if _BARE.fullmatch(text):
        return text
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
