"""What a system says of itself beside its identity: for tables and readers, in no key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xtts_lab.types import Json, StreamingSystem


@dataclass(frozen=True)
class ArmFacts:
    """What the plan knows of an arm's system; `parts` are its `facts`, `untrained` the reasons."""

    weights_random: bool
    untrained: tuple[str, ...]
    streams: bool
    needs_reference_text: bool
    parts: Mapping[str, Mapping[str, Json]]


def facts_of(system: Any) -> ArmFacts:
    """Return what a system says of itself, with the defaults of one that says nothing."""
    return ArmFacts(
        weights_random=bool(getattr(system, "weights_random", False)),
        untrained=tuple(getattr(system, "untrained", ())),
        streams=isinstance(system, StreamingSystem) and bool(getattr(system, "streams", True)),
        needs_reference_text=bool(getattr(system, "needs_reference_text", False)),
        parts={name: dict(part) for name, part in getattr(system, "facts", {}).items()},
    )
