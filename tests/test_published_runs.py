"""Runs that are published in `reports/`: small, without paths of a machine, and rebuilt by one
command from their scores."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from pandas.api.types import is_numeric_dtype

from xtts_lab.cli import run_app
from xtts_lab.conditions import ALL
from xtts_lab.runs.metric_use import metric_info
from xtts_lab.runs.reading import read_run
from xtts_lab.statistics.cells import CELL, cell_table, placed, with_enough
from xtts_lab.statistics.estimates import point

REPORTS = Path(__file__).parent.parent / "reports"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where it is there: 1 s less
RUNS = sorted(path.parent for path in REPORTS.rglob("trials.parquet"))


def _families(run: Path) -> dict[str, list[str]]:
    settings = yaml.load((run / "experiment.yaml").read_bytes(), Loader=LOADER)
    return settings["statistics"].get("families") or {}


FAMILIES = [run for run in RUNS if run.parent == REPORTS and _families(run)]
MOST_BYTES_IN_ALL = 15_000_000
QUICK = [
    run for run in RUNS if (run / "scores.parquet").stat().st_size < 100_000 and run not in FAMILIES
]
"""Those whose report takes seconds; of the others the figures are compared."""
MOST_BYTES = 5_000_000
FIGURES = {"summary.csv": "mean", "comparisons.csv": "difference", "claims.csv": "difference"}

each_run = pytest.mark.parametrize("run", RUNS, ids=lambda path: path.name)


@each_run
def test_it_is_small_and_names_no_machine(run: Path) -> None:
    assert sum(file.stat().st_size for file in run.rglob("*") if file.is_file()) <= MOST_BYTES
    texts = [file for file in run.iterdir() if file.suffix in (".csv", ".json", ".md", ".yaml")]
    told = [file.read_text(encoding="utf-8") for file in texts]
    told += [text for file in run.glob("*.parquet") for text in _texts(file)]
    # A path of where it was made: absolute, and of two names at least.
    pattern = re.compile(r"(?<![\w.<])/(?:tmp|root|home|work|Users|mnt|data)/[\w.-]+")
    assert not [found.group() for text in told for found in [pattern.search(text)] if found]


def _texts(parquet: Path) -> set[str]:
    """Every text that a table holds."""
    table = pd.read_parquet(parquet)
    columns = [table[name] for name in table if not is_numeric_dtype(table[name])]
    return {str(text) for column in columns for text in column.dropna().unique()}


@each_run
def test_its_figures_are_those_of_its_scores(run: Path) -> None:
    read = read_run(run)
    info = metric_info(read.uses)
    pools = {metric: known.pool for metric, known in info.items() if known.pool is not None}
    cells = cell_table(read.scores, placed(read.trials), pools)
    cells = with_enough(cells, {m: known.least for m, known in info.items() if known.least})
    cells = cells.sort_values(CELL, kind="stable")
    found = {
        key: point(part, info[str(key[1])])
        for key, part in cells.groupby(["arm", "metric", "condition"])
    }
    whole = read.summary[(read.summary["language"] == ALL) & (read.summary["n"] > 0)]
    whole = whole[whole["mean"].notna()]  # blank: too few trials for a percentile of the tail
    said = {(row.arm, row.metric, row.condition): row.mean for row in whole.itertuples(index=False)}
    assert said.keys() == found.keys()
    assert [found[key] for key in said] == pytest.approx([*said.values()], rel=1e-9, abs=1e-12)


def test_all_together_are_small() -> None:
    made = [file for file in REPORTS.rglob("*") if file.is_file()]
    files = [file for file in made if file.parent.name != "__pycache__"]  # Python's own, of a run
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES_IN_ALL


@pytest.mark.parametrize("run", QUICK, ids=lambda path: path.name)
def test_its_report_is_rebuilt_by_one_command(run: Path, tmp_path: Path) -> None:
    """From scores and tables alone; players are where the audio is."""
    again = tmp_path / run.name
    shutil.copytree(run, again, ignore=shutil.ignore_patterns("report.*", "tables.tex"))
    assert run_app(["report", str(again)]) == 0
    assert (again / "report.html").is_file()
    assert _tables(_lines(again)) == _tables(_lines(run))


def test_the_verdicts_are_those_of_the_published_claims() -> None:
    """`python reports/verdicts.py` writes this page anew, and the README's table."""
    path = REPORTS / "verdicts.py"
    spec = importlib.util.spec_from_file_location("verdicts", path)
    assert spec is not None
    assert spec.loader is not None
    verdicts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(verdicts)
    written = (REPORTS / "claims" / "README.md").read_text(encoding="utf-8")
    runs = verdicts.published()
    assert written == verdicts.page(runs)
    readme = (REPORTS.parent / "README.md").read_text(encoding="utf-8")
    assert f"{verdicts.BEGIN}{verdicts.block(runs)}\n{verdicts.END}" in readme


@pytest.mark.skipif(not FAMILIES, reason="nothing is published")
def test_the_smallest_is_rebuilt_by_one_command(tmp_path: Path) -> None:
    """Its WER alone, with few resamples: intervals take long; `test_restating` compares them."""
    run = min(FAMILIES, key=lambda path: (path / "scores.parquet").stat().st_size)
    again = tmp_path / run.name
    shutil.copytree(run, again, ignore=shutil.ignore_patterns("report.*"))
    _keep_metric(again, "wer")
    assert run_app(["report", str(again), "--resamples", "100"]) == 0
    for name, column in FIGURES.items():
        ours, theirs = (pd.read_csv(folder / name) for folder in (again, run))
        theirs = theirs[theirs["metric"].str.startswith("wer.")].reset_index(drop=True)
        assert not theirs.empty
        pd.testing.assert_series_equal(ours[column], theirs[column], rtol=1e-9)
    ours, theirs = ([line for line in _lines(f) if line.startswith("## ")] for f in (again, run))
    assert ours == [line for line in theirs if line in ours]
    assert {"## Results", "## Families", "## By language", "## Methods"} <= set(ours)
    assert (again / "report.html").stat().st_size > 10_000


def _keep_metric(run: Path, family: str) -> None:
    scores = pd.read_parquet(run / "scores.parquet")
    scores[scores["metric"].str.startswith(f"{family}.")].to_parquet(run / "scores.parquet")
    file = run / "experiment.yaml"
    settings = yaml.load(file.read_bytes(), Loader=LOADER)
    kept = [metric for metric in settings["metrics"] if metric["name"] == family]
    said = yaml.safe_dump({**settings, "metrics": kept, "sanity": False}, sort_keys=False)
    file.write_text(said, encoding="utf-8")


def _tables(lines: list[str]) -> list[str]:
    """The rows of all tables: figures and words, whatever stands around them."""
    return [line for line in lines if line.startswith(("| ", "## "))]


def _lines(run: Path) -> list[str]:
    return (run / "report.md").read_text(encoding="utf-8").splitlines()
