"""Runs that are published in `reports/`: small, without paths of a machine, and rebuilt by one
command from their scores."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from xtts_lab.cli import run_app
from xtts_lab.runs.reading import read_run

REPORTS = Path(__file__).parent.parent / "reports"
RUNS = sorted(path.parent for path in REPORTS.glob("*/trials.parquet"))
MOST_BYTES = 5_000_000

each_run = pytest.mark.parametrize("run", RUNS, ids=lambda path: path.name)


@each_run
def test_it_is_small_and_names_no_machine(run: Path) -> None:
    assert sum(file.stat().st_size for file in run.rglob("*") if file.is_file()) <= MOST_BYTES
    texts = [file for file in run.iterdir() if file.suffix in (".csv", ".json", ".md", ".yaml")]
    told = [file.read_text(encoding="utf-8") for file in texts]
    told += [pd.read_parquet(file).to_csv() for file in run.glob("*.parquet")]
    for word in ("/work/", "/tmp/", "/root/", "/home/"):
        assert not [text[text.index(word) :][:80] for text in told if word in text]


@each_run
def test_it_is_rebuilt_from_its_scores(run: Path, tmp_path: Path) -> None:
    """The figures of the published report are those that its scores give."""
    again = tmp_path / run.name
    shutil.copytree(run, again)
    for name in ("report.md", "report.html"):
        (again / name).unlink()
    resamples = read_run(run).experiment["statistics"]["resamples"]
    assert run_app(["report", str(again), "--resamples", str(resamples)]) == 0
    for name in ("summary.csv", "comparisons.csv", "claims.csv"):
        ours, theirs = (pd.read_csv(folder / name) for folder in (again, run))
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-6, atol=1e-9)
    assert figures(again) == figures(run)
    assert (again / "report.html").stat().st_size > 10_000


def figures(run: Path) -> list[str]:
    """The lines of the tables of `report.md` that come before the methods."""
    text = (run / "report.md").read_text(encoding="utf-8").partition("## Methods")[0]
    return [line for line in text.splitlines() if line.startswith("|")]
