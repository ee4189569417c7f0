"""How far an estimate would move with other speakers and sentences: its variance, linearised.

To first order an estimate moves by the sum of its cells' *influences* (the delta method). Summed by
speaker, by sentence, and left over in cells, they give the two-way clustered variance of Cameron,
Gelbach and Miller (2011), with the corrections for few or unequal clusters of Bell and McCaffrey
(2002), and its degrees of freedom after Satterthwaite (1946). Percentile intervals are stretched to
it: few speakers make them too narrow, and the crossed bootstrap counts the noise of a cell three
times (Owen 2007), which makes them too wide.

C cells, S speakers, L languages, K sums.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from xtts_lab.statistics.bootstrap import Cells, Design, Floats, Ints, Statistic, totals

STEP = 1e-5  # of the derivative, relative to a total: rounding and truncation are both about 1e-10


@dataclass(frozen=True)
class Spread:
    """Variances of an estimate.

    `speakers` and `sentences` are what resampling that side alone would show, so each holds the
    noise of cells, `residual`; 0 for a side that is not drawn. `df` belongs to `variance`.
    """

    speakers: float
    sentences: float
    residual: float
    df: float

    @property
    def variance(self) -> float:
        """The variance of the estimate; never below that of one side, which noise could cause."""
        both = self.speakers + self.sentences - self.residual
        return max(both, self.speakers, self.sentences)


def influences(cells: Cells, sums: Floats, statistic: Statistic) -> Floats:
    """Return the influence of each cell [C] on the mean over languages of a smooth statistic."""
    whole = totals(sums, cells.language, int(cells.language.max()) + 1)
    known = np.isfinite(statistic(whole))
    size = totals(np.abs(sums), cells.language, len(whole))
    steps = STEP * np.where(size > 0, size, 1.0)
    columns = np.arange(whole.shape[1])
    moved = np.zeros((columns.size, *whole.shape))
    moved[columns, :, columns] = steps.T
    gradient = (statistic(whole + moved) - statistic(whole - moved)).T / (2 * steps)
    gradient = np.where(known[:, None] & np.isfinite(gradient), gradient, 0.0)
    return np.asarray((gradient[cells.language] * sums).sum(axis=1) / max(1, known.sum()))


def spread(cells: Cells, layout: Design, influence: Floats) -> Spread:
    """Return the variances of an estimate from its cells' influences [C]."""
    speakers, sentences = (
        _clustered(cells.language, influence, unit, stratum, drawn)
        for unit, stratum, drawn in (
            (cells.speaker, layout.speaker_stratum, layout.speaker_drawn),
            (cells.sentence, layout.sentence_stratum, layout.sentence_drawn),
        )
    )
    both = layout.speaker_drawn[cells.speaker] & layout.sentence_drawn[cells.sentence]
    residual = _residual(cells, influence, both)
    parts = [np.concatenate(pair) for pair in zip(speakers, sentences, residual, strict=True)]
    found = Spread(
        speakers=float(speakers[0].sum()),
        sentences=float(sentences[0].sum()),
        residual=float(residual[0].sum()),
        df=1.0,
    )
    return replace(found, df=_satterthwaite(found.variance, *parts))


def units(layout: Design) -> int:
    """Return how many units the side that has fewer can vary freely, plus 1; 1 without any."""
    counts = []
    for stratum, drawn in (
        (layout.speaker_stratum, layout.speaker_drawn),
        (layout.sentence_stratum, layout.sentence_drawn),
    ):
        if drawn.any():
            counts.append(int(drawn.sum()) - np.unique(stratum[drawn]).size + 1)
    return min(counts, default=1)


def _clustered(
    language: Ints, influence: Floats, unit: Ints, stratum: Ints, drawn: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return variance and degrees of freedom of each stratum whose units are drawn.

    The noise that a unit shows is short by its share h of its language, as it pulls the mean of the
    language towards itself: a root of 1 - h makes it up (CR2 of Bell and McCaffrey 2002). Degrees
    of freedom are theirs too, tr(A)^2 / tr(A^2) of the variance as a quadratic form in cells alike.
    With units of one size that is n / (n - 1) and n - 1; with a few large ones it is wider.
    """
    keep = drawn[unit]
    language, influence, unit = language[keep], influence[keep], unit[keep]
    if not keep.any():
        return np.empty(0), np.empty(0)
    languages, size = int(language.max()) + 1, stratum.size
    pair = unit * languages + language
    counts = _sums(np.ones(unit.size), pair, size * languages).reshape(size, languages)
    number = np.maximum(1.0, counts.sum(axis=0))
    share = counts / number
    up = 1.0 / np.sqrt(np.where(share < 1.0, 1.0 - share, 1.0))
    by_pair = _sums(influence, pair, size * languages).reshape(size, languages)
    square = (by_pair * up).sum(axis=1) ** 2
    variance = _sums(square, stratum, int(stratum.max()) + 1)
    free = _freedom(counts, up / number, number, stratum)
    several = free > 0
    return variance[several], free[several]


def _freedom(counts: Floats, weight: Floats, number: Floats, stratum: Ints) -> Floats:
    """Return tr(A)^2 / tr(A^2) of each stratum, 0 where it leaves none.

    A has the eigenvalues of D - P P': D a unit's own noise, P what the means of languages take out;
    `counts` and `weight` [units, L] are cells and what one weighs.
    """
    own = (counts * weight**2).sum(axis=1)
    taken = counts * weight / np.sqrt(number)
    group = np.zeros(number.size, np.int64)
    row, column = np.nonzero(counts)
    group[column] = stratum[row]
    size = int(stratum.max()) + 1
    trace = _sums(own - (taken**2).sum(axis=1), stratum, size)
    square = _sums(own**2 - 2 * own * (taken**2).sum(axis=1), stratum, size)
    crossed = np.einsum("ul,um->lm", taken, taken)  # adds in one order; BLAS would not
    square += _sums((crossed**2).sum(axis=1), group, size)
    some = trace > 1e-9 * _sums(own, stratum, size)
    return np.divide(trace**2, square, out=np.zeros(size), where=some)


def _residual(cells: Cells, influence: Floats, both: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return variance and degrees of freedom of the noise of cells, by language.

    In a language it is what rows (speakers) and columns (sentences) leave of a two-way table.
    A table may fall into blocks that share neither (sentence k by speakers 2k and 2k + 1 alone):
    each has a mean of its own, and leaves one more degree of freedom.
    """
    if not both.any():
        return np.empty(0), np.empty(0)
    value, language = influence[both], cells.language[both]
    pair = language * (int(cells.speaker.max()) + 1) + cells.speaker[both]
    row, column = (np.unique(c, return_inverse=True)[1] for c in (pair, cells.sentence[both]))
    block = _blocks(row, column, language)
    middle = _mean(value, block)[block]
    left = value - _mean(value, row)[row] - _mean(value, column)[column] + middle
    number = np.bincount(language)
    rows, columns, blocks = (
        np.bincount(language[np.unique(of, return_index=True)[1]], minlength=number.size)
        for of in (row, column, block)
    )
    free = number - rows - columns + blocks.astype(float)
    square = _sums(left**2, language, number.size)
    some = (number > 0) & (free > 0)
    degrees = np.asarray(free[some], np.float64)
    return square[some] * number[some] / degrees, degrees


def _blocks(row: Ints, column: Ints, language: Ints) -> Ints:
    """Return which connected part of its language's table each cell lies in."""
    columns = np.unique(language * (int(column.max()) + 1) + column, return_inverse=True)[1]
    size = int(row.max()) + 1
    both = size + int(columns.max()) + 1
    edges = coo_array((np.ones(row.size, np.int8), (row, size + columns)), shape=(both, both))
    return np.asarray(connected_components(edges, directed=False)[1][row], np.int64)


def _satterthwaite(variance: float, parts: Floats, free: Floats) -> float:
    noise = float((parts**2 / free).sum())
    return max(1.0, variance**2 / noise) if noise > 0 else float(max(1.0, free.sum()))


def _sums(values: Floats, codes: Ints, size: int) -> Floats:
    return np.asarray(np.bincount(codes, values, size), np.float64)


def _mean(values: Floats, codes: Ints) -> Floats:
    number = np.bincount(codes)
    return np.asarray(np.bincount(codes, values) / np.maximum(1, number), np.float64)
