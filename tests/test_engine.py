"""The engine: the same results with any workers, cache or interruption; failures are recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from xtts_lab.cli import run_app

EXPERIMENT = {
    "name": "engine",
    "systems": {"a": {"name": "null"}, "b": {"name": "null", "duration_s": 0.1}},
    "texts": {"name": "builtin", "languages": ["en", "de"], "per_language": 3},
    "speakers": {"name": "synthetic", "count": 2, "references": 1},
    "pairing": "cross",
    "repeats": 2,
    "metrics": [{"name": "duration"}, {"name": "secs", "encoder": "resemblyzer"}],
    "statistics": {"baseline": "a", "resamples": 200},
    "sanity": False,
}


def _write(folder: Path, **changes: object) -> str:
    file = folder / "engine.yaml"
    file.write_text(yaml.safe_dump({**EXPERIMENT, **changes}))
    return str(file)


def _tables(run: Path) -> dict[str, object]:
    """Everything in a run folder that must not depend on how it came about."""
    trials = pd.read_parquet(run / "trials.parquet").drop(columns="synthesis_s")
    files = [p for p in run.rglob("*") if p.is_file() and ".state" not in p.parts]
    kept = {p for p in files if p.name not in ("timings.parquet", "trials.parquet")}
    return {
        "trials": trials.to_csv(),
        **{p.relative_to(run).as_posix(): p.read_bytes() for p in sorted(kept)},
    }


QUICK = [{"name": "duration"}]


def test_workers_and_cache_change_nothing(tmp_path: Path) -> None:
    file = _write(tmp_path, metrics=QUICK)
    runs = {
        "alone": ["--no-cache"],
        "workers": ["--no-cache", "--workers", "2"],
        "fills the cache": [],
        "from the cache": [],
    }
    for name, flags in runs.items():
        assert run_app(["run", file, "--out", str(tmp_path / name), *flags]) == 0
    first, *others = (_tables(tmp_path / name) for name in runs)
    assert len(first) > 24
    for other in others:
        assert other == first


def test_order_of_systems_and_texts_does_not_change_a_trial(tmp_path: Path) -> None:
    assert run_app(["run", _write(tmp_path, metrics=QUICK), "--out", str(tmp_path / "x")]) == 0
    turned = {
        "systems": dict(reversed(list(EXPERIMENT["systems"].items()))),  # type: ignore[attr-defined]
        "texts": {"name": "builtin", "languages": ["de"], "per_language": 2},
        "metrics": QUICK,
        "statistics": {},
    }
    file = _write(tmp_path, **turned)
    assert run_app(["run", file, "--out", str(tmp_path / "y"), "--no-cache"]) == 0
    one = pd.read_parquet(tmp_path / "x" / "trials.parquet").set_index("trial_id")
    two = pd.read_parquet(tmp_path / "y" / "trials.parquet").set_index("trial_id")
    assert len(two) == 2 * 2 * 2 * 2
    assert (two["audio_sha256"] == one.loc[two.index, "audio_sha256"]).all()


def test_seeds_come_from_experiment_utterance_and_repeat_alone(tmp_path: Path) -> None:
    assert run_app(["run", _write(tmp_path, metrics=QUICK), "--out", str(tmp_path / "x")]) == 0
    trials = pd.read_parquet(tmp_path / "x" / "trials.parquet")
    by_arm = [group["seed"].tolist() for _, group in trials.groupby("arm")]
    assert by_arm[0] == by_arm[1]
    assert trials[trials["arm"] == "a"]["seed"].is_unique
    file = _write(tmp_path, metrics=QUICK, seed=1)
    assert run_app(["run", file, "--out", str(tmp_path / "y")]) == 0
    assert not set(pd.read_parquet(tmp_path / "y" / "trials.parquet")["seed"]) & set(trials["seed"])


def test_a_second_run_does_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", _write(tmp_path, metrics=QUICK), "--out", str(tmp_path / "x")]
    assert run_app(arguments) == 0
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "x").rglob("*") if p.is_file()}
    capfd.readouterr()
    assert run_app(arguments) == 0
    assert "0 synthesised" in capfd.readouterr().out
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "x").rglob("*") if p.is_file()}
    assert {p for p in after if after[p] != before.get(p)} <= {tmp_path / "x" / ".state" / "lock"}


def test_failures_are_recorded_and_counted_and_tried_again(tmp_path: Path) -> None:
    systems = {
        "good": {"name": "null"},
        "fails": {"name": "null", "fail_every": 3},
        "crashes": {"name": "null", "crash_every": 3},
    }
    file = _write(tmp_path, systems=systems, metrics=QUICK, statistics={}, repeats=5)
    run = tmp_path / "x"
    assert run_app(["run", file, "--out", str(run)]) == 1
    trials = pd.read_parquet(run / "trials.parquet")
    assert len(trials) == 3 * 6 * 2 * 5
    failed = trials[trials["status"] == "failed"]
    # The same seeds fail by a Failure and by an exception: neither takes others along.
    doomed = trials[(trials["arm"] == "good") & (trials["seed"] % 3 == 0)]
    assert 0 < len(doomed) < 60
    assert failed.groupby("arm")["seed"].apply(set).to_dict() == {
        "fails": set(doomed["seed"]),
        "crashes": set(doomed["seed"]),
    }
    assert failed["error"].notna().all()
    assert len(pd.read_csv(run / "failures.csv")) == len(failed)
    summary = pd.read_csv(run / "summary.csv")
    whole = summary[(summary["language"] == "all") & (summary["metric"] == "duration.seconds")]
    counted = whole.set_index("arm")[["n", "failed"]].to_dict("index")
    assert counted["good"] == {"n": 60, "failed": 0}
    assert counted["fails"] == {"n": 60 - len(doomed), "failed": len(doomed)}
    assert run_app(["run", file, "--out", str(run)]) == 1


def test_evidence_is_taken_once_per_audio_and_kept(tmp_path: Path) -> None:
    # Two systems that say exactly the same: one measurement serves both.
    systems = {"one": {"name": "espeak"}, "two": {"name": "espeak", "speed_wpm": 165}}
    texts = {"name": "builtin", "languages": ["en"], "per_language": 1}
    file = _write(tmp_path, systems=systems, texts=texts, repeats=1, statistics={})
    assert run_app(["run", file, "--out", str(tmp_path / "x"), "--no-cache"]) == 0
    evidence = pd.read_parquet(tmp_path / "x" / "evidence.parquet")
    own = evidence[evidence["role"] == "audio"]
    assert len(own) == 4
    assert own["key"].nunique() == 2
    scores = pd.read_parquet(tmp_path / "x" / "scores.parquet")
    same = scores[scores["metric"] == "secs.resemblyzer.enrolment"]["value"]
    other = scores[scores["metric"] == "secs.resemblyzer.impostor"]["value"]
    assert same.min() > other.max()
    assert json.loads(evidence.iloc[0]["output"])["embedding"]


@pytest.mark.usefixtures("impatient")
def test_a_locked_folder_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from xtts_lab.runs.store import RunFolder

    with RunFolder(tmp_path / "x").locked():
        file = _write(tmp_path, metrics=QUICK)
        assert run_app(["run", file, "--out", str(tmp_path / "x")]) == 2
    assert "another process" in capfd.readouterr().err


def test_a_changed_experiment_redoes_only_what_changed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "x"), "--no-cache"]
    assert run_app(["run", _write(tmp_path, metrics=QUICK), *out]) == 0
    capfd.readouterr()
    changed = {**EXPERIMENT["systems"], "b": {"name": "null", "duration_s": 0.2}}  # type: ignore[dict-item]
    assert run_app(["run", _write(tmp_path, metrics=QUICK, systems=changed), *out]) == 0
    assert "48 trials: 24 synthesised" in capfd.readouterr().out
    trials = pd.read_parquet(tmp_path / "x" / "trials.parquet")
    assert trials.groupby("arm")["duration_s"].first().to_dict() == {"a": 0.05, "b": 0.2}


def test_a_folder_of_experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all").mkdir()
    for name in ("first", "second"):
        content = {**EXPERIMENT, "name": name, "metrics": QUICK}
        (tmp_path / "all" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    assert run_app(["run", "all", "--limit", "1"]) == 0
    assert {p.name for p in (tmp_path / "runs").iterdir()} == {"first", "second"}
    assert len(pd.read_parquet("runs/first/trials.parquet")) == 2
