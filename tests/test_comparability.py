"""What may be differenced: same judges, normalisers, versions; and how much of a run there is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.test_compare import write_run
from xtts_lab.cli import run_app
from xtts_lab.runs.comparability import unlike
from xtts_lab.runs.compare import compare_runs
from xtts_lab.runs.coverage import coverage
from xtts_lab.runs.reading import read_results

PAIR = [("x", "x")]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "first", {"x": 0.3})


def changed(run: Path, folder: Path, path: str, value: Any) -> Path:
    """Copy a run whose environment says `value` under a dotted path."""
    shutil.copytree(run, folder)
    file = folder / "environment.json"
    environment = json.loads(file.read_text())
    *parents, last = path.split("/")
    place = environment
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value
    file.write_text(json.dumps(environment))
    return folder


@pytest.mark.parametrize(
    ("path", "value", "metric", "says"),
    [
        ("instruments/whisper/identity/model", "large-v3", "cer", "model base and large-v3"),
        ("instruments/whisper/identity/beam_size", 5, "cer", "beam_size 1 and 5"),
        ("instruments/whisper/identity/weights_sha256", "ab", "cer", "weights_sha256"),
        ("instruments/resemblyzer/identity/version", 2, "secs", "version 1 and 2"),
        ("metrics/cer/normaliser", "2", "cer", "the text normaliser 1 and 2"),
        ("metrics/cer/version", 3, "cer", "one that is not recorded and 3 of the metric"),
    ],
)
def test_what_was_made_otherwise_is_refused_by_name(
    path: str, value: Any, metric: str, says: str, first: Path, tmp_path: Path
) -> None:
    a, b = read_results(first), read_results(changed(first, tmp_path / "other", path, value))
    differs = {x.prefix: "; ".join(unlike(a, b, x, y)) for x, y in zip(a.uses, b.uses, strict=True)}
    (unlike_one,) = [prefix for prefix, why in differs.items() if why]
    assert unlike_one.startswith(metric)
    assert says in differs[unlike_one]


def test_another_scoring_refuses_everything(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = changed(first, tmp_path / "other", "versions/scoring", 3)
    assert run_app(["compare", str(first), str(other)]) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert "one that is not recorded and 3 of the scoring" in error
    assert "--allow-mixed" in error


def test_what_is_mixed_stands_side_by_side_without_a_verdict(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = changed(first, tmp_path / "other", "versions/scoring", 3)
    out = tmp_path / "out"
    arguments = ["compare", str(first), str(other), "--allow-mixed", "--out", str(out)]
    assert run_app(arguments) == 0
    printed = capsys.readouterr().out
    assert "nothing was measured alike, so no verdict" in printed
    assert "Side by side, not to be compared" in printed
    assert not {"better", "worse", "undecided"} & set(printed.split())
    page = (out / "compare.html").read_text(encoding="utf-8")
    assert "of the scoring" in page


def test_side_by_side_figures_are_each_runs_own(first: Path, tmp_path: Path) -> None:
    other = changed(first, tmp_path / "other", "instruments/whisper/identity/model", "large-v3")
    a, b = read_results(first), read_results(other)
    found = compare_runs(a, b, PAIR, allow_mixed=True)
    assert set(found.beside["metric"]) == {"cer.micro", "cer.macro"}
    row = found.beside.iloc[0]
    own = a.summary[(a.summary["language"] == "all") & (a.summary["metric"] == row["metric"])]
    own = own[own["condition"] == row["condition"]].iloc[0]
    assert (row["a"], row["a_low"], row["a_n"]) == (own["mean"], own["ci_low"], own["n"])
    assert set(found.table["metric"]) == {"secs.resemblyzer.enrolment"}


EXPERIMENT = """\
name: short
systems: {a: {name: "null", duration_s: 0.2, fail_every: 3}, b: {name: "null"}}
texts: {name: builtin, languages: [en], per_language: 4}
speakers: {name: synthetic, count: 2, references: 0, enrolment: 0}
metrics: [{name: duration}]
sanity: false
statistics: {baseline: b, resamples: 100}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coverage")
    (folder / "e.yaml").write_text(EXPERIMENT)
    arguments = ["run", str(folder / "e.yaml"), "--out", str(folder / "run"), "--no-cache"]
    assert run_app(arguments) == 1
    return folder / "run"


def test_a_report_begins_with_its_coverage(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = pd.read_parquet(finished / "trials.parquet")
    spoken = int((trials["status"] == "ok").sum())
    assert spoken < len(trials)
    line = f"{spoken} of {len(trials)} ({int(1000 * spoken / len(trials)) / 10} %) planned trials"
    report = (finished / "report.md").read_text(encoding="utf-8")
    assert line in report[: report.index("## ")]
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert line in page[: page.index("<nav")]
    assert run_app(["compare", str(finished), str(finished)]) == 0
    assert f"A: Coverage: {line}" in capsys.readouterr().out


def test_coverage_is_never_rounded_up() -> None:
    trials = pd.DataFrame({"status": ["ok"] * 9999 + ["failed"]})
    said = coverage(trials, pd.DataFrame({"value": [1.0, 2.0]}), {"limit": 10_000})
    assert "9,999 of 10,000 (99.9 %)" in said
    assert "all 2 scores" in said
    assert "first 10,000 trials" in said


def test_a_report_refuses_scores_of_two_normalisers(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = changed(finished, tmp_path / "run", "metrics/duration/normaliser", "1")
    scores = pd.read_parquet(run / "scores.parquet")
    rules = ["1" if arm == "a" else "2" for arm in scores["arm"]]
    scores.assign(detail=[json.dumps({"normaliser": r}) for r in rules]).to_parquet(
        run / "scores.parquet"
    )
    before = (run / "report.md").read_text(encoding="utf-8")
    assert run_app(["report", str(run)]) == 2
    error = capsys.readouterr().err.strip()
    assert "en texts normalised by 1 and 2" in error
    assert "\n" not in error
    assert (run / "report.md").read_text(encoding="utf-8") == before
    assert run_app(["report", str(run), "--allow-mixed"]) == 0
    report = (run / "report.md").read_text(encoding="utf-8")
    assert "no difference is taken of them" in report
    assert "Differences from b" not in report
    assert "duration" in report


def test_statistics_are_not_drawn_anew_from_scores_of_other_code(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = changed(finished, tmp_path / "run", "metrics/duration/version", 999)
    assert run_app(["report", str(run), "--resamples", "120"]) == 2
    assert "scored by version 999" in capsys.readouterr().err


def test_mixed_scores_of_one_run_are_not_compared_with_another(first: Path, tmp_path: Path) -> None:
    run = tmp_path / "mixed"
    shutil.copytree(first, run)
    scores = pd.read_parquet(run / "scores.parquet")
    rules = [json.dumps({"normaliser": str(i % 2)}) for i in range(len(scores))]
    scores.assign(detail=rules).to_parquet(run / "scores.parquet")
    found = compare_runs(read_results(first), read_results(run), PAIR)
    assert "texts normalised by 0 and 1" in found.left_out[0]
