"""The statistics of a run once more, from its scores alone: what a published run is rebuilt by."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from xtts_lab.cli import run_app

STATISTICS = ("summary.csv", "comparisons.csv", "claims.csv")
EXPERIMENT = """\
name: short
systems:
  a-s0: {name: "null", duration_s: 0.2}
  a-s1: {name: "null", duration_s: 0.3}
  b: {name: "null", duration_s: 0.5}
texts: {name: builtin, languages: [en, de], per_language: 4}
speakers: {name: synthetic, count: 2, references: 0, enrolment: 0}
repeats: 2
metrics: [{name: duration}]
statistics: {baseline: b, resamples: 100, families: {a: [a-s0, a-s1]}}
claims: ["a < b on duration.seconds by 0.1"]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("restating")
    (folder / "e.yaml").write_text(EXPERIMENT)
    out = folder / "run"
    assert run_app(["run", str(folder / "e.yaml"), "--out", str(out), "--no-cache"]) == 0
    return out


@pytest.fixture
def published(finished: Path, tmp_path: Path) -> Path:
    """What would be committed: no audio, no state, no evidence."""
    out = tmp_path / "published"
    left_out = shutil.ignore_patterns("audio", ".state", "evidence.parquet")
    shutil.copytree(finished, out, ignore=left_out)
    return out


def test_the_same_resamples_give_the_same_tables(finished: Path, published: Path) -> None:
    for name in STATISTICS:
        (published / name).write_text((published / name).read_text().splitlines()[0] + "\n")
    assert run_app(["report", str(published), "--resamples", "100"]) == 0
    for name in STATISTICS:
        assert (published / name).read_bytes() == (finished / name).read_bytes()
    report = (published / "report.md").read_text(encoding="utf-8")
    assert "## Families" in report
    assert "Training seed or sampling seed?" in report


def test_other_resamples_are_declared(finished: Path, published: Path) -> None:
    assert run_app(["report", str(published), "--resamples", "250"]) == 0
    said = yaml.safe_load((published / "experiment.yaml").read_text())
    assert said["statistics"]["resamples"] == 250
    assert (published / "summary.csv").read_bytes() != (finished / "summary.csv").read_bytes()
    assert "250" in (published / "report.md").read_text(encoding="utf-8")


def test_a_finished_run_that_says_something_else_is_done_again(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    shutil.copytree(finished, own)
    before = {name: (own / name).read_bytes() for name in STATISTICS}
    assert run_app(["report", str(own), "--resamples", "150"]) == 0
    again = ["run", str(finished.parent / "e.yaml"), "--out", str(own), "--no-cache"]
    assert run_app(again) == 0
    assert "everything is there" not in capsys.readouterr().err
    assert {name: (own / name).read_bytes() for name in STATISTICS} == before


@pytest.mark.parametrize("resamples", [0, 99, 100_001])
def test_numbers_that_no_experiment_may_ask_for(
    published: Path, capsys: pytest.CaptureFixture[str], resamples: int
) -> None:
    before = {path.name: path.read_bytes() for path in published.iterdir()}
    assert run_app(["report", str(published), "--resamples", str(resamples)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "resamples" in said[0]
    assert {path.name: path.read_bytes() for path in published.iterdir()} == before
