"""What readers and the statistics must know of a metric id: unit, direction, bounds, pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from xtts_lab.types import Direction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Pool:
    """How a metric makes values of totals.

    `values` maps the names of K components and totals [..., K] to values [...]; `merge` maps a name
    to the one that stands for it while resampling, None where it does not count.
    """

    values: Callable[[Sequence[str], NDArray[np.float64]], NDArray[np.float64]]
    merge: Callable[[str], str | None]


@dataclass(frozen=True)
class MetricInfo:
    """What a reader must know of a metric id: its unit, and which way is better.

    `grouped`: one score stands for all repeats of an utterance. `pool`: the quantity is no ratio of
    sums, and this turns the totals of its components into values. `least`: the scored trials of a
    language below which it has no value. `bounds`: the least and the most that it can be.
    `of_speech`: False for times, which random weights do not change.
    Shares and rates of errors have intervals of their own (`statistics.effective`).
    """

    unit: str
    direction: Direction
    grouped: bool = False
    pool: Pool | None = None
    least: int = 0
    bounds: tuple[float, float] = (-inf, inf)
    of_speech: bool = True

    @property
    def share(self) -> bool:
        """Whether it is a share, of trials or of a trial."""
        return self.bounds == (0.0, 1.0)

    @property
    def rate(self) -> bool:
        """Whether it is a rate of errors: none is below 0, and there is no most."""
        return self.unit == "ratio" and self.bounds == (0.0, inf)


UNKNOWN = MetricInfo("", "none")
"""Of a metric id that no experiment describes."""
