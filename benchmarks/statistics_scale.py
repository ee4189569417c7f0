"""What the statistics of a large experiment cost: 16 languages, 6 arms, 8 metrics.

    python benchmarks/statistics_scale.py

16 languages x 20 speakers x 48 sentences, every pair, 6 arms and 8 metrics (half of them ratios):
summary and comparisons with 2,000 resamples must take under 60 s and under 2 GB on two cores.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import time

import numpy as np
import pandas as pd

from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics.summaries import compare, summarise
from xtts_lab.types import LANGUAGES

METRICS = {
    **{f"rate{i}": MetricInfo("ratio", "lower") for i in range(4)},
    **{f"mean{i}": MetricInfo("cosine", "higher") for i in range(4)},
}


def experiment(
    languages: int, speakers: int, sentences: int, arms: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return scores and trials, as a run folder holds them."""
    rng = np.random.default_rng(0)
    grid = itertools.product(
        [f"xtts[arm={a}]" for a in range(arms)],
        LANGUAGES[:languages],
        [f"speaker-{s:02}" for s in range(speakers)],
        range(sentences),
    )
    trials = pd.DataFrame(list(grid), columns=["arm", "language", "speaker", "text"])
    trials["text"] = "sentence " + trials["text"].astype(str)
    trials["utterance_id"] = trials["language"] + trials["text"] + "+" + trials["speaker"]
    trials["trial_id"] = trials["arm"] + "/" + trials["utterance_id"] + "/0"
    trials = trials.assign(reference_language=trials["language"], status="ok", weights_random=False)
    parts = [_scores(trials, metric, rng) for metric in METRICS]
    return pd.concat(parts, ignore_index=True), trials


def _scores(trials: pd.DataFrame, metric: str, rng: np.random.Generator) -> pd.DataFrame:
    size = len(trials)
    length = rng.integers(20, 90, size).astype(float)
    value = rng.normal(0.7, 0.1, size)
    rate = metric.startswith("rate")
    edits = rng.poisson(0.1 * length).astype(float)
    return trials[["trial_id", "arm", "language"]].assign(
        metric=metric,
        value=edits / length if rate else value,
        numerator=edits if rate else np.nan,
        denominator=length if rate else np.nan,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--languages", type=int, default=16)
    parser.add_argument("--resamples", type=int, default=2000)
    chosen = parser.parse_args()
    scores, trials = experiment(chosen.languages, 20, 48, 6)
    print(f"{len(trials):,} trials, {len(scores):,} scores, {chosen.resamples:,} resamples")
    options = {"confidence": 0.95, "resamples": chosen.resamples, "seed": 0}
    start, before = time.perf_counter(), time.process_time()
    rows = len(summarise(scores, trials, METRICS, **options))
    middle = time.perf_counter()
    gaps = len(compare(scores, trials, METRICS, baseline="xtts[arm=0]", **options))
    end = time.perf_counter()
    print(f"summary:     {rows:6} rows  {middle - start:6.1f} s")
    print(f"comparisons: {gaps:6} rows  {end - middle:6.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"together:    {end - start:19.1f} s  {peak:.0f} MB at the peak")
    print(f"of the processor: {time.process_time() - before:14.1f} s")


if __name__ == "__main__":
    main()
