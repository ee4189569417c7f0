"""A rich run, written by hand: arms of a sweep, streams, claims, natural speech."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tests.test_report import METRICS, make_run
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics.method_notes import method_notes
from xtts_lab.statistics.summaries import compare, summarise
from xtts_lab.statistics.verdicts import COLUMNS as CLAIM_COLUMNS

SWEPT = [
    "xtts[model=a,temperature=0.5]", "xtts[model=a,temperature=0.8]",
    "xtts[model=\"b c\",temperature=0.5]", "xtts[model=\"b c\",temperature=0.8]",
]  # fmt: skip
ALL_METRICS = {
    **METRICS,
    "secs.resemblyzer.impostor": MetricInfo("cosine", "none"),
    "latency.first_audio_ms.p50": MetricInfo("ms", "lower"),
    "latency.first_audio_ms.p95": MetricInfo("ms", "lower"),
    "sanity.silent": MetricInfo("ratio", "lower"),
}


def make_rich_run(folder: Path) -> Path:
    """Write a run folder with a 2 x 2 grid, repeats, claims and streamed trials."""
    shutil.copytree(Path(_rich_run().name) / "run", folder)
    return folder


@cache
def _rich_run() -> TemporaryDirectory[str]:
    """Make the run once for all tests of this process: its statistics take seconds."""
    made = TemporaryDirectory()
    _make(Path(made.name) / "run")
    return made


def _make(folder: Path) -> None:
    make_run(folder, repeats=2, per_language=6, concluded=False)
    rng = np.random.default_rng(1)
    known = pd.read_parquet(folder / "trials.parquet")
    natural = known[known["arm"] == "natural"]
    parts = [natural, *(natural.assign(arm=arm, system="xtts") for arm in SWEPT)]
    trials = pd.concat(parts, ignore_index=True)
    trials["trial_id"] = [f"t{i:04}" for i in range(len(trials))]
    rows = []
    for trial in trials.to_dict("records"):
        for metric in ALL_METRICS:
            streamed = metric.startswith("latency")
            if streamed and trial["arm"] == "natural":
                continue
            value = {"latency": 200.0, "secs": 0.7, "sanity": 0.0}.get(metric.split(".")[0], 0.2)
            shift = 0.2 if metric.endswith("impostor") else 0.0
            value = value - shift + float(rng.normal(0, 0.01 * max(value, 0.1)))
            if metric.startswith("sanity"):
                value = float(trial["trial_id"] == "t0001")
            edits = value * 10 if metric.endswith("micro") else np.nan
            rows.append(
                {key: trial[key] for key in ("trial_id", "arm", "language")}
                | {"metric": metric, "value": value, "numerator": edits}
                | {"denominator": 10 + 0 * edits, "detail": "{}"}
            )
    _write(folder, trials, pd.DataFrame(rows))


def _write(folder: Path, trials: pd.DataFrame, scores: pd.DataFrame) -> None:
    options: dict[str, Any] = {"confidence": 0.95, "resamples": 200, "seed": 7}
    summary = summarise(scores, trials, ALL_METRICS, **options)
    late = summary["metric"] == "latency.first_audio_ms.p95"
    summary.loc[late, ["mean", "ci_low", "ci_high"]] = np.nan  # too few trials for it
    summary.to_csv(folder / "summary.csv", index=False)
    compare(scores, trials, ALL_METRICS, baseline=SWEPT[0], **options).to_csv(
        folder / "comparisons.csv", index=False
    )
    trials.to_parquet(folder / "trials.parquet")
    scores.to_parquet(folder / "scores.parquet")
    streamed = trials[trials["arm"] != "natural"][["trial_id", "arm"]]
    streamed.assign(
        arrivals_ms=json.dumps([100.0, 700.0, 900.0]),
        durations_ms=json.dumps([500.0, 400.0, 100.0]),
    ).to_parquet(folder / "latency.parquet")
    _claims().to_csv(folder / "claims.csv", index=False)
    _describe(folder)


def _claims() -> pd.DataFrame:
    base = {
        "metric": "cer.micro", "arm": SWEPT[1], "baseline": SWEPT[0], "language": "all",
        "margin": 0.01, "trials": 96, "speakers": 6, "sentences": 24, "direction": "lower",
        "unit": "ratio",
    }  # fmt: skip
    rows = [
        base | {"claim": "It <b>reads</b> better.", "difference": -0.05, "ci_low": -0.06,
                "ci_high": -0.04, "verdict": "holds"},
        base | {"claim": "It is fast.", "baseline": None, "metric": "latency.first_audio_ms.p50",
                "margin": 150, "difference": 200.0, "ci_low": 190.0, "ci_high": 210.0,
                "verdict": "refuted", "unit": "ms"},
        base | {"claim": "It is close.", "difference": 0.0, "ci_low": -0.02, "ci_high": 0.02,
                "verdict": "undecided", "need_speakers": 34, "need_sentences": 60,
                "reason": "fewer than 10 speakers"},
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS)


def _describe(folder: Path) -> None:
    experiment = {
        "name": "rich", "question": "?",
        "systems": {"natural": {"name": "recordings"}, "xtts": {"name": "xtts"}},
        "ablate": {"systems.xtts.model": ["a", "b c"], "systems.xtts.temperature": [0.5, 0.8]},
        "texts": {"name": "builtin", "per_language": 6},
        "speakers": {"name": "synthetic", "count": 6}, "pairing": "rotate", "repeats": 2, "seed": 7,
        "instruments": {
            "whisper": {"name": "whisper", "model": "large-v3", "beam_size": 5},
            "resemblyzer": {"name": "resemblyzer"},
            "stranger": {"name": "a_plugin", "model": "their-model"},
        },
        "metrics": [{"name": "wer"}, {"name": "cer"}, {"name": "secs", "encoder": "resemblyzer"}],
        "statistics": {"baseline": SWEPT[0], "confidence": 0.95, "resamples": 200},
    }  # fmt: skip
    environment = {
        "python": "3.11", "packages": {"torch": "2.13.0"}, "revision": "0123abc",
        "systems": {arm: {"spec": {"name": "xtts", "model": "a"}} for arm in SWEPT},
        "instruments": {
            "whisper": {"identity": {"name": "whisper", "weights_sha256": "ab12" * 16}},
        },
        "metrics": {"wer": {"normaliser": "17"}, "cer": {"normaliser": "17"}},
        "statistics": method_notes(confidence=0.95, resamples=200, seed=7),
    }  # fmt: skip
    (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment, sort_keys=False))
    (folder / "environment.json").write_text(json.dumps(environment))
