"""A difference, or a level, tested against a bound; and the same without one of its speakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics.bootstrap import (
    CHUNK_ELEMENTS,
    centred_mean,
    generator,
    sign_flip,
    totals,
)
from xtts_lab.statistics.estimates import Effect, Options, gap, level

LENIENT = 2.0
"""A verdict turns on one speaker where without it the p-value is this many times the limit.

One speaker fewer is a little less evidence in any case: at the limit itself, a verdict that stands
at three standard errors would be lost in 4 of 100 experiments without any odd speaker.
"""


@dataclass(frozen=True, eq=False)
class Contrast:
    """An effect and its two-sided p-value at a bound."""

    effect: Effect
    bound: float
    p_value: float

    @property
    def above(self) -> bool:
        """Whether the estimate lies above the bound."""
        return self.effect.value > self.bound

    @property
    def clear(self) -> bool:
        """Whether the interval lies wholly on one side of the bound."""
        return self.effect.interval.low > self.bound or self.effect.interval.high < self.bound

    def against(self, other: Contrast) -> float:
        """Return the p-value, or 1 where `other` lies on the other side of the bound."""
        return self.p_value if self.above == other.above else 1.0


def contrast(
    frame: pd.DataFrame,
    known: MetricInfo,
    options: Options,
    names: Sequence[str],
    bound: float = 0.0,
) -> Contrast:
    """Test cells, sorted by CELL: pairs of two arms (columns `_base`) or one arm's own.

    The p-value of a difference is the larger of those of the sign flips and of the interval: sign
    flips are exact with few speakers, and blind to the choice of sentences; the interval knows both
    sides. A level, and a pooled quantity at a bound that is not 0, has that of the interval alone.
    """
    if "n_base" not in frame:
        effect = level(frame, known, options, *names)
        return Contrast(effect, bound, effect.interval.p_value(bound))
    effect = gap(frame, known, options, *names)
    codes = frame["language"].unique()
    language = str(codes[0]) if len(codes) == 1 else "all"
    flips = generator(options.seed, "flip", *names, language)
    flipped = _flipped(effect, known, bound, flips)
    return Contrast(effect, bound, float(np.fmax(flipped, effect.interval.p_value(bound))))


def _flipped(found: Effect, known: MetricInfo, bound: float, rng: np.random.Generator) -> float:
    ours, theirs = found.short.sums
    if bound and (known.pool is not None or not np.isfinite(2.0 * bound * ours[:, 1].sum())):
        return float("nan")  # beyond all numbers, the interval tells enough
    if bound:  # what is tested is the first arm moved by the bound
        ours = ours - bound * np.stack([ours[:, 1], np.zeros(len(ours))], axis=1)
    return sign_flip(found.cells, ours, theirs, found.short.statistic, rng)


def most_influential(found: Effect, frame: pd.DataFrame) -> str | None:
    """Return the speaker without whom the estimate would move furthest; None if there is one only.

    `frame` are the cells that were tested.
    """
    names = sorted(frame["speaker"].unique())
    if len(names) < 2:
        return None
    cells, sums, statistic = found.cells, found.sums, found.statistic
    languages, speakers = int(cells.language.max()) + 1, len(names)
    whole = totals(sums, cells.language, languages)
    centre = statistic(whole)
    step = max(1, CHUNK_ELEMENTS // whole.size)
    moved = []
    for begin in range(0, speakers, step):
        own = (cells.speaker >= begin) & (cells.speaker < begin + step)
        size = min(step, speakers - begin)
        place = (cells.speaker[own] - begin) * languages + cells.language[own]
        parts = totals(sums[own], place, size * languages).reshape(size, *whole.shape)
        moved.append(centred_mean(statistic(whole - parts), centre) - np.nanmean(centre))
    distance = np.abs(np.concatenate(moved))
    if not np.isfinite(distance).any():
        return None
    return str(names[int(np.nanargmax(distance))])


def without(frame: pd.DataFrame, speaker: str) -> pd.DataFrame:
    """Return the cells of all other speakers."""
    return frame[frame["speaker"] != speaker].reset_index(drop=True)
