"""Several arms that stand for one method: models of one recipe, each trained with its own seed.

The unit above the speaker is then the training seed: a method's interval adds the spread of its
seeds to that of speakers and sentences. With few seeds there is nothing to add, and a verdict
speaks of these checkpoints alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from xtts_lab.statistics.cells import CELL
from xtts_lab.statistics.intervals import Interval, student
from xtts_lab.statistics.power import MOST, errors
from xtts_lab.statistics.rules import ENOUGH_SEEDS

KEY = ["condition", "metric", *CELL]


@dataclass(frozen=True)
class SeedSpread:
    """What the choice of training seeds adds: variance of the estimate, degrees of freedom."""

    variance: float
    df: float
    seeds: int  # of the side with fewer


def pooled_cells(cells: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """Return the cells that all `arms` have, their sums and trials added up; sorted, without arm.

    `cells` come from `cell_table`. One arm's cells are returned as they are.
    """
    own = cells[cells["arm"].isin(list(arms))]
    if len(arms) > 1:
        own = own[own.groupby(KEY, observed=True)["arm"].transform("size") == len(arms)]
        how: dict[Any, Any] = {
            "numerator": "sum",
            "denominator": "sum",
            "n": "sum",
            "components": _added,
        }
        own = own.groupby(KEY, sort=True, observed=True, as_index=False).agg(
            how | {"components": _added}
        )
    return own.drop(columns="arm", errors="ignore").sort_values(CELL, kind="stable")


def seed_spread(sides: Sequence[Sequence[float]]) -> SeedSpread | None:
    """Return the spread of estimates of one or two methods, a value a seed; None with too few."""
    fewest = min(len(side) for side in sides)
    if fewest < ENOUGH_SEEDS:
        return None
    parts = np.array([np.var(side, ddof=1) / len(side) for side in sides])
    free = np.array([len(side) - 1.0 for side in sides])
    total, noise = float(parts.sum()), float((parts**2 / free).sum())
    return SeedSpread(total, total**2 / noise if noise > 0 else float(free.sum()), fewest)


def widened(interval: Interval, seeds: SeedSpread) -> Interval:
    """Return the interval with the seeds' variance added to it."""
    own = interval.error**2
    total = own + seeds.variance
    if not math.isfinite(total) or total == 0:
        return interval
    noise = own**2 / interval.df + seeds.variance**2 / seeds.df
    df = max(1.0, total**2 / noise)
    reach = student(df, interval.confidence) * math.sqrt(total)
    low, high = interval.centre - reach, interval.centre + reach
    return replace(interval, low=low, high=high, df=df, spread=None)


def need_seeds(interval: Interval, seeds: SeedSpread, distance: float) -> int | None:
    """Return how many seeds a method resolve `distance` with 80 % power, same speakers and texts.

    `interval` is the one before `widened`. None where no number of seeds would.
    """
    now = widened(interval, seeds).df
    for count in _growing():
        growth = count / seeds.seeds
        wide = widened(interval, SeedSpread(seeds.variance / growth, seeds.df * growth, count))
        if errors(now, wide.df, wide.confidence) * wide.error <= distance:
            return count
    return None


def _growing() -> list[int]:
    """Counts of seeds, each some 3 % above the one before."""
    steps = np.geomspace(ENOUGH_SEEDS, MOST, 400)
    return sorted({math.ceil(step) for step in steps})


def _added(parts: pd.Series[Any]) -> Counter[str] | None:
    """Add up cells' components; None where the metric has none."""
    total: Counter[str] = Counter()
    for part in parts:
        if not isinstance(part, dict):
            return None
        for name, amount in part.items():
            total[name] += amount
    return total
