"""How far an estimate would move with other speakers and sentences: its variance, linearised.

To first order an estimate moves by the sum of its cells' *influences* (the delta method). Summed by
speaker, by sentence, and left over in cells, they give the two-way clustered variance of Cameron,
Gelbach and Miller (2011), with small-sample factors, and its degrees of freedom after Satterthwaite
(1946). It corrects a percentile interval in two ways: few speakers make it too narrow, and the
crossed bootstrap counts the noise of a cell three times (Owen 2007), which makes it too wide.

C cells, S speakers, L languages, K sums.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xtts_lab.experiment.bootstrap import Cells, Design, Floats, Ints, Statistic, totals

STEP = 1e-5  # of the derivative, relative to a total: rounding and truncation are both about 1e-10


@dataclass(frozen=True)
class Spread:
    """Variances of an estimate.

    `speakers` and `sentences` are what resampling that side alone would show, so each holds the
    noise of cells, `residual`; 0 for a side that is not drawn. `resampled` is the variance that the
    weights of `bootstrap.resampled` give the linearised estimate; `df` belongs to `variance`.
    """

    speakers: float
    sentences: float
    residual: float
    resampled: float
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
    by_speaker = _sums(influence, cells.speaker, layout.speaker_stratum.size)
    by_sentence = _sums(influence, cells.sentence, layout.sentence_stratum.size)
    speakers = _clustered(by_speaker, layout.speaker_stratum, layout.speaker_drawn)
    sentences = _clustered(by_sentence, layout.sentence_stratum, layout.sentence_drawn)
    both = layout.speaker_drawn[cells.speaker] & layout.sentence_drawn[cells.sentence]
    residual = _residual(cells, influence, both)
    parts = [np.concatenate(pair) for pair in zip(speakers, sentences, residual, strict=True)]
    found = Spread(
        speakers=float(speakers[0].sum()),
        sentences=float(sentences[0].sum()),
        residual=float(residual[0].sum()),
        resampled=_resampled(cells, layout, influence, both),
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


def _clustered(sums: Floats, stratum: Ints, drawn: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return variance and degrees of freedom of each stratum's clusters, drawn ones alone."""
    size = int(stratum.max()) + 1
    count = np.bincount(stratum[drawn], minlength=size)
    total = np.bincount(stratum[drawn], sums[drawn], size)
    square = np.bincount(stratum[drawn], sums[drawn] ** 2, size)
    several = count > 1
    n = count[several]
    centred = square[several] - total[several] ** 2 / n
    return np.maximum(centred, 0.0) * n / (n - 1), (n - 1).astype(np.float64)


def _residual(cells: Cells, influence: Floats, both: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return variance and degrees of freedom of the noise of cells, by language.

    In a language it is what rows (speakers) and columns (sentences) leave of a two-way table.
    """
    if not both.any():
        return np.empty(0), np.empty(0)
    value, language = influence[both], cells.language[both]
    pair = language * (int(cells.speaker.max()) + 1) + cells.speaker[both]
    row, column = (np.unique(c, return_inverse=True)[1] for c in (pair, cells.sentence[both]))
    grand = _mean(value, language)[language]
    left = value - _mean(value, row)[row] - _mean(value, column)[column] + grand
    number = np.bincount(language)
    rows = np.bincount(language[np.unique(row, return_index=True)[1]], minlength=number.size)
    columns = np.bincount(language[np.unique(column, return_index=True)[1]], minlength=number.size)
    free = number - rows - columns + 1.0
    square = _sums(left**2, language, number.size)
    some = (number > 0) & (free > 0)
    degrees = np.asarray(free[some], np.float64)
    return square[some] * number[some] / degrees, degrees


def _resampled(cells: Cells, layout: Design, influence: Floats, both: NDArray[np.bool_]) -> float:
    """Return the variance of the influences' sum, each times its speaker's and sentence's count.

    Counts of n units drawn n times have E[w_i w_j] = 1 - 1/n, plus 1 where i = j.
    """
    speaker, sentence, group = cells.speaker, cells.sentence, layout.speaker_stratum
    by_speaker = np.bincount(speaker, influence, group.size)[layout.speaker_drawn]
    by_sentence = np.bincount(sentence, influence, layout.sentence_stratum.size)
    languages = int(layout.sentence_stratum.max()) + 1
    code = speaker[both] * languages + cells.language[both]
    by_pair = np.bincount(code, influence[both], group.size * languages)
    texts = np.maximum(1, np.bincount(layout.sentence_stratum, minlength=languages))
    crossed = np.zeros(layout.sentence_stratum.size)
    crossed[sentence[both]] = 1.0 / np.bincount(group)[group[speaker[both]]]
    return float(
        (influence[both] ** 2).sum()
        + (by_speaker**2).sum()
        - (by_pair.reshape(-1, languages) ** 2 / texts).sum()
        + ((1.0 - crossed) * by_sentence**2)[layout.sentence_drawn].sum()
    )


def _satterthwaite(variance: float, parts: Floats, free: Floats) -> float:
    noise = float((parts**2 / free).sum())
    return max(1.0, variance**2 / noise) if noise > 0 else float(max(1.0, free.sum()))


def _sums(values: Floats, codes: Ints, size: int) -> Floats:
    return np.asarray(np.bincount(codes, values, size), np.float64)


def _mean(values: Floats, codes: Ints) -> Floats:
    number = np.bincount(codes)
    return np.asarray(np.bincount(codes, values) / np.maximum(1, number), np.float64)
