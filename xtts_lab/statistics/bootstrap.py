"""Resampling of speakers and sentences, crossed, with languages as fixed strata.

A *cell* is one (language, speaker, sentence) of an arm, or of a pair of arms, and carries K sums
(edits and words, say). A statistic of a language is a function of its K totals; the statistic
called `all` is the unweighted mean over languages.

Resampling draws speakers and, independently, sentences with replacement and weighs a cell by the
product of its two counts (Owen 2007, "The pigeonhole bootstrap"). Where one side is nested in the
other, as when speakers take turns over texts, the product would count the noise of a cell up to
three times; there the outer side alone is drawn, which is the ordinary cluster bootstrap.

C cells, B resamples, S speakers, L languages, K sums.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Statistic = Callable[[Floats], Floats]
"""Maps totals [..., K] to values [...]; NaN where it is not defined."""

CHUNK_ELEMENTS = 1 << 20  # resamples x sentences held at a time: some 8 MB a matrix
MANY_SUMS = 8  # from here on one sparse product for all sums is faster than one for each
EXACT_SPEAKERS = 12  # up to here all 2^S sign patterns are enumerated
FLIPS = 10_000
TOLERANCE = 1e-10  # a flipped statistic this close to the observed one counts as equal to it


@dataclass(frozen=True, eq=False)
class Cells:
    """Where each cell stands, as codes from 0 without gaps, int64 [C], sorted by `language`.

    A sentence code belongs to one language; a speaker code may occur in several.
    """

    speaker: Ints
    sentence: Ints
    language: Ints

    @property
    def speakers(self) -> int:
        """How many there are."""
        return int(self.speaker.max(initial=-1)) + 1

    @property
    def sentences(self) -> int:
        """How many there are, one text in two languages being two."""
        return int(self.sentence.max(initial=-1)) + 1

    def part(self, language: int) -> Cells:
        """Return the cells of one language, with codes of their own."""
        at = self.language == language
        codes = [np.unique(c[at], return_inverse=True)[1] for c in (self.speaker, self.sentence)]
        return Cells(codes[0], codes[1], np.zeros(int(at.sum()), np.int64))


@dataclass(frozen=True, eq=False)
class Design:
    """The strata within which units are drawn, and the units that are drawn at all.

    `speaker_stratum` int64 [S] and `sentence_stratum`; `speaker_drawn` bool [S] and
    `sentence_drawn`: a unit that is not drawn keeps weight 1.
    """

    speaker_stratum: Ints
    sentence_stratum: Ints
    speaker_drawn: NDArray[np.bool_]
    sentence_drawn: NDArray[np.bool_]
    everywhere: bool
    """Whether each language has two units of a side that is drawn: one tells nothing of another."""


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return a generator that depends on the seed and the names alone, not on what else runs."""
    text = "\x1f".join((str(seed), *names))
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def totals(values: Floats, codes: Ints, size: int) -> Floats:
    """Sum `values` [C, K] by code into [size, K]."""
    columns = [np.bincount(codes, column, size) for column in values.T]
    return np.stack(columns, axis=1)


def estimate(cells: Cells, sums: Floats, statistic: Statistic) -> float:
    """Return the unweighted mean over languages of the statistic; languages without one are out."""
    values = statistic(totals(sums, cells.language, int(cells.language.max()) + 1))
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def resampled(
    cells: Cells, sums: Floats, resamples: int, rng: np.random.Generator
) -> Iterator[Floats]:
    """Yield totals by language [b, L, K] of resampled cells, `resamples` of them in chunks."""
    layout = design(cells)
    if sums.shape[1] > MANY_SUMS:
        yield from _resampled_wide(cells, sums, layout, resamples, rng)
        return
    # Rows are sentences; where none is drawn they add up to their language beforehand.
    split = bool(layout.sentence_drawn.any())
    rows = cells.sentence if split else cells.language
    shape = (int(rows.max()) + 1, layout.speaker_stratum.size)
    # Sparse products add in one order, whatever the number of threads; BLAS would not.
    matrices = [csr_array((column, (rows, cells.speaker)), shape=shape) for column in sums.T]
    starts = np.flatnonzero(np.r_[True, np.diff(layout.sentence_stratum) != 0])
    step = max(1, CHUNK_ELEMENTS // max(shape))
    for begin in range(0, resamples, step):
        speakers, sentences = weights(layout, min(step, resamples - begin), rng)
        products = [matrix @ speakers for matrix in matrices]
        if split:
            products = [np.add.reduceat(p * sentences, starts, axis=0) for p in products]
        yield np.stack([p.T for p in products], axis=-1)


def _resampled_wide(
    cells: Cells, sums: Floats, layout: Design, resamples: int, rng: np.random.Generator
) -> Iterator[Floats]:
    """Yield what `resampled` does, for many sums of which a cell has few: one sparse product."""
    languages, width = int(cells.language.max()) + 1, sums.shape[1]
    cell, column = np.nonzero(sums)
    where = (cells.language[cell] * width + column, cell)
    matrix = csr_array((sums[cell, column], where), shape=(languages * width, len(sums)))
    step = max(1, CHUNK_ELEMENTS // max(matrix.shape))
    for begin in range(0, resamples, step):
        speakers, sentences = weights(layout, min(step, resamples - begin), rng)
        product = matrix @ (speakers[cells.speaker] * sentences[cells.sentence])
        yield np.moveaxis(product.reshape(languages, width, -1), -1, 0)


def weights(
    layout: Design, resamples: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw counts of speakers [S, B] and of sentences [sentences, B]."""
    return (
        _counts(layout.speaker_stratum, layout.speaker_drawn, resamples, rng),
        _counts(layout.sentence_stratum, layout.sentence_drawn, resamples, rng),
    )


def design(cells: Cells) -> Design:
    """Decide what is drawn within what.

    Sentences are drawn within their language. Speakers are drawn within a group of languages that
    share speakers, directly or through others: all languages of a crossed test set, or one
    language where each has speakers of its own, so that no language is ever drawn empty by chance.
    """
    group = _language_groups(cells)
    speaker_group = _first(group[cells.language], cells.speaker)
    sentence_language = _first(cells.language, cells.sentence)
    sentence_group = group[sentence_language]
    per_speaker, per_sentence = np.bincount(cells.speaker), np.bincount(cells.sentence)
    speakers_drawn = np.zeros(speaker_group.size, np.bool_)
    sentences_drawn = np.zeros(sentence_group.size, np.bool_)
    for g in np.unique(group):
        own, texts = speaker_group == g, sentence_group == g
        nested = own.sum() > 1 and per_sentence[texts].max() == 1
        confounded = texts.sum() > 1 and per_speaker[own].max() == 1
        speakers_drawn[own] = own.sum() > 1 and (nested or not confounded)
        sentences_drawn[texts] = texts.sum() > 1 and not nested
    return Design(
        speaker_group,
        sentence_language,
        speakers_drawn,
        sentences_drawn,
        everywhere=_several(cells, speakers_drawn, sentences_drawn),
    )


def _several(
    cells: Cells, speakers_drawn: NDArray[np.bool_], sentences_drawn: NDArray[np.bool_]
) -> bool:
    languages = int(cells.language.max()) + 1
    most = np.zeros(languages, np.int64)
    for unit, drawn in ((cells.speaker, speakers_drawn), (cells.sentence, sentences_drawn)):
        codes = np.unique(cells.language * drawn.size + unit)
        kept = codes[drawn[codes % drawn.size]]
        most = np.maximum(most, np.bincount(kept // drawn.size, minlength=languages))
    return bool((most > 1).all())


def sign_flip(
    cells: Cells, first: Floats, second: Floats, statistic: Statistic, rng: np.random.Generator
) -> float:
    """Return the two-sided p-value of `statistic(first) - statistic(second)`, averaged as `all`.

    `first` and `second` are sums [C, K] of two arms on the same cells. Under the null hypothesis
    the arms' labels can be swapped speaker by speaker: for means, and for ratios with equal
    denominators, that flips the sign of the speaker's difference. All patterns are enumerated up
    to 2^12, else 10,000 are drawn and the observed one is added (Phipson and Smyth 2010).
    """
    languages, speakers = int(cells.language.max()) + 1, int(cells.speaker.max()) + 1
    where = cells.speaker * languages + cells.language
    shape = (speakers, languages * first.shape[1])
    one = totals(first, where, speakers * languages).reshape(shape)
    two = totals(second, where, speakers * languages).reshape(shape)
    swaps = _swap_patterns(speakers, rng)
    step = max(1, CHUNK_ELEMENTS // shape[1])
    parts = []
    for begin in range(0, len(swaps), step):
        moved = np.einsum("fs,sk->fk", swaps[begin : begin + step], two - one)  # not BLAS, as above
        gap = statistic((one.sum(0) + moved).reshape(-1, languages, first.shape[1])) - statistic(
            (two.sum(0) - moved).reshape(-1, languages, first.shape[1])
        )
        parts.append(np.abs(np.nanmean(gap, axis=1)))
    distance = np.concatenate(parts)
    scale = TOLERANCE * max(1.0, float(distance[0]))
    return float(np.mean(distance >= distance[0] - scale))


def holm(p_values: Floats) -> Floats:
    """Adjust p-values [M] for their number (Holm 1979); NaN stays NaN and is not counted."""
    adjusted = np.full(p_values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def _swap_patterns(speakers: int, rng: np.random.Generator) -> Floats:
    """Return 0 or 1 for each speaker [F, S]; the first pattern swaps nobody."""
    if speakers <= EXACT_SPEAKERS:
        codes = np.arange(1 << speakers)
        return ((codes[:, None] >> np.arange(speakers)) & 1).astype(np.float64)
    swaps = np.zeros((1 + FLIPS, speakers))
    swaps[1:] = rng.integers(0, 2, (FLIPS, speakers))
    return swaps


def _counts(
    stratum: Ints, drawn: NDArray[np.bool_], resamples: int, rng: np.random.Generator
) -> Floats:
    """Draw each stratum's drawn units with replacement, as many as there are: counts [units, B]."""
    if not drawn.any():
        return np.broadcast_to(1.0, (stratum.size, resamples))
    counts = np.ones((stratum.size, resamples))
    for s in np.unique(stratum[drawn]):
        units = np.flatnonzero(drawn & (stratum == s))
        picks = rng.integers(0, units.size, (units.size, resamples)) * resamples
        picks += np.arange(resamples)
        hits = np.bincount(picks.ravel(), minlength=units.size * resamples)
        counts[units] = hits.reshape(units.size, resamples)
    return counts


def centred_mean(values: Floats, centre: Floats) -> Floats:
    """Average values [B, L] over languages into [B].

    A language that a resample drew empty is left out of it: deviations from the estimates
    `centre` [L] are averaged, so that a change of languages does not pass for noise.
    """
    deviation = values - centre
    known = np.isfinite(deviation)
    number = known.sum(axis=1)
    total = np.where(known, deviation, 0.0).sum(axis=1)
    mean = np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)
    base = np.nanmean(centre) if np.isfinite(centre).any() else np.nan
    return np.asarray(mean + base, np.float64)


def _language_groups(cells: Cells) -> Ints:
    """Return for each language [L] the first one that it shares speakers with, transitively."""
    languages, speakers = int(cells.language.max()) + 1, int(cells.speaker.max()) + 1
    occurs = np.zeros((speakers, languages), np.int64)
    occurs[cells.speaker, cells.language] = 1
    linked = (occurs.T @ occurs) > 0
    for _ in range(languages.bit_length()):  # paths double with every product
        linked = (linked.astype(np.int64) @ linked) > 0
    first: Ints = np.argmax(linked, axis=1).astype(np.int64)
    return first


def _first(values: Ints, codes: Ints) -> Ints:
    """Return the value of each code's first cell."""
    return values[np.unique(codes, return_index=True)[1]]
