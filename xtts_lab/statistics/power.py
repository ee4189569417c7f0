"""How many speakers and sentences it would take to decide, from the variances of what was measured.

An interval decides with 80 % power when the true difference lies so many standard errors beyond the
margin that 80 of 100 estimates fall Student's quantile t beyond it. The standard error is itself an
estimate, of few degrees of freedom m, so that number is the quantile of a noncentral t with m and t
(Julious and Owen 2006); with a known variance it would be t + z. The standard error of a design
with S speakers and T sentences, every speaker saying every sentence, is the root of
a / S + b / T + c / (S T); a, b and c are estimated from the paired differences at hand. Where
speakers take turns, and where the statistic is not smooth, both numbers grow together.

This is the power to resolve a distance named beforehand, as a margin is. The distance that happened
to be observed is no basis for it: a study that just missed would always come out underpowered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import nctdtrit, ndtri

from xtts_lab.statistics.effective import Exact
from xtts_lab.statistics.intervals import Interval, student

POWER = 0.8
COST = 0.02
"""Power that verdicts lose to Student's test, as they must also stand up to sign flips, to skewed
speakers and without the most influential one: what is asked for makes up for it.

By benchmarks/statistics_simulation.py at three standard errors.
"""
MOST = 1e6  # beyond this many units no number is worth stating
ROUNDS = 30  # degrees of freedom and size depend on each other; each round halves the change


@dataclass(frozen=True)
class Size:
    """How large a test set is: different speakers, and different sentences over all languages."""

    speakers: float
    sentences: float


@dataclass(frozen=True)
class Components:
    """Variance that a design of S speakers and T sentences divides: see the module's text.

    `together` is divided by a common growth of both, where the two cannot be told apart.
    """

    speakers: float = 0.0
    sentences: float = 0.0
    cells: float = 0.0
    together: float = 0.0

    def variance(self, at: Size, now: Size) -> float:
        """Return the variance of the estimate in a test set of another size."""
        return (
            self.speakers / at.speakers
            + self.sentences / at.sentences
            + self.cells / (at.speakers * at.sentences)
            + self.together * now.speakers / at.speakers
        )


def components(interval: Interval, now: Size) -> Components:
    """Split the variance of an estimate; a part that would come out negative is 0."""
    found = interval.spread
    if found is None:
        return Components(together=interval.error**2)
    if found.speakers == 0 or found.sentences == 0:  # one side alone was drawn
        return Components(together=found.variance)
    return Components(
        speakers=now.speakers * max(0.0, found.speakers - found.residual),
        sentences=now.sentences * max(0.0, found.sentences - found.residual),
        cells=now.speakers * now.sentences * found.residual,
    )


def need(interval: Interval, now: Size, distance: float, least: Size) -> Size | None:
    """Return the test set of fewest trials that resolves `distance` with 80 % power, or None.

    It is never smaller than `least`, in either number. None where there is no interval, the
    distance is 0, or over a million units would not do.
    """
    if not math.isfinite(interval.low) or distance <= 0:
        return None
    if interval.exact is not None:
        return _rare(interval, interval.exact, now, distance, least)
    parts = components(interval, now)
    size, df = now, interval.df
    for _ in range(ROUNDS):
        target = (distance / errors(interval.df, df, interval.confidence)) ** 2
        found = _smallest(parts, now, target, least)
        if found is None:
            return None
        growth = min(found.speakers / now.speakers, found.sentences / now.sentences)
        size, df = found, max(1.0, (df + interval.df * growth) / 2.0)
    return Size(math.ceil(size.speakers - 1e-9), math.ceil(size.sentences - 1e-9))


def errors(estimated: float, planned: float, confidence: float) -> float:
    """Return how many standard errors beyond a margin 80 % power takes.

    The standard error was `estimated` with so many degrees of freedom; its interval will have those
    `planned`.
    """
    return float(nctdtrit(estimated, student(planned, confidence), POWER + COST))


def _rare(interval: Interval, exact: Exact, now: Size, distance: float, least: Size) -> Size | None:
    """Return the size at which an exact interval of few events resolves `distance`.

    Both numbers grow together. Without an event it narrows by the size, not by its root.
    """
    value, most = interval.centre, MOST / max(now.speakers, now.sentences)
    for growth in np.geomspace(1.0, max(1.0, most), 400):
        low, high = exact.ends(value, interval.confidence, growth)
        reach = max(high - value, value - low)
        if reach + float(ndtri(POWER + COST)) * exact.error(value, growth) <= distance:
            speakers, sentences = now.speakers * growth, now.sentences * growth
            return Size(
                math.ceil(max(least.speakers, speakers) - 1e-9),
                math.ceil(max(least.sentences, sentences) - 1e-9),
            )
    return None


def _smallest(parts: Components, now: Size, target: float, least: Size) -> Size | None:
    """Return the smallest S T at which the variance is at most `target`.

    Without lower bounds, a / S = b / T there (Lagrange); a number that falls below its bound stays
    there, and the other carries the rest.
    """
    if parts.together > 0:
        growth = parts.together / target
        found = Size(
            max(least.speakers, growth * now.speakers), max(least.sentences, growth * now.sentences)
        )
        return found if max(found.speakers, found.sentences) <= MOST else None
    a, b, c = parts.speakers, parts.sentences, parts.cells
    if a > 0 and b > 0:
        share = (2 + math.sqrt(4 + 4 * target * c / (a * b))) / (2 * target)
        speakers, sentences = a * share, b * share
    else:
        speakers, sentences = (0.0, math.inf) if b > 0 else (math.inf, 0.0)
    if speakers < least.speakers:
        speakers, sentences = least.speakers, _other(b, a, c, least.speakers, target)
    if sentences < least.sentences:
        sentences, speakers = least.sentences, _other(a, b, c, least.sentences, target)
    found = Size(max(speakers, least.speakers), max(sentences, least.sentences))
    return found if max(found.speakers, found.sentences) <= MOST else None


def _other(own: float, fixed: float, cells: float, count: float, target: float) -> float:
    """Return how many units of one side it takes beside `count` of the other; inf if none do."""
    left = target - fixed / count
    return (own + cells / count) / left if left > 0 else math.inf
