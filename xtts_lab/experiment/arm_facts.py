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
    """Return what a system says of itself."""
    can_stream = isinstance(system, StreamingSystem)
    return ArmFacts(
        weights_random=bool(system.weights_random),
        untrained=tuple(system.untrained),
        streams=can_stream and bool(system.streams),
        needs_reference_text=bool(system.needs_reference_text),
        parts={name: dict(part) for name, part in system.facts.items()},
    )
