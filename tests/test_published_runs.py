"""Runs that are published in `reports/`: small, without paths of a machine, and rebuilt by one
command from their scores."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from xtts_lab.cli import run_app

REPORTS = Path(__file__).parent.parent / "reports"
RUNS = sorted(path.parent for path in REPORTS.glob("*/trials.parquet"))
MOST_BYTES = 5_000_000
FIGURES = {"summary.csv": "mean", "comparisons.csv": "difference", "claims.csv": "difference"}

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
    """The published figures are those of the scores; few resamples, for the intervals take long."""
    again = tmp_path / run.name
    shutil.copytree(run, again)
    for name in ("report.md", "report.html"):
        (again / name).unlink()
    assert run_app(["report", str(again), "--resamples", "100"]) == 0
    for name, column in FIGURES.items():
        ours, theirs = (pd.read_csv(folder / name)[column] for folder in (again, run))
        pd.testing.assert_series_equal(ours, theirs, rtol=1e-9)
    headings = [line for line in _lines(run) if line.startswith("## ")]
    assert [line for line in _lines(again) if line.startswith("## ")] == headings
    assert "## Families" in headings
    assert (again / "report.html").stat().st_size > 10_000


def _lines(run: Path) -> list[str]:
    return (run / "report.md").read_text(encoding="utf-8").splitlines()
