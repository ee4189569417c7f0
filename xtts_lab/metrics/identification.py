"""Is the clone told from other people? Equal error rate and top-1 identification.

A high mean similarity does not show that a system kept the speaker: the average voice of a
population is similar to everybody. Here each trial is compared with its own speaker and with other
speakers of the same language and source. A score is the mean cosine between the trial and one
speaker's clips; the speaker's own counts as genuine, the others' as impostors.

`eer`: the rate at which genuine scores below a threshold and impostor scores above it are equally
frequent, over the scores of all trials; 0.5 is chance. `top1`: the share of trials that are more
similar to their speaker than to every impostor (a tie is lost); chance is 1 / `candidates`, the
mean number of speakers to choose among, 20 where a language and source has so many. With fewer the
figures describe, and cannot be compared with a choice among 20. The same metric on natural
recordings is the anchor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xtts_lab.metrics.base import POSITIVE, SHARE, BaseMetric, Bounds
from xtts_lab.metrics.secs import cosine
from xtts_lab.types import Direction, Evidence, Json

Floats = NDArray[np.float64]

DIGITS = 5
"""Scores are counted by their value, rounded, so that counts of trials can be summed."""

RESAMPLING_STEP = 0.002
"""While resampling, scores this close count as tied: less than a single trial moves a rate."""


def equal_error_rate(genuine: Floats, impostor: Floats) -> Floats:
    """Return the equal error rate [...] of counts of scores [..., T], in ascending order of score.

    The ROC is linear between its points, and the rate is where misses equal false alarms on it.
    NaN where either side has no scores.
    """
    if genuine.shape[-1] == 0:
        return np.full(genuine.shape[:-1], np.nan)
    misses = _share_up_to(genuine)
    excess = misses - (1.0 - _share_up_to(impostor))  # rises to 1, from -1 below all scores
    after = np.argmax(excess >= 0.0, axis=-1)[..., None]
    before = np.maximum(after - 1, 0)
    high, end = (np.take_along_axis(shares, after, axis=-1) for shares in (excess, misses))
    low, start = (
        np.where(after == 0, below_all, np.take_along_axis(shares, before, axis=-1))
        for shares, below_all in ((excess, -1.0), (misses, 0.0))
    )
    with np.errstate(invalid="ignore"):
        rate: Floats = (start - low / (high - low) * (end - start))[..., 0]
    return rate


def _share_up_to(counts: Floats) -> Floats:
    """Return the share of scores up to each one [..., T]; NaN where there are none."""
    shares = np.cumsum(counts, axis=-1)
    with np.errstate(invalid="ignore"):
        shares /= shares[..., -1:].copy()
    return shares


@dataclass(frozen=True)
class Scores:
    """A trial's mean cosine with its own speaker, and with each impostor speaker."""

    own: float
    impostors: Mapping[str, float]

    @property
    def rank(self) -> int:
        """The place of the own speaker among all, from 1; ties are lost."""
        return 1 + sum(score >= self.own for score in self.impostors.values())


class Identification(BaseMetric):
    """Clone against own and against others, by any instrument whose output has an `embedding`.

    Components: `top1`, `candidates`, `trials`; and counts of scores by their value, under
    `genuine@VALUE` and `impostor@VALUE`.
    """

    directions: Mapping[str, Direction] = {"eer": "lower", "top1": "higher", "candidates": "none"}
    units: Mapping[str, str] = {"eer": "ratio", "top1": "ratio", "candidates": "speakers"}
    bounds: Mapping[str, Bounds] = {"eer": SHARE, "top1": SHARE, "candidates": POSITIVE}
    ratios: Mapping[str, tuple[str, str]] = {
        "top1": ("top1", "trials"),
        "candidates": ("candidates", "trials"),
    }
    pooled = ("eer",)

    def __init__(self, *, encoder: str = "resemblyzer") -> None:
        self.instrument: str = encoder
        self.needs = (encoder, f"{encoder}:enrolment", f"{encoder}:impostors")

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return sums over the trials that have enrolment and impostors; empty without any."""
        sums: dict[str, float] = {}
        for trial in trials:
            scores = self._scores(trial)
            if scores is not None:
                _add(sums, "trials", 1.0)
                _add(sums, "candidates", 1.0 + len(scores.impostors))
                _add(sums, "top1", float(scores.rank == 1))
                _add(sums, _counter("genuine", scores.own), 1.0)
                for score in scores.impostors.values():
                    _add(sums, _counter("impostor", score), 1.0)
        return sums

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the pooled quantities."""
        totals = np.array(list(sums.values()), np.float64)
        shares = {name: sums[above] / sums[below] for name, (above, below) in self.ratios.items()}
        return {"eer": float(self.pool("eer", list(sums), totals)), **shares}

    def pool(self, quantity: str, names: Sequence[str], totals: Floats) -> Floats:
        """Return the equal error rate [...] of summed components [..., K] with the given names."""
        assert quantity == "eer"
        sides = [_counted(names, side) for side in ("genuine", "impostor")]
        scores = sorted({*sides[0], *sides[1]})
        counts = []
        for side in sides:
            grid = np.take(totals, [side.get(score, 0) for score in scores], axis=-1)
            grid[..., [i for i, score in enumerate(scores) if score not in side]] = 0.0
            counts.append(grid)
        return equal_error_rate(counts[0], counts[1])

    def merge(self, quantity: str, name: str) -> str | None:
        """Return the component that stands for `name` while resampling; None if it does not count.

        Fewer components make resampling some hundred times cheaper.
        """
        assert quantity == "eer"
        side, at, score = name.partition("@")
        if not at:
            return None
        return _counter(side, round(float(score) / RESAMPLING_STEP) * RESAMPLING_STEP)

    def detail(self, trials: Sequence[Evidence]) -> Mapping[str, Json]:
        """Return the scores behind one trial's rank."""
        (trial,) = trials
        scores = self._scores(trial)
        if scores is None:
            return {}
        nearest = max(scores.impostors, key=lambda name: scores.impostors[name])
        return {
            "own": round(scores.own, 4),
            "rank": scores.rank,
            "candidates": 1 + len(scores.impostors),
            "nearest": nearest,
            "nearest_score": round(scores.impostors[nearest], 4),
        }

    def _scores(self, trial: Evidence) -> Scores | None:
        own = trial.outputs[self.instrument]["embedding"]
        role = f"{self.instrument}:impostors"
        enrolment = trial.outputs[f"{self.instrument}:enrolment"]
        by_speaker: dict[str, list[Any]] = {}
        for speaker, output in zip(trial.speakers[role], trial.outputs[role], strict=True):
            by_speaker.setdefault(speaker, []).append(output)
        if not enrolment or not by_speaker:
            return None
        return Scores(
            _mean_cosine(own, enrolment),
            {speaker: _mean_cosine(own, clips) for speaker, clips in by_speaker.items()},
        )


def _mean_cosine(own: Sequence[float], clips: Sequence[Mapping[str, Any]]) -> float:
    return math.fsum(cosine(own, clip["embedding"]) for clip in clips) / len(clips)


def _counter(side: str, score: float) -> str:
    return f"{side}@{score:.{DIGITS}f}"


def _counted(names: Sequence[str], side: str) -> dict[float, int]:
    """Return score -> index of the component that counts one side's scores of that value."""
    prefix = f"{side}@"
    found = [(i, name) for i, name in enumerate(names) if name.startswith(prefix)]
    return {float(name.removeprefix(prefix)): i for i, name in found}


def _add(sums: dict[str, float], name: str, amount: float) -> None:
    sums[name] = sums.get(name, 0.0) + amount
