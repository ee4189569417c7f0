"""Latency on the bench: runs that time systems, keep their timings, and try again what failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from xtts_lab import registry
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.metrics.latency import (
    Latency,
)
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.types import Audio, Request

EXPERIMENT = """\
name: latency
systems:
  espeak: {name: espeak}
  still: {name: "null"}
texts: {name: builtin, languages: [en], per_language: 3}
speakers: {name: synthetic, count: 2, references: 1}
pairing: cross
metrics:
  - {name: latency, warmups: 1, trials: 4}
  - {name: duration}
sanity: false
"""


class Hoarse(EspeakSystem):
    """espeak-ng that cannot finish one sentence when it streams it, until it has recovered."""

    recovered = False

    def __init__(self) -> None:
        super().__init__()

    def stream(self, request: Request, voice: Any) -> Iterator[Audio]:
        for i, chunk in enumerate(super().stream(request, voice)):
            if i == 1 and request.seed % 2 and not self.recovered:
                raise RuntimeError("lost its voice\nin the middle")
            yield chunk


def _run(folder: Path, *flags: str, text: str = EXPERIMENT, out: str = "out") -> int:
    (folder / "e.yaml").write_text(text)
    return run_app(["run", str(folder / "e.yaml"), "--out", str(folder / out), *flags])


def _arrivals(folder: Path) -> dict[str, str]:
    table = pd.read_parquet(folder / "latency.parquet")
    return dict(zip(table["trial_id"], table["arrivals_ms"], strict=True))


def test_espeak_is_timed_and_an_arm_that_cannot_stream_has_no_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    assert _run(tmp_path) == 0
    run = tmp_path / "out"
    scores = pd.read_parquet(run / "scores.parquet")
    latency = scores[scores["metric"].str.startswith("latency.")]
    assert set(latency["arm"]) == {"espeak"}
    assert latency["trial_id"].nunique() == 4  # `trials`
    by_metric = latency.set_index(["metric", "trial_id"])["value"].unstack(0)
    assert (by_metric["latency.stream_equals_offline"] == 1.0).all()
    first = by_metric["latency.first_audio_ms.p50"]
    assert (first > 0).all()
    assert (by_metric["latency.first_sound_ms.p50"] >= first).all()
    assert (by_metric["latency.cold_first_audio_ms.p50"] > 0).all()
    seen = pd.read_parquet(run / "latency.parquet").set_index("trial_id")
    trials = pd.read_parquet(run / "trials.parquet").set_index("trial_id")
    for trial_id, row in seen.iterrows():
        assert sum(json.loads(row["durations_ms"])) == pytest.approx(
            1e3 * trials.loc[trial_id, "duration_s"], abs=0.01
        )
        arrivals = json.loads(row["arrivals_ms"])
        assert arrivals == sorted(arrivals)
        assert first[trial_id] == pytest.approx(arrivals[0], abs=1e-3)
        assert row["total_ms"] >= arrivals[-1]
    summary = pd.read_csv(run / "summary.csv")
    espeak = summary[(summary["arm"] == "espeak") & (summary["language"] == "all")]
    shown = espeak.set_index("metric")
    median = shown.loc["latency.first_audio_ms.p50"]
    assert (median["unit"], median["n"], median["skipped"]) == ("ms", 4, 2)
    assert median["mean"] == pytest.approx(first.median(), abs=1e-3)
    assert not any(metric.endswith((".p95", ".p99")) for metric in shown.index)
    report = (run / "report.md").read_text()
    assert "Timings were taken on this machine in this run" in report
    assert "latency.first\\_audio\\_ms.p50" in report


def test_timings_stay_with_their_run_until_they_are_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    assert _run(tmp_path) == 0
    run = tmp_path / "out"
    before = _arrivals(run)
    tables = {name: (run / name).read_bytes() for name in ("scores.parquet", "summary.csv")}
    # Resumed as after a kill: nothing is timed again.
    (run / ".state" / "finished.json").unlink()
    log = run / ".state" / "latency.jsonl"
    log.write_bytes(log.read_bytes() + b'{"id": "torn')
    assert _run(tmp_path) == 0
    assert _arrivals(run) == before
    assert {name: (run / name).read_bytes() for name in tables} == tables
    # Half of them lost: those, and no others, are timed again.
    (run / ".state" / "finished.json").unlink()
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    assert _run(tmp_path) == 0
    resumed = _arrivals(run)
    assert [resumed[t] == before[t] for t in before] == [True, True, False, False]
    # Another run takes the audio from the cache, and times for itself.
    assert _run(tmp_path, out="other") == 0
    assert pd.read_parquet(tmp_path / "other" / "timings.parquet")["total_ms"].isna().all()
    other = _arrivals(tmp_path / "other")
    assert other.keys() == before.keys()
    assert not set(other.values()) & set(before.values())
    # Again: the same audio, everything timed anew, what came from the cache as well.
    trials = (tmp_path / "other" / "trials.parquet").read_bytes()
    assert _run(tmp_path, "--remeasure", out="other") == 0
    assert not set(_arrivals(tmp_path / "other").values()) & set(other.values())
    timings = pd.read_parquet(tmp_path / "other" / "timings.parquet")
    assert timings.loc[timings["trial_id"].str.startswith("espeak"), "total_ms"].notna().all()
    drop = ["synthesis_s"]
    again = pd.read_parquet(tmp_path / "other" / "trials.parquet").drop(columns=drop)
    (tmp_path / "before.parquet").write_bytes(trials)
    pd.testing.assert_frame_equal(
        again, pd.read_parquet(tmp_path / "before.parquet").drop(columns=drop)
    )
    # Killed while the audio was made again: the next run goes on without the cache.
    state = tmp_path / "other" / ".state"
    assert not (state / "remeasuring").exists()
    for name in ("finished.json", "trials.jsonl"):
        (state / name).unlink()
    (state / "remeasuring").touch()
    assert _run(tmp_path, out="other") == 0
    timings = pd.read_parquet(tmp_path / "other" / "timings.parquet")
    assert timings.loc[timings["trial_id"].str.startswith("espeak"), "total_ms"].notna().all()


def test_a_stream_that_breaks_off_is_a_failure_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        registry.BUILTIN["systems"],  # type: ignore[arg-type]
        "hoarse",
        f"{__name__}:Hoarse",
    )
    text = EXPERIMENT.replace("name: espeak", "name: hoarse").replace(", trials: 4", "")
    assert _run(tmp_path, text=text) == 1
    run = tmp_path / "out"
    trials = pd.read_parquet(run / "trials.parquet").query("arm == 'espeak'")
    doomed = set(trials.loc[trials["seed"] % 2 == 1, "trial_id"])
    assert 0 < len(doomed) < len(trials)
    failures = pd.read_csv(run / "failures.csv")
    assert set(failures["trial_id"]) == doomed
    assert set(failures["stage"]) == {"latency"}
    assert set(failures["error"]) == {"RuntimeError: lost its voice"}
    summary = pd.read_csv(run / "summary.csv").query("language == 'all' and arm == 'espeak'")
    row = summary.set_index("metric").loc["latency.rtf.mean"]
    assert (row["n"], row["failed"]) == (len(trials) - len(doomed), len(doomed))
    kept = _arrivals(run)
    monkeypatch.setattr(Hoarse, "recovered", True)
    assert _run(tmp_path, text=text) == 0
    after = _arrivals(run)
    assert {t: after[t] for t in after if t not in doomed} == {
        t: kept[t] for t in kept if t not in doomed
    }
    assert (run / "failures.csv").read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"warmups": -1}, "warmups: must be at least 0"),
        ({"trials": 0}, "trials: must be at least 1"),
        ({"silence_dbfs": 1.0}, "silence_dbfs: must be at most 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Latency(**setting)


def test_two_latencies_would_share_their_ids(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = EXPERIMENT.replace("  - {name: duration}", "  - {name: latency, warmups: 3}")
    assert _run(tmp_path, text=text) == 2
    assert "would have two meanings; keep one metric" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
