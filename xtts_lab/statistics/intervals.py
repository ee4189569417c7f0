"""Intervals of estimates: percentiles of a crossed bootstrap, stretched to what few units can tell.

A percentile interval of n clusters is too narrow: it divides by n instead of n - 1, and has the
normal's tails where Student's belong. Hesterberg (2015, "What teachers should know about the
bootstrap") widens its percentiles accordingly; here the draws' distances from the estimate are
stretched instead, which needs no extreme percentiles of few resamples. Where the statistic is
smooth, they are stretched until their variance is that of `spread`: the draws lend the interval
their shape. So neither unequal speakers nor languages of three sentences make it too narrow, and
the noise that a crossed bootstrap counts three times does not make it too wide. Where speakers (or
sentences) are skewed, it reaches as far as a studentised bootstrap as well (see `skewness`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from xtts_lab.statistics.bootstrap import (
    Cells,
    Floats,
    Statistic,
    centred_mean,
    design,
    resampled,
    totals,
)
from xtts_lab.statistics.effective import Exact
from xtts_lab.statistics.skewness import SKEWED, stretches
from xtts_lab.statistics.variance import Spread, influences, spread, units


@dataclass(frozen=True)
class Interval:
    """An interval around `centre`; NaN twice where nothing tells how far the estimate would move.

    `df`: degrees of freedom of its width. `spread` is None where the statistic is not smooth.
    `exact` says how an interval at few events was made, whose width is not that of a variance.
    """

    centre: float
    low: float
    high: float
    df: float
    confidence: float
    spread: Spread | None
    exact: Exact | None = None

    def p_value(self, null: float = 0.0) -> float:
        """Return the two-sided p-value: below 1 - confidence where `null` lies outside."""
        distance = abs(self.centre - null)
        reach = self.centre - self.low if self.centre > null else self.high - self.centre
        if not math.isfinite(reach):
            return float("nan")
        if reach <= 0:
            return 1.0 if distance == 0 else 0.0
        return float(2.0 * stdtr(self.df, -student(self.df, self.confidence) * distance / reach))

    @property
    def error(self) -> float:
        """The standard error: half the width over Student's quantile."""
        return (self.high - self.low) / 2.0 / student(self.df, self.confidence)


def interval(
    cells: Cells,
    sums: Floats,
    statistic: Statistic,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    smooth: bool = True,
    skewed_from: float = SKEWED,
) -> Interval:
    """Return the interval of `bootstrap.estimate`.

    There is none where some language has one speaker and one sentence, or one speaker whose
    sentences cannot be drawn apart from it. `smooth`: the statistic has derivatives (means,
    ratios of sums; not percentiles). `skewed_from`: the skewness from which on `skewness` counts.
    """
    layout = design(cells)
    centre = statistic(totals(sums, cells.language, int(cells.language.max()) + 1))
    mean = float(np.nanmean(centre)) if np.isfinite(centre).any() else float("nan")
    nan = float("nan")
    if not layout.everywhere:
        return Interval(mean, nan, nan, nan, confidence, None)
    chunks = resampled(cells, sums, resamples, rng)
    draws = np.concatenate([centred_mean(statistic(chunk), centre) for chunk in chunks])
    draws = draws[np.isfinite(draws)]
    if draws.size * 2 <= resamples:  # mostly empty resamples: no basis for an interval
        return Interval(mean, nan, nan, nan, confidence, None)
    influence = influences(cells, sums, statistic) if smooth else None
    found = None if influence is None else spread(cells, layout, influence)
    n = units(layout)
    if n < 2:  # one unit tells nothing of how far another would lie
        return Interval(mean, nan, nan, nan, confidence, None)
    df = found.df if found else float(n - 1)
    wider = math.sqrt(n / (n - 1))
    if found and (drawn := float(draws.var())) > 0:
        wider = math.sqrt(found.variance / drawn)
    tail = (1.0 - confidence) / 2.0
    stretch = wider * student(df, confidence) / -float(ndtri(tail))
    # The (B + 1) p-th of B draws: numpy's own rule lies further in, and few resamples would tell.
    ends = np.quantile(draws, [tail, 1.0 - tail], method="weibull")
    low, high = (float(end) for end in mean + stretch * (ends - mean))
    if found and influence is not None:
        reach = student(df, confidence) * math.sqrt(found.variance)
        down, up = stretches(
            cells, layout, influence, found, confidence, resamples, rng, skewed_from
        )
        low = min(low, mean - down * reach) if down > 1.0 else low
        high = max(high, mean + up * reach) if up > 1.0 else high
    return Interval(mean, low, high, df, confidence, found)


def student(df: float, confidence: float) -> float:
    """Return the quantile of Student's t that a two-sided interval takes."""
    return -float(stdtrit(df, (1.0 - confidence) / 2.0))
