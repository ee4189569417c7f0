"""Quantities that are no ratio of two sums (an equal error rate): pooled from their components.

Their scores keep the components in `detail`. Here the components of a cell's trials are added up
and laid out as sums [C, K], which the bootstrap resamples as it does numerators and denominators;
the metric itself turns totals into values. C cells, K components.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xtts_lab.metrics.info import Pool
from xtts_lab.statistics.bootstrap import Floats, Statistic


@dataclass(frozen=True, eq=False)
class Totals:
    """Sums [C, K] of one arm or of two on the same cells, and the statistic of their totals."""

    sums: list[Floats]
    statistic: Statistic


def with_components(
    cells: pd.DataFrame, wide: pd.DataFrame, by: list[str], metrics: Collection[str]
) -> pd.DataFrame:
    """Return cells with a column `components`: summed over a cell's scores, or None.

    `wide` are the scores, with `detail`, that the cells were made of, and `by` names the cell.
    """
    parts = wide[wide["metric"].isin(list(metrics))]
    if parts.empty:
        return cells.assign(components=None)
    groups = parts.groupby(by, sort=True, observed=True)["detail"]
    rows = [(*key, _merge(details)) for key, details in groups]
    return cells.merge(pd.DataFrame(rows, columns=[*by, "components"]), on=by, how="left")


def totals_of(pool: Pool, columns: Sequence[pd.Series[Any]]) -> tuple[Totals, Totals]:
    """Return the sums of columns of components: whole, for estimates; merged, for resampling."""
    names, sums = sums_of(columns)
    whole = Totals(sums, lambda totals: pool.values(names, totals))
    return whole, merged(pool, names, sums)


def sums_of(columns: Sequence[pd.Series[Any]]) -> tuple[list[str], list[Floats]]:
    """Return the component names of all columns, and sums [C, K] of each in their order."""
    names = sorted({name for column in columns for cell in column for name in cell})
    place = {name: i for i, name in enumerate(names)}
    sums = []
    for column in columns:
        grid = np.zeros((len(column), len(names)))
        for row, cell in enumerate(column):
            for name, amount in cell.items():
                grid[row, place[name]] = amount
        sums.append(grid)
    return names, sums


def merged(pool: Pool, names: Sequence[str], sums: Sequence[Floats]) -> Totals:
    """Return fewer components for resampling, with their names and statistic."""
    stands = [pool.merge(name) for name in names]
    kept = sorted({name for name in stands if name is not None})
    place = {name: i for i, name in enumerate(kept)}
    short = [np.zeros((len(one), len(kept))) for one in sums]
    for column, name in enumerate(stands):
        if name is not None:
            for few, many in zip(short, sums, strict=True):
                few[:, place[name]] += many[:, column]
    return Totals(short, lambda totals: pool.values(kept, totals))


def difference(statistic: Statistic, width: int) -> Statistic:
    """Return the statistic of two arms' totals side by side [..., 2 K]: the first minus the second.

    `width` is K.
    """
    return lambda totals: statistic(totals[..., :width]) - statistic(totals[..., width:])


def _merge(details: pd.Series[Any]) -> dict[str, float]:
    total: dict[str, float] = {}
    for detail in details:
        for name, amount in json.loads(detail).get("components", {}).items():
            total[name] = total.get(name, 0.0) + amount
    return total
