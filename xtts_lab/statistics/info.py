"""What the statistics must know of a metric id, and how many units a verdict takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from xtts_lab.statistics.pooled import Pool
from xtts_lab.types import Direction

ENOUGH_SPEAKERS, ENOUGH_SENTENCES = 10, 20
"""With fewer, figures describe the material at hand and carry no verdict."""


@dataclass(frozen=True)
class MetricInfo:
    """What a reader must know of a metric id: its unit, and which way is better.

    `grouped`: one score stands for all repeats of an utterance. `pool`: the quantity is no ratio of
    sums, and this turns the totals of its components into values. `least`: the scored trials of a
    language below which it has no value. `share`: it is a share of trials, between 0 and 1.
    `bounds`: the least and the greatest value it can have, in its unit; infinite where there is
    none.
    """

    unit: str
    direction: Direction
    grouped: bool = False
    pool: Pool | None = None
    least: int = 0
    share: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)

    @property
    def kind(self) -> Literal["share", "rate", "other"]:
        """`share` of trials; `rate` of errors, which has no upper bound; or a mean of any kind."""
        if self.share:
            return "share"
        return "rate" if self.unit == "ratio" and math.isinf(self.ends[1]) else "other"

    @property
    def ends(self) -> tuple[float, float]:
        """The bounds, with those that a share or a rate has by itself."""
        low, high = self.bounds
        low = max(low, 0.0) if self.share or self.unit == "ratio" else low
        return low, min(high, 1.0) if self.share else high


UNKNOWN = MetricInfo("", "none")
"""Of a metric id that no experiment describes."""
