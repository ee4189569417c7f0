"""Experiments with random speaker and sentence slopes: false verdicts, coverage, power, needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from simulated import METRIC, Floats, Frames, World, true_need
from simulation_runner import Draws, Job

from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics.bootstrap import Cells
from xtts_lab.statistics.cells import rate
from xtts_lab.statistics.claim import Claim
from xtts_lab.statistics.intervals import interval
from xtts_lab.statistics.summaries import compare
from xtts_lab.statistics.verdicts import judge

INFO = {METRIC: MetricInfo("cosine", "higher")}
ARMS = 6
OPTIONS: dict[str, Any] = {"confidence": 0.95, "resamples": 2000}
UNEVEN = (1,) * 10 + (2,) * 6 + (4, 5, 8, 9)
"""Sentences of each speaker, as a corpus that was found, not made, may have them."""

MAIN = {"every pair": World(), "taking turns": World(rotate=True)}
OTHERS = {
    "every pair, mostly speakers": World(speaker_slope=1.0, sentence_slope=0.1),
    "every pair, mostly sentences": World(speaker_slope=0.1, sentence_slope=1.0),
    "every pair, mostly noise": World(speaker_slope=0.1, sentence_slope=0.1),
    "taking turns, mostly speakers": World(speaker_slope=1.0, rotate=True),
    "taking turns, 16 languages": World(rotate=True, languages=16),
    "same, mostly speakers": World(speaker_slope=1.0, rotate=True, languages=16),
    "1 to 9 sentences a speaker": World(turns=UNEVEN),
    "1 to 9, mostly speakers": World(speaker_slope=1.0, turns=UNEVEN),
    "every pair, 5 speakers": World(speakers=5),
    "every pair, 10 x 20": World(speakers=10, sentences=20),
}
RATES = {
    "every pair, error rate": World(),
    "taking turns, error rate": World(rotate=True),
    "16 languages, error rate": World(rotate=True, languages=16),
}


def jobs() -> Iterator[Job]:
    """Yield one job a world and kind."""
    for name, world in MAIN.items():
        yield Job("verdicts", name, "A/A of 6 arms", partial(no_difference, world))
        yield Job("verdicts", name, "3 standard errors", partial(true_difference, world))
        yield Job("verdicts", name, "as asked for", partial(planned, world))
    for name, world in OTHERS.items():
        yield Job("intervals", name, "", partial(coverage, world), times=4.0)
    for name, world in RATES.items():
        yield Job("intervals", name, "", partial(coverage_of_rates, world), times=4.0)


def no_difference(world: World, draws: Draws) -> Iterator[Mapping[str, bool]]:
    """Run A/A experiments: whatever verdict they give is false."""
    frames = Frames(world.cells, ARMS)
    for i, rng in draws:
        scores = frames.scores(world.values(ARMS, rng))
        table = compare(scores, frames.trials, INFO, baseline="arm0", seed=i, **OPTIONS)
        overall = table[table["language"] == "all"]
        yield {"false verdict": bool((overall["verdict"] != "undecided").any())}
        for low, high in zip(overall["ci_low"], overall["ci_high"], strict=True):
            yield {"covered": low <= 0 <= high}


def true_difference(world: World, draws: Draws) -> Iterator[Mapping[str, bool]]:
    """Compare arms three true standard errors apart; judge claims that are false, and true.

    With a true difference of 1.5 standard errors, a claim of more than just that is false, and one
    of more than -1.5 is true by three.
    """
    frames = Frames(world.cells, 2)
    half = 1.5 * world.error
    wanted = true_need(world, half)
    claims = [_claim(half), _claim(-half)]
    for i, rng in draws:
        values = world.values(2, rng)
        values[1] += half
        false, true = _judged(frames, values, claims, i)
        values[1] += half
        scores = frames.scores(values)
        table = compare(scores, frames.trials, INFO, baseline="arm0", seed=i, **OPTIONS)
        yield {
            "detected": table["verdict"].iloc[0] == "better",
            "true claim holds": true["verdict"] == "holds",
            "false claim holds": false["verdict"] == "holds",
        }
        if false["verdict"] == "undecided":
            stated = false["need_speakers"], false["need_sentences"]
            ratios = [s / w for s, w in zip(stated, wanted, strict=True)]
            yield {"need within 2": all(0.5 <= ratio <= 2.0 for ratio in ratios)}


def planned(world: World, draws: Draws) -> Iterator[Mapping[str, bool]]:
    """Judge a claim on a test set as large as the claim asked for where it was undecided.

    The margin is two standard errors, and the true difference one margin beyond it.
    """
    frames = Frames(world.cells, 2)
    margin = 2.0 * world.error
    for i, rng in draws:
        values = world.values(2, rng)
        values[1] += margin
        (first,) = _judged(frames, values, [_claim(margin)], i)
        if first["verdict"] != "undecided" or not first["reason"].endswith("across the margin"):
            continue  # needs for another distance than the margin, or none
        asked = int(first["need_speakers"]), int(first["need_sentences"])
        larger = replace(world, speakers=asked[0], sentences=asked[1])
        values = larger.values(2, rng)
        values[1] += 2.0 * margin
        (second,) = _judged(Frames(larger.cells, 2), values, [_claim(margin)], i)
        yield {"decided as promised": second["verdict"] == "holds"}


def coverage(world: World, draws: Draws) -> Iterator[Mapping[str, bool]]:
    """Say whether intervals cover, and whether they tell 3 standard errors from 0."""
    cells = Cells(*world.cells, world.language)
    for _, rng in draws:
        first, second = world.values(2, rng)
        sums = np.stack([second - first, np.ones(first.size)], axis=1)
        found = interval(cells, sums, rate, rng=rng, **OPTIONS)
        yield {
            "covered": found.low <= 0 <= found.high,
            "3 errors told": found.low + 3.0 * world.error > 0,
        }


def coverage_of_rates(world: World, draws: Draws) -> Iterator[Mapping[str, bool]]:
    """Make a pooled error rate of the values: skewed counts of words of unequal length."""
    speaker, sentence = world.cells
    cells = Cells(speaker, sentence, world.language)
    for _, rng in draws:
        first, second = world.values(2, rng)
        words = rng.integers(4, 25, world.sentences)[sentence].astype(np.float64)
        rates = 0.1 * np.exp(0.3 * np.stack([second, first]))
        edits = rng.poisson(rates * words)
        sums = np.stack([edits[0] - edits[1], words], axis=1).astype(np.float64)
        found = interval(cells, sums, rate, rng=rng, **OPTIONS)
        yield {"covered": found.low <= 0 <= found.high}


def _judged(
    frames: Frames, values: Floats, claims: Sequence[Claim], seed: int
) -> list[dict[Any, Any]]:
    scores = frames.scores(values)
    return judge(claims, scores, frames.trials, INFO, seed=seed, **OPTIONS).to_dict("records")


def _claim(margin: float) -> Claim:
    return Claim(metric=METRIC, arm=["arm1"], baseline=["arm0"], direction="higher", margin=margin)
