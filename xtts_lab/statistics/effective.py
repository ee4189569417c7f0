"""Intervals of shares and error rates that stay honest at few events.

Where 2 of 480 trials fail, or none, resampling has next to nothing to draw: its interval is far too
narrow, or has no width. What such a sample tells is what as many *independent* trials would tell as
its variance is worth: Korn and Graubard (1998, "Confidence intervals for proportions with small
expected number of positive counts estimated from survey data") take the effective sample size, with
Student's quantile for the normal one, into the exact interval of Clopper and Pearson (1934). For
rates, which count errors and have no upper bound, the effective number of errors enters the exact
interval of a Poisson mean (Fay and Feuer 1997) likewise.

With few speakers that show an event, the variance itself is not to be trusted. There the effective
size is at most that of trials whose outcomes correlate by 0.15 within a speaker (by 0.1, if there
is no event at all and so no variance). Differences of two such levels have the square-and-add
interval of Newcombe (1998) and Zou and Donner (2008).

C cells, S speakers, L languages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, gammaincinv, ndtri

from xtts_lab.statistics.bootstrap import Cells, Floats, Ints
from xtts_lab.statistics.rules import ENOUGH_SHOWING, ENOUGH_TO_SKEW

WITHIN_SPEAKER = 0.1
"""Correlation of a speaker's outcomes that is assumed where no outcome differs from another.

That is as much as claims can take: a share that lies just above the upper end that 20 speakers with
24 trials each have then, 2.5 %, shows no event in 4.5 % of experiments if the correlation is 0.3.
"""

WITHIN_SHOWN = 0.15
"""The least that is assumed where few speakers show an event, whatever the variance says.

A speaker that fails often is rare where failures are: samples that lack it look better and less
correlated at once. At 0.1 claims that are false held in up to 7 % of experiments with a correlation
of 0.3 (10 to 40 speakers), at 0.15 in up to 3.5 %, at 0.2 in 2 %; true claims at 3 or 5 times the
true share (1 to 5 %, correlation 0.1) held in 42 % on average, and hold in 39 % now.
"""

_LEAST = 1e-9  # trials; of fewer nothing is told, and the functions below have no value


@dataclass(frozen=True)
class Exposure:
    """What an event could have happened to: `size` as if independent, by `WITHIN_SPEAKER`.

    `shown`: the same by `WITHIN_SHOWN`. `few`: fewer than `ENOUGH_SHOWING` speakers show an event
    (or, of a share, anything else), so that nothing better is known of the correlation. `scarce`:
    so few that their skewness tells nothing either.
    """

    size: float
    shown: float
    few: bool
    scarce: bool = False


def exposure(cells: Cells, sums: Floats, *, share: bool) -> Exposure:
    """Return the exposure of numerators and denominators [C, 2].

    A cell of a share counts once, whatever the number of its repeats, which may all fail for one
    reason; a cell of a rate as often as its denominator has words, or once where that is 1.
    """
    size = (sums[:, 1] > 0).astype(np.float64) if share else sums[:, 1]
    by_language = np.bincount(cells.language, size)
    by_speaker = np.bincount(cells.speaker, size)
    if not size.any():
        return Exposure(0.0, 0.0, few=True)
    known = by_language[by_language > 0]
    kish = known.size**2 / float((1.0 / known).sum())
    turns = float((by_speaker**2).sum() / by_speaker.sum())
    alike = max(0.0, turns - 1.0)
    sizes = [kish / (1.0 + within * alike) for within in (WITHIN_SPEAKER, WITHIN_SHOWN)]
    enough = min(ENOUGH_SHOWING, int((by_speaker > 0).sum()))
    shown = [sums[:, 0] > 0, sums[:, 0] < sums[:, 1]] if share else [sums[:, 0] > 0]
    least = min(_speakers(cells.speaker, at) for at in shown)
    return Exposure(sizes[0], sizes[1], least < enough, least < min(ENOUGH_TO_SKEW, enough))


def effective_size(
    value: float,
    variance: float,
    quantile: float,
    confidence: float,
    seen: Exposure,
    *,
    share: bool,
) -> float:
    """Return how many independent trials tell as much.

    `variance` is that of the estimate `value`, and `quantile` Student's at its degrees of freedom.
    """
    noise = value * (1.0 - value) if share else value
    if variance <= 0.0 or noise <= 0.0:
        return seen.size
    normal = -float(ndtri((1.0 - confidence) / 2.0))
    size = noise / variance * (normal / quantile) ** 2
    return min(seen.shown, size) if seen.few else size


@dataclass(frozen=True)
class Exact:
    """How an interval was made: of a share, or a rate, at an effective sample size."""

    size: float
    share: bool

    def ends(self, value: float, confidence: float, growth: float = 1.0) -> tuple[float, float]:
        """Return the interval of `value`; `growth`: as if there were as many times more trials."""
        ends = share_ends if self.share else rate_ends
        return ends(value, self.size * growth, confidence)

    def error(self, value: float, growth: float = 1.0) -> float:
        """Return the standard error of as many independent trials."""
        noise = value * (1.0 - value) if self.share else value
        return math.sqrt(max(0.0, noise) / (self.size * growth)) if self.size > _LEAST else math.inf


def share_ends(share: float, size: float, confidence: float) -> tuple[float, float]:
    """Return Clopper and Pearson's interval of a share of `size` trials, which need not be whole.

    >>> [round(end, 4) for end in share_ends(0.0, 20, 0.95)]
    [0.0, 0.1684]
    >>> [round(end, 4) for end in share_ends(0.1, 50, 0.95)]
    [0.0333, 0.2181]
    """
    if not size > _LEAST:
        return 0.0, 1.0
    tail, events = (1.0 - confidence) / 2.0, min(1.0, max(0.0, share)) * size
    rest = size - events
    low = float(betaincinv(events, rest + 1.0, tail)) if events > _LEAST else 0.0
    high = float(betaincinv(events + 1.0, rest, 1.0 - tail)) if rest > _LEAST else 1.0
    return low, high


def rate_ends(rate: float, size: float, confidence: float) -> tuple[float, float]:
    """Return the exact interval of a Poisson rate at which `size` units were exposed.

    >>> [round(end, 3) for end in rate_ends(0.0, 100, 0.95)]
    [0.0, 0.037]
    >>> [round(end, 3) for end in rate_ends(0.1, 100, 0.95)]
    [0.048, 0.184]
    """
    if not size > _LEAST:
        return 0.0, math.inf
    tail, events = (1.0 - confidence) / 2.0, max(0.0, rate) * size
    low = float(gammaincinv(events, tail)) / size if events > _LEAST else 0.0
    return low, float(gammaincinv(events + 1.0, 1.0 - tail)) / size


def difference_ends(
    first: float,
    first_ends: tuple[float, float],
    second: float,
    second_ends: tuple[float, float],
) -> tuple[float, float]:
    """Return the interval of `first - second` from those of both, taken as uncorrelated.

    Arms that fail on the same items are correlated, which would make it narrower: with few events
    nothing tells by how much.
    """
    down = math.hypot(first - first_ends[0], second_ends[1] - second)
    up = math.hypot(first_ends[1] - first, second - second_ends[0])
    return first - second - down, first - second + up


def _speakers(speaker: Ints, at: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    return int(np.unique(speaker[at]).size)
