"""Worlds whose truth is known: arms that differ by random slopes of speakers and sentences.

A value is speaker + sentence + slope of (arm, speaker) + slope of (arm, sentence) + noise, so that
the difference of two arms has variance 2 a^2 between speakers, 2 b^2 between sentences and 2 c^2 in
a cell. `rotate` lets speakers take turns over the sentences; else every speaker says every one.
With `turns`, speakers say as many sentences each as it lists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
METRIC = "secs.simulated.enrolment"


@dataclass(frozen=True)
class World:
    """S speakers, T sentences; standard deviations of slopes and noise, per arm."""

    speakers: int = 20
    sentences: int = 48
    speaker_slope: float = 0.3
    sentence_slope: float = 0.45
    noise: float = 1.0
    rotate: bool = False
    turns: tuple[int, ...] = ()
    languages: int = 1

    @property
    def language(self) -> NDArray[np.int64]:
        """Language of each cell; the sentences are dealt out evenly."""
        return self.cells[1] * self.languages // self.sentences

    @property
    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Speaker and sentence of each cell."""
        sentence = np.arange(self.sentences)
        if self.turns:
            return np.repeat(np.arange(self.speakers), self.turns), sentence
        if self.rotate:
            return sentence % self.speakers, sentence
        grid = np.indices((self.speakers, self.sentences)).reshape(2, -1)
        return grid[0], grid[1]

    @property
    def error(self) -> float:
        """The true standard error of the difference of two arms."""
        speaker, _ = self.cells
        turns = np.bincount(speaker, minlength=self.speakers) / speaker.size
        return math.sqrt(
            2 * self.speaker_slope**2 * float((turns**2).sum())
            + 2 * self.sentence_slope**2 / self.sentences
            + 2 * self.noise**2 / speaker.size
        )

    def values(self, arms: int, rng: np.random.Generator) -> Floats:
        """Draw the values [arms, C] of arms between which there is no true difference."""
        speaker, sentence = self.cells
        common = rng.normal(size=self.speakers)[speaker] + rng.normal(size=self.sentences)[sentence]
        slopes = self.speaker_slope * rng.normal(size=(arms, self.speakers))[:, speaker]
        slopes += self.sentence_slope * rng.normal(size=(arms, self.sentences))[:, sentence]
        return common + slopes + self.noise * rng.normal(size=(arms, speaker.size))


class Frames:
    """Scores and trials of experiments of which only the values change.

    `cells`: the speaker and the sentence of each, as a `World` has them.
    """

    def __init__(self, cells: tuple[NDArray[np.int64], NDArray[np.int64]], arms: int) -> None:
        speaker, sentence = cells
        size = speaker.size
        self.trials = pd.DataFrame(
            {
                "arm": np.repeat([f"arm{a}" for a in range(arms)], size),
                "language": "en",
                "reference_language": "en",
                "speaker": np.tile([f"s{s:03}" for s in speaker], arms),
                "text": np.tile([f"t{t:04}" for t in sentence], arms),
                "status": "ok",
                "weights_random": False,
            }
        )
        self.trials["utterance_id"] = self.trials["text"] + self.trials["speaker"]
        self.trials["trial_id"] = self.trials["arm"] + "/" + self.trials["utterance_id"]
        self._scores = self.trials[["trial_id", "arm", "language"]].assign(
            metric=METRIC, numerator=np.nan, denominator=np.nan
        )

    def scores(self, values: Floats) -> pd.DataFrame:
        """Return the scores of values [arms, C]; NaN where a trial failed."""
        return self._scores.assign(value=values.ravel())


def true_need(world: World, distance: float) -> tuple[float, float]:
    """Return the speakers and sentences of fewest trials that tell `distance` with 80 % power.

    By search, with normal quantiles; at least as many as the world has.
    """
    target = (distance / (1.959964 + 0.841621)) ** 2
    if world.rotate:
        growth = max(1.0, world.error**2 / target)
        return world.speakers * growth, world.sentences * growth
    a, b, c = (2 * sd**2 for sd in (world.speaker_slope, world.sentence_slope, world.noise))
    speakers = np.arange(world.speakers, 100_000, dtype=np.float64)
    left = target - a / speakers
    sentences = np.where(left > 0, (b + c / speakers) / np.where(left > 0, left, 1.0), np.inf)
    sentences = np.maximum(sentences, world.sentences)
    best = int(np.argmin(speakers * sentences))
    return float(speakers[best]), float(sentences[best])
