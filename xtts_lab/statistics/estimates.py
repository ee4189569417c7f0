"""Estimates with their intervals, from cells of one arm or of two on the same cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from xtts_lab.metrics.info import MetricInfo, Pool
from xtts_lab.statistics.bootstrap import (
    Cells,
    Floats,
    Statistic,
    design,
    estimate,
    generator,
)
from xtts_lab.statistics.cells import cells_of, rate, sums_of
from xtts_lab.statistics.effective import (
    Exact,
    Exposure,
    difference_ends,
    effective_size,
    exposure,
)
from xtts_lab.statistics.intervals import Interval, interval, student
from xtts_lab.statistics.pooled import Totals, difference, totals_of
from xtts_lab.statistics.skewness import ALWAYS, SKEWED
from xtts_lab.statistics.variance import influences, spread

Ends = tuple[float, float]


@dataclass(frozen=True)
class Options:
    """How intervals are drawn."""

    confidence: float
    resamples: int
    seed: int


@dataclass(frozen=True, eq=False)
class Effect:
    """An estimate and its interval; `short` are the totals that were resampled.

    `sums` [C, K] and `statistic` make the estimate of them: of two arms, side by side.
    """

    value: float
    interval: Interval
    cells: Cells
    short: Totals

    @property
    def sums(self) -> Floats:
        """What is added up by language."""
        return np.concatenate(self.short.sums, axis=1)

    @property
    def statistic(self) -> Statistic:
        """What makes a language's value of its totals."""
        if len(self.short.sums) == 1:
            return self.short.statistic
        return _side_by_side(self.short)[1]


def level(frame: pd.DataFrame, known: MetricInfo, options: Options, *names: str) -> Effect:
    """Estimate the mean over languages of one arm's cells, sorted by CELL.

    `names` (arm, condition, metric) and the languages choose the generator that resamples. Shares
    and rates have the intervals of `effective`; none reaches beyond what the metric can be.
    """
    cells, languages = cells_of(frame)
    names = ("summary", *names, languages[0] if len(languages) == 1 else "all")
    whole, short = _totals(frame, [""], known.pool)
    skewed_from = ALWAYS if known.rate else SKEWED
    drawn = _interval(
        cells, short.sums[0], short.statistic, known.pool, options, names, skewed_from
    )
    value = estimate(cells, whole.sums[0], whole.statistic)
    seen = exposure(cells, _counted(frame, known), share=known.share)
    variance = drawn.spread.variance if drawn.spread else drawn.error**2
    if math.isfinite(drawn.low) and (known.share or known.rate or _positive(known, variance)):
        drawn = _at_level(drawn, value, variance, seen, known)
    return Effect(value, within(drawn, value, reachable(known, paired=False)), cells, short)


def point(frame: pd.DataFrame, known: MetricInfo) -> float:
    """Return the estimate of `level`, without an interval."""
    whole, _ = _totals(frame, [""], known.pool)
    return estimate(cells_of(frame)[0], whole.sums[0], whole.statistic)


def gap(pairs: pd.DataFrame, known: MetricInfo, options: Options, *names: str) -> Effect:
    """Estimate an arm minus another on cells that both have, sorted by CELL; see `level`.

    The other arm's columns end in `_base`, and its name stands before those of `level`. Where few
    speakers show an event, shares and rates have the interval of two levels side by side.
    """
    cells, languages = cells_of(pairs)
    names = ("compare", *names, languages[0] if len(languages) == 1 else "all")
    whole, short = _totals(pairs, ["", "_base"], known.pool)
    drawn = _interval(cells, *_side_by_side(short), known.pool, options, names)
    value = estimate(cells, *_side_by_side(whole))
    if (known.share or known.rate) and known.pool is None and math.isfinite(drawn.low):
        drawn = _beside(drawn, cells, whole.sums, known)
    return Effect(value, within(drawn, value, reachable(known, paired=True)), cells, short)


def _positive(known: MetricInfo, variance: float) -> bool:
    """Say whether a pooled quantity that cannot be negative (a percentile of times) varies.

    Few speakers' resamples hardly reach the tail; the gamma interval of a rate does, in any unit.
    """
    return known.pool is not None and known.bounds == (0.0, math.inf) and variance > 0.0


def _at_level(
    drawn: Interval, value: float, variance: float, seen: Exposure, known: MetricInfo
) -> Interval:
    """Return the exact interval at the effective size.

    Unless events are scarce, `drawn` may tell that they are skewed: its reach to the long
    side then stands for a variance, at which that end is taken.
    """
    exact = _exact(value, variance, drawn, seen, known)
    low, high = exact.ends(value, drawn.confidence)
    if not seen.scarce:
        upwards = not known.share or value <= 0.5
        reach = drawn.high - drawn.centre if upwards else drawn.centre - drawn.low
        skewed = max(variance, (reach / student(drawn.df, drawn.confidence)) ** 2)
        ends = _exact(value, skewed, drawn, seen, known).ends(value, drawn.confidence)
        low, high = (low, ends[1]) if upwards else (ends[0], high)
    return replace(drawn, centre=value, low=low, high=high, exact=exact if seen.few else None)


def _exact(
    value: float, variance: float, drawn: Interval, seen: Exposure, known: MetricInfo
) -> Exact:
    share, confidence = known.share, drawn.confidence
    quantile = student(drawn.df, confidence)
    return Exact(effective_size(value, variance, quantile, confidence, seen, share=share), share)


def _beside(drawn: Interval, cells: Cells, sums: Sequence[Floats], known: MetricInfo) -> Interval:
    """Return an interval of a difference that is as honest as those of both levels."""
    seen = [exposure(cells, side, share=known.share) for side in sums]
    if not any(side.few for side in seen):
        return drawn
    layout, levels = design(cells), []
    for side, shown in zip(sums, seen, strict=True):
        own = estimate(cells, side, rate)
        found = spread(cells, layout, influences(cells, side, rate))
        at = replace(drawn, df=found.df)
        exact = _exact(own, found.variance, at, shown, known)
        levels.append((own, exact.ends(own, drawn.confidence)))
    (ours, our_ends), (theirs, their_ends) = levels
    low, high = difference_ends(ours, our_ends, theirs, their_ends)
    return replace(drawn, low=min(low, drawn.low), high=max(high, drawn.high), spread=None)


def _counted(frame: pd.DataFrame, known: MetricInfo) -> Floats:
    """Return numerators and denominators; of a pooled quantity neither counts anything."""
    if known.pool is None:
        return sums_of(frame)
    return np.stack([np.full(len(frame), 0.5), np.ones(len(frame))], axis=1)


def reachable(known: MetricInfo, *, paired: bool) -> Ends:
    """Return the least and the most that a level, or a difference (`paired`), can be."""
    low, high = known.bounds
    return (low - high, high - low) if paired else (low, high)


def within(found: Interval, value: float, ends: Ends) -> Interval:
    """Return an interval that ends where its metric does, and holds its estimate.

    Rounding of one sum and of another may differ in the last digit.
    """
    low, high = max(found.low, ends[0]), min(found.high, ends[1])
    if not (math.isfinite(value) and math.isfinite(found.low)):
        return found
    return replace(found, low=min(low, value), high=max(high, value))


def _interval(
    cells: Cells,
    sums: Floats,
    statistic: Statistic,
    pool: Pool | None,
    options: Options,
    names: Sequence[str],
    skewed_from: float = SKEWED,
) -> Interval:
    return interval(
        cells,
        sums,
        statistic,
        confidence=options.confidence,
        resamples=options.resamples,
        rng=generator(options.seed, *names),
        smooth=pool is None,
        skewed_from=skewed_from,
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
