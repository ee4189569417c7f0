"""Do the verdicts hold? Simulated experiments with random speaker and sentence slopes.

    python benchmarks/statistics_simulation.py [--experiments 1000]

20 speakers x 48 sentences. Wanted: false verdicts in at most 6.4 % of 1,000 A/A experiments of six
arms; intervals that cover 93 to 97 %; power of at least 80 % for a difference of three true
standard errors; a false claim called `holds` in at most 5 %; the stated need for 80 % power within
a factor of 2 in 80 %. Every figure comes out of the functions that a run calls. Then come worlds
that are hostile to intervals, with limits of their own (see hostile_tables.py).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hostile_tables import hostile
from simulated import METRIC, Frames, World, true_need

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


@dataclass
class Tally:
    """Outcomes, each 0 or 1, by what they are about."""

    seen: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, **outcomes: bool) -> None:
        for name, outcome in outcomes.items():
            self.seen.setdefault(name, []).append(bool(outcome))

    def share(self, name: str) -> float:
        return float(np.mean(self.seen[name]))


def null_experiments(world: World, experiments: int) -> Tally:
    """Run A/A experiments: whatever verdict they give is false."""
    tally, frames, rng = Tally(), Frames(world.cells, ARMS), np.random.default_rng(1)
    for i in range(experiments):
        scores = frames.scores(world.values(ARMS, rng))
        table = compare(scores, frames.trials, INFO, baseline="arm0", seed=i, **OPTIONS)
        overall = table[table["language"] == "all"]
        tally.add(false_verdict=bool((overall["verdict"] != "undecided").any()))
        for low, high in zip(overall["ci_low"], overall["ci_high"], strict=True):
            tally.add(covered=low <= 0 <= high)
    return tally


def true_differences(world: World, experiments: int) -> Tally:
    """Compare arms three true standard errors apart; judge claims that are false, and true.

    With a true difference of 1.5 standard errors, a claim of more than just that is false, and one
    of more than -1.5 is true by three.
    """
    tally, frames, rng = Tally(), Frames(world.cells, 2), np.random.default_rng(2)
    half = 1.5 * world.error
    wanted = true_need(world, half)
    claims = [_claim(half), _claim(-half)]
    for i in range(experiments):
        values = world.values(2, rng)
        values[1] += half
        judged = judge(claims, frames.scores(values), frames.trials, INFO, seed=i, **OPTIONS)
        false, true = judged.to_dict("records")
        values[1] += half
        scores = frames.scores(values)
        table = compare(scores, frames.trials, INFO, baseline="arm0", seed=i, **OPTIONS)
        tally.add(
            detected=table["verdict"].iloc[0] == "better",
            true_holds=true["verdict"] == "holds",
            false_holds=false["verdict"] == "holds",
        )
        if false["verdict"] == "undecided":
            stated = false["need_speakers"], false["need_sentences"]
            ratios = [s / w for s, w in zip(stated, wanted, strict=True)]
            tally.add(need_right=all(0.5 <= ratio <= 2.0 for ratio in ratios))
    return tally


def coverage(world: World, experiments: int, *, counts: bool = False) -> tuple[float, float]:
    """Return how often intervals cover, and how often they tell 3 standard errors from 0.

    `counts` makes a pooled error rate of the values: skewed counts of words of unequal length.
    """
    rng = np.random.default_rng(3)
    speaker, sentence = world.cells
    cells = Cells(speaker, sentence, world.language)
    covered = told = 0
    for _ in range(experiments):
        first, second = world.values(2, rng)
        if counts:
            words = rng.integers(4, 25, world.sentences)[sentence].astype(np.float64)
            rates = 0.1 * np.exp(0.3 * np.stack([second, first]))
            edits = rng.poisson(rates * words)
            sums = np.stack([edits[0] - edits[1], words], axis=1).astype(np.float64)
        else:
            sums = np.stack([second - first, np.ones(speaker.size)], axis=1)
        found = interval(cells, sums, rate, rng=rng, **OPTIONS)
        covered += found.low <= 0 <= found.high
        told += found.low + 3.0 * world.error > 0
    return covered / experiments, told / experiments


def _claim(margin: float) -> Claim:
    return Claim(metric=METRIC, arm=["arm1"], baseline=["arm0"], direction="higher", margin=margin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=1000)
    number = parser.parse_args().experiments
    start = time.perf_counter()
    print(f"20 speakers x 48 sentences; {number:,} experiments of each kind")
    for name, world in {"every pair": World(), "taking turns": World(rotate=True)}.items():
        null, real = null_experiments(world, number), true_differences(world, number)
        print(f"\n{name}")
        print(f"  A/A of {ARMS} arms, any false verdict  {null.share('false_verdict'):6.1%}")
        print(f"  interval covers                   {null.share('covered'):6.1%}")
        print(f"  3 standard errors: better         {real.share('detected'):6.1%}")
        print(f"  claim true by 3 of them: holds     {real.share('true_holds'):6.1%}")
        print(f"  false claim called holds          {real.share('false_holds'):6.1%}")
        print(f"  need within a factor of 2         {real.share('need_right'):6.1%}")
    many = 4 * number
    print(f"\nother worlds, {many:,} of each: interval covers, 3 standard errors told from 0")
    for name, world, counts in (
        ("every pair, mostly speakers", World(speaker_slope=1.0, sentence_slope=0.1), False),
        ("every pair, mostly sentences", World(speaker_slope=0.1, sentence_slope=1.0), False),
        ("every pair, mostly noise", World(speaker_slope=0.1, sentence_slope=0.1), False),
        ("taking turns, mostly speakers", World(speaker_slope=1.0, rotate=True), False),
        ("every pair, error rate", World(), True),
        ("taking turns, error rate", World(rotate=True), True),
        ("taking turns, 16 languages", World(rotate=True, languages=16), False),
        ("same, mostly speakers", World(speaker_slope=1.0, rotate=True, languages=16), False),
        ("same, error rate", World(rotate=True, languages=16), True),
        ("1 to 9 sentences a speaker", World(turns=UNEVEN), False),
        ("same, mostly speakers", World(speaker_slope=1.0, turns=UNEVEN), False),
        ("every pair, 5 speakers", World(speakers=5), False),
        ("every pair, 10 x 20", World(speakers=10, sentences=20), False),
    ):
        covers, tells = coverage(world, many, counts=counts)
        told = "" if counts else f"  {tells:6.1%}"
        print(f"  {name:30}{covers:8.1%}{told}")
    hostile(max(1, number // 4))
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
