"""What a system says of itself beside its identity: for tables and readers, in no key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xtts_lab.types import Json, StreamingSystem


@dataclass(frozen=True)
class ArmFacts:
    """What the plan knows of an arm's system, `untrained` the reasons.

    `ask` returns its `facts`, which may take seconds to count, and which a plan does without.
    """

    weights_random: bool
    untrained: tuple[str, ...]
    streams: bool
    needs_reference_text: bool
    ask: Callable[[], Mapping[str, Mapping[str, Json]]]

    @cached_property
    def parts(self) -> Mapping[str, Mapping[str, Json]]:
        """What a reader must know of the system's parts."""
        return {name: dict(part) for name, part in self.ask().items()}

    @property
    def said(self) -> dict[str, Json]:
        """What results and verdicts go by."""
        return {
            "weights_random": self.weights_random,
            "untrained": [*self.untrained],
            "streams": self.streams,
            "needs_reference_text": self.needs_reference_text,
        }


def said_by(system: Any) -> dict[str, Any]:
    """Return what a system says of itself: the fields of its `ArmFacts` but `ask`."""
    can_stream = isinstance(system, StreamingSystem)
    return {
        "weights_random": bool(system.weights_random),
        "untrained": tuple(str(why) for why in system.untrained),
        "streams": can_stream and bool(system.streams),
        "needs_reference_text": bool(system.needs_reference_text),
    }
