"""Scoring and summarising 10,000 and 100,000 trials of one speaker: linear, or it never finishes.

    python benchmarks/scoring_scale.py [TRIALS ...]

One speaker says every text twice; each trial has an embedding, and each text is compared with all
others of the voice (`consistency`). Nothing is synthesised or measured. Ten times the trials must
cost less than fifteen times as much.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd

from xtts_lab.experiment.arms import Arm
from xtts_lab.experiment.judging import Need
from xtts_lab.experiment.pairing import Item
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.score import score
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.metric_use import MetricUse, metric_info, metric_uses
from xtts_lab.statistics.summaries import summarise
from xtts_lab.types import Clip, Utterance
from xtts_lab.yaml_file import Document, Where

METRICS = [
    {"name": "duration"},
    {"name": "consistency", "encoder": "resemblyzer", "pitch": None, "recognizer": None},
]
WIDTH = 32
"""Numbers in an embedding: fewer than real ones, as memory is not what is measured."""


class Records:
    """A journal that was never on disk."""

    def __init__(self, records: dict[str, Any]) -> None:
        self.get = records.get


def trials_of(count: int) -> list[Trial]:
    """Return trials of one speaker: every text twice."""
    arm = Arm("null", "null", {"name": "null"})
    found = []
    for i in range(count // 2):
        item = Item(Utterance(f"u{i}", f"Sentence number {i}.", "en", "one"), "en", None)
        found += [Trial(f"null/u{i}/{r}", arm, item, r, i, f"k{i}.{r}", "a.wav") for r in range(2)]
    return found


def measure(count: int, uses: tuple[MetricUse, ...]) -> tuple[float, float, int]:
    """Return seconds of scoring, of summarising, and the number of scores."""
    trials = trials_of(count)
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(count, WIDTH)).tolist()
    made = {
        t.id: {"status": "ok", "sha256": t.key, "duration_s": 1.0 + i % 7}
        for i, t in enumerate(trials)
    }
    heard = {
        t.key: {"error": None, "output": {"embedding": vector}}
        for t, vector in zip(trials, embeddings, strict=True)
    }
    clip = Clip(Path("a.wav"))
    needs = [Need(t.key, t.id, "resemblyzer", "audio", 0, clip, t.key) for t in trials]
    plan = cast("Plan", SimpleNamespace(trials=trials, metrics=uses))
    start = time.perf_counter()
    rows = list(score(plan, needs, cast("Journal", Records(made)), cast("Journal", Records(heard))))
    scored = time.perf_counter()
    summarise(
        pd.DataFrame(rows).astype({"value": "float64"}), _table(trials), metric_info(uses),
        confidence=0.95, resamples=200, seed=0,
    )  # fmt: skip
    return scored - start, time.perf_counter() - scored, len(rows)


def _table(trials: list[Trial]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial_id": t.id, "arm": "null", "language": "en", "reference_language": "en",
            "utterance_id": t.item.utterance.id, "text": t.item.utterance.text, "speaker": "one",
            "repeat": t.repeat, "status": "ok", "weights_random": False, "untrained": False,
        }
        for t in trials
    )  # fmt: skip


def main() -> None:
    uses = metric_uses(METRICS, Where(Document("benchmark")))
    took = []
    for count in [int(a) for a in sys.argv[1:]] or [10_000, 100_000]:
        scoring_s, statistics_s, rows = measure(count, uses)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{count:7,} trials: scored in {scoring_s:6.1f} s ({rows:,} scores), summarised in "
            f"{statistics_s:6.1f} s, at most {peak:5.0f} MB"
        )
        took.append(scoring_s + statistics_s)
    if len(took) == 2:
        print(f"the second took {took[1] / took[0]:.1f} times as long as the first")


if __name__ == "__main__":
    main()
