"""Estimates with their intervals, from cells of one arm or of two on the same cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xtts_lab.metrics.info import Pool
from xtts_lab.statistics.bootstrap import Cells, Floats, Statistic, estimate, generator
from xtts_lab.statistics.cells import cells_of, rate, sums_of
from xtts_lab.statistics.intervals import Interval, interval
from xtts_lab.statistics.pooled import Totals, difference, totals_of


@dataclass(frozen=True)
class Options:
    """How intervals are drawn."""

    confidence: float
    resamples: int
    seed: int


@dataclass(frozen=True, eq=False)
class Effect:
    """An estimate and its interval; `short` are the totals that were resampled."""

    value: float
    interval: Interval
    cells: Cells
    short: Totals


def level(frame: pd.DataFrame, pool: Pool | None, options: Options, *names: str) -> Effect:
    """Estimate the mean over languages of one arm's cells, sorted by CELL.

    `names` (arm, condition, metric) and the languages choose the generator that resamples.
    """
    cells, languages = cells_of(frame)
    names = ("summary", *names, languages[0] if len(languages) == 1 else "all")
    whole, short = _totals(frame, [""], pool)
    drawn = _interval(cells, short.sums[0], short.statistic, pool, options, names)
    return Effect(estimate(cells, whole.sums[0], whole.statistic), drawn, cells, short)


def gap(pairs: pd.DataFrame, pool: Pool | None, options: Options, *names: str) -> Effect:
    """Estimate an arm minus another on cells that both have, sorted by CELL; see `level`.

    The other arm's columns end in `_base`, and its name stands before those of `level`.
    """
    cells, languages = cells_of(pairs)
    names = ("compare", *names, languages[0] if len(languages) == 1 else "all")
    whole, short = _totals(pairs, ["", "_base"], pool)
    drawn = _interval(cells, *_side_by_side(short), pool, options, names)
    return Effect(estimate(cells, *_side_by_side(whole)), drawn, cells, short)


def _interval(
    cells: Cells,
    sums: Floats,
    statistic: Statistic,
    pool: Pool | None,
    options: Options,
    names: Sequence[str],
) -> Interval:
    return interval(
        cells,
        sums,
        statistic,
        confidence=options.confidence,
        resamples=options.resamples,
        rng=generator(options.seed, *names),
        smooth=pool is None,
    )


def _totals(
    frame: pd.DataFrame, suffixes: Sequence[str], pool: Pool | None
) -> tuple[Totals, Totals]:
    """Return the sums of cells in columns with each suffix: for estimates, and for resampling."""
    if pool is None:
        plain = Totals([sums_of(frame, suffix) for suffix in suffixes], rate)
        return plain, plain
    return totals_of(pool, [frame[f"components{suffix}"] for suffix in suffixes])


def _side_by_side(totals: Totals) -> tuple[Floats, Statistic]:
    """Return both arms' sums side by side [C, 2 K], and the statistic of their difference."""
    ours, theirs = totals.sums
    return np.concatenate([ours, theirs], axis=1), difference(totals.statistic, ours.shape[1])
