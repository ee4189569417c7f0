"""Worlds in which an interval or a verdict goes wrong easily: rare events, outliers, lost trials.

20 speakers, and 48 sentences in which they take turns (`turns`), 480 of them (`long`), or which all
of them say (`crossed`). Shares are looked at with 10 and 40 speakers as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Who says what: codes of speaker and sentence of each cell."""

    speaker: NDArray[np.int64]
    sentence: NDArray[np.int64]

    @property
    def sentences(self) -> int:
        return int(self.sentence.max()) + 1

    @property
    def speakers(self) -> int:
        return int(self.speaker.max()) + 1


def turns(speakers: int, sentences: int) -> Layout:
    """Let speakers take turns over sentences."""
    sentence = np.arange(sentences)
    return Layout(sentence % speakers, sentence)


def crossed(speakers: int, sentences: int) -> Layout:
    """Let every speaker say every sentence."""
    speaker, sentence = np.indices((speakers, sentences)).reshape(2, -1)
    return Layout(speaker, sentence)


LAYOUTS = {"turns": turns(20, 48), "long": turns(20, 480), "crossed": crossed(20, 48)}
SHARE_LAYOUTS = LAYOUTS | {
    "10 speakers, turns": turns(10, 240),
    "10 speakers, crossed": crossed(10, 20),
    "40 speakers, turns": turns(40, 480),
}


def faults(layout: Layout, share: float, within: float, rng: np.random.Generator) -> Floats:
    """Draw 0 or 1 of each cell; a speaker's own share is beta, so that its cells correlate."""
    own = np.full(layout.speakers, share)
    if within > 0.0:
        scale = 1.0 / within - 1.0
        own = rng.beta(share * scale, (1.0 - share) * scale, layout.speakers)
    return (rng.random(layout.speaker.size) < own[layout.speaker]).astype(np.float64)


def errors(
    layout: Layout, rate: float, spread: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw errors and words of each cell: lognormal speakers (`spread`), and sentences (0.5).

    Cells are overdispersed as well: an utterance goes wrong as a whole.
    """
    words = rng.integers(4, 25, layout.sentences)[layout.sentence].astype(np.float64)
    speaker = np.exp(spread * rng.normal(size=layout.speakers) - spread**2 / 2)[layout.speaker]
    sentence = np.exp(0.5 * rng.normal(size=layout.sentences) - 0.125)[layout.sentence]
    mean = rate * speaker * sentence * rng.gamma(1.0, 1.0, words.size)
    return rng.poisson(mean * words).astype(np.float64), words


Draw = Callable[[Layout, np.random.Generator], Floats]


def plain(layout: Layout, rng: np.random.Generator) -> Floats:
    """Draw the values of an arm without slopes of speakers: mostly noise."""
    slope = 0.3 * rng.normal(size=layout.speakers)[layout.speaker]
    return slope + rng.normal(size=layout.speaker.size)


def lognormal(layout: Layout, rng: np.random.Generator) -> Floats:
    """Draw the values of an arm with lognormal slopes of speakers, of mean 0 and scale 1."""
    slope = np.exp(rng.normal(size=layout.speakers)) - math.exp(0.5)
    return slope[layout.speaker] + rng.normal(size=layout.speaker.size)


LOSS = 0.25


def losing(layout: Layout, rng: np.random.Generator) -> Floats:
    """Draw the values of an arm that loses a speaker with probability .05: its mean is -LOSS."""
    lost = LOSS / 0.05 * (rng.random(layout.speakers) < 0.05)
    slope = 0.3 * rng.normal(size=layout.speakers) - lost
    return slope[layout.speaker] + rng.normal(size=layout.speaker.size)


def without_worst(values: Floats, share: float) -> Floats:
    """Return values in which the lowest `share` is missing (NaN)."""
    left = values.copy()
    left[np.argsort(values)[: round(share * values.size)]] = np.nan
    return left
