"""How large a report gets, and how long it takes: a made-up run of 5,000 trials with every section.

    python benchmarks/report_scale.py [FOLDER]

Prints trials, the seconds `report.build` takes, and the size of `report.html`; open the page by
hand to see how it reads. All figures in it are drawn at random.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import yaml

from xtts_lab import report
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics.claim import Claim
from xtts_lab.statistics.method_notes import method_notes
from xtts_lab.statistics.summaries import compare, summarise
from xtts_lab.statistics.verdicts import judge
from xtts_lab.types import LANGUAGES

SPEAKERS, SENTENCES, REPEATS = 20, 125, 2
ENCODERS = ("perceiver", "tortoise")
TEMPERATURES = (0.5, 0.8)
ARMS = {
    "natural": 0.0,
    **{
        f"xtts[conditioner={encoder},temperature={temperature}]": 1.0 + i + 2 * j
        for i, encoder in enumerate(ENCODERS)
        for j, temperature in enumerate(TEMPERATURES)
    },
}
TIMES = ("first_audio_ms", "first_sound_ms", "cold_first_audio_ms", "longest_gap_ms")
METRICS = {
    "wer.micro": MetricInfo("ratio", "lower"),
    "cer.micro": MetricInfo("ratio", "lower"),
    "secs.resemblyzer.enrolment": MetricInfo("cosine", "higher"),
    "secs.resemblyzer.impostor": MetricInfo("cosine", "none"),
    "naturalness.dnsmos": MetricInfo("MOS", "higher"),
    **{f"latency.{t}.p{p}": MetricInfo("ms", "lower") for t in TIMES for p in (50, 95)},
    **{f"sanity.{fault}": MetricInfo("ratio", "lower") for fault in ("silent", "looped", "any")},
}


def main(folder: Path) -> None:
    """Make the run, build its report, and print the figures."""
    rng = np.random.default_rng(0)
    trials = pd.DataFrame(trial_rows())
    write_run(folder, trials, rng)
    start = time.perf_counter()
    report.build(folder)
    spent = time.perf_counter() - start
    size = (folder / "report.html").stat().st_size
    print(f"{len(trials)} trials: report.build took {spent:.1f} s, report.html {size / 1e6:.1f} MB")
    print(folder / "report.html")


def trial_rows() -> list[dict[str, Any]]:
    """Return the trials: arms x speakers in turn over sentences x repeats."""
    rows: list[dict[str, Any]] = []
    for arm in ARMS:
        for i in range(SENTENCES * 4):
            language = LANGUAGES[i % len(LANGUAGES)]
            for repeat in range(REPEATS):
                rows.append(_trial(len(rows), arm, language, i, repeat))
    return rows


def _trial(number: int, arm: str, language: str, sentence: int, repeat: int) -> dict[str, Any]:
    ok = number % 997 != 3
    words = " ".join(f"word{sentence}x{i}" for i in range(9))
    text = f"<script>document.title = 'bad'</script> {words}" if sentence == 5 else words
    return {
        "trial_id": f"t{number:05}", "arm": arm, "system": arm.partition("[")[0],
        "language": language, "utterance_id": f"{language}-{sentence:03}", "text": text,
        "speaker": f"speaker-{sentence % SPEAKERS:02}", "references": "[]",
        "reference_language": language, "repeat": repeat, "seed": number,
        "audio_path": f"audio/{number:05}.wav" if ok else None, "duration_s": 3.0,
        "synthesis_s": 1.0, "stop": "limit" if number % 400 == 7 else "end",
        "weights_random": False, "status": "ok" if ok else "failed",
        "error": None if ok else "the recogniser heard nothing",
    }  # fmt: skip


def write_run(folder: Path, trials: pd.DataFrame, rng: np.random.Generator) -> None:
    """Write a run folder around trials."""
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    _write_audio(folder, trials, rng)
    scores = pd.DataFrame(score_rows(trials, rng))
    options: dict[str, Any] = {"confidence": 0.95, "resamples": 200, "seed": 0}
    summary = summarise(scores, trials, METRICS, **options)
    comparisons = compare(
        scores, trials, METRICS, baseline="xtts[conditioner=tortoise,temperature=0.5]", **options
    )
    failed = trials[trials["status"] != "ok"].assign(stage="synthesise")
    names = ["trial_id", "arm", "language", "utterance_id", "stage", "error"]
    tables = {"summary": summary, "comparisons": comparisons, "failures": failed[names]}
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    judge(_claims(), scores, trials, METRICS, **options).to_csv(folder / "claims.csv", index=False)
    trials.to_parquet(folder / "trials.parquet")
    scores.to_parquet(folder / "scores.parquet")
    evidence = trials[["trial_id"]].assign(
        instrument="whisper", role="audio", output=json.dumps({"text": "what was heard of it"})
    )
    evidence.to_parquet(folder / "evidence.parquet")
    _latency(trials, rng).to_parquet(folder / "latency.parquet")
    (folder / "experiment.yaml").write_text(yaml.safe_dump(_experiment(), sort_keys=False))
    notes = method_notes(confidence=0.95, resamples=200, seed=0)
    (folder / "environment.json").write_text(json.dumps({"python": "3.11", "statistics": notes}))


def _write_audio(folder: Path, trials: pd.DataFrame, rng: np.random.Generator) -> None:
    made: list[Path] = []
    for i, path in enumerate(trials["audio_path"].dropna()):
        file = folder / str(path)
        file.unlink(missing_ok=True)
        if len(made) < 40:
            noise = rng.normal(0.0, 0.05, 72_000).astype(np.float32)
            tone = np.sin(np.arange(72_000) * rng.uniform(0.03, 0.1))
            soundfile.write(file, noise + 0.2 * tone, 24_000)
            made.append(file)
        else:
            os.link(made[i % 40], file)


def score_rows(trials: pd.DataFrame, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield scores of all metrics; an arm's number shifts them."""
    ids = zip(trials["trial_id"], trials["arm"], trials["language"], trials["status"], strict=True)
    for trial_id, arm, language, status in ids:
        if status != "ok":
            continue
        natural = arm == "natural"
        for metric in METRICS:
            if natural and metric.startswith("latency."):
                continue
            value = _value(metric, ARMS[arm], rng) * (1.6 if metric.endswith(".p95") else 1.0)
            edits = value if METRICS[metric].unit == "ratio" else float("nan")
            yield {
                "trial_id": trial_id,
                "arm": arm,
                "language": language,
                "metric": metric,
                "value": value,
                "numerator": edits * 50,
                "denominator": 50 + 0 * edits,
                "detail": "{}",
            }


def _value(metric: str, shift: float, rng: np.random.Generator) -> float:
    family, _, rest = metric.partition(".")
    match family:
        case "wer" | "cer":
            return float(rng.binomial(50, 0.03 + 0.01 * shift)) / 50
        case "secs":
            middle = 0.55 if "impostor" in rest else 0.85 - 0.02 * shift
            return min(1.0, float(rng.normal(middle, 0.05)))
        case "naturalness":
            return float(rng.normal(3.4 - 0.1 * shift, 0.3))
        case "latency":
            return float(rng.lognormal(5.2, 0.2))
        case _:
            return float(rng.random() < 0.004 * (1 + shift))


def _latency(trials: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    streamed = trials[(trials["status"] == "ok") & (trials["arm"] != "natural")]
    for trial_id, arm in zip(streamed["trial_id"], streamed["arm"], strict=True):
        gaps = rng.lognormal(5.3 + 0.25 * ARMS[arm], 0.25, 5)
        arrivals = json.dumps(np.cumsum(gaps).round(3).tolist())
        rows.append(
            {
                "trial_id": trial_id,
                "arm": arm,
                "arrivals_ms": arrivals,
                "durations_ms": json.dumps([465.0, 465.0, 465.0, 465.0, 300.0]),
                "error": None,
            }
        )
    return pd.DataFrame(rows)


def _claims() -> list[Claim]:
    arms = list(ARMS)
    return [
        Claim.model_validate(
            {
                "metric": metric,
                "arm": [arms[1]],
                "baseline": [arms[2]],
                "direction": way,
                "margin": margin,
            }
        )
        for metric, way, margin in (
            ("secs.resemblyzer.enrolment", "higher", 0.01),
            ("cer.micro", "lower", 0.05),
            ("naturalness.dnsmos", "higher", 0.2),
        )
    ]


def _experiment() -> dict[str, Any]:
    return {
        "name": "report-scale",
        "question": "Does a report of 5,000 trials still open at once?",
        "systems": {"natural": {"name": "recordings"}, "xtts": {"name": "xtts"}},
        "ablate": {
            "systems.xtts.conditioner": list(ENCODERS),
            "systems.xtts.temperature": list(TEMPERATURES),
        },
        "texts": {"name": "builtin"},
        "speakers": {"name": "synthetic", "count": SPEAKERS},
        "pairing": "rotate",
        "repeats": REPEATS,
        "seed": 0,
        "instruments": {"whisper": {"name": "whisper", "model": "base"}},
        "metrics": [{"name": "wer"}, {"name": "cer"}, {"name": "secs"}],
        "statistics": {
            "baseline": "xtts[conditioner=tortoise,temperature=0.5]", "confidence": 0.95,
            "resamples": 200,
        },
    }  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="report-scale-")))
