"""What was seen by the clock, by trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtts_lab.types import Loaded


@dataclass(frozen=True)
class Timed:
    """`streams`: the latency driver's records; `loads`: what the load driver saw, one a rate."""

    streams: Mapping[str, Mapping[str, Any]]
    loads: Mapping[str, Sequence[Loaded]]
