"""One page says what a run folder holds: written by it, and read back as it was written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.runs import schema
from xtts_lab.runs.reading import read_results, read_run, read_table
from xtts_lab.statistics import summaries, verdicts

EXPERIMENT = """\
name: small
systems: {a: {name: "null"}, "null": {name: "null", duration_s: 0.1}}
texts: {name: builtin, languages: [en], per_language: 2}
speakers: {name: synthetic, count: 2}
metrics: [{name: duration}]
sanity: false
claims: ["a < null on duration.seconds"]
"""


def test_statistics_give_the_columns_that_are_stored() -> None:
    assert list(schema.SUMMARY.columns) == summaries.SUMMARY_COLUMNS
    assert list(schema.COMPARISONS.columns) == summaries.COMPARISON_COLUMNS
    assert list(schema.CLAIMS.columns) == verdicts.COLUMNS


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schema")
    (folder / "x.yaml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTTS_LAB_CACHE", str(folder / "cache"))
        assert run_app(["run", str(folder / "x.yaml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_every_table_of_a_run_has_the_columns_and_types_of_its_page(run: Path) -> None:
    for table in schema.tables():
        if table.optional and not (run / table.file).is_file():
            continue
        data = read_table(run, table)
        assert list(data.columns) == list(table.columns), table.file
        if table.file.endswith(".parquet"):
            for name, kind in table.columns.items():
                assert data[name].dtype == pd.Series([], dtype=kind).dtype, (table.file, name)
        for name in table.numbers:
            assert pd.api.types.is_numeric_dtype(data[name]) or data[name].isna().all(), name


def test_an_arm_called_null_stays_one(run: Path) -> None:
    found = read_run(run)
    assert found.arms == ["a", "null"]
    assert set(found.summary["arm"]) == {"a", "null"}
    assert found.claims.loc[0, "baseline"].strip('[]"') == "null"
    assert len(read_results(run).evidence) == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"{", b"a: [", b"[1]\n"])
@pytest.mark.parametrize("name", ["experiment.yaml", "environment.json", "trials.parquet"])
def test_a_damaged_file_is_one_line(run: Path, tmp_path: Path, name: str, content: bytes) -> None:
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / name).write_bytes(content)
    for read in (read_run, read_results):
        with pytest.raises(UsageError, match=name) as caught:
            read(copy)
        assert "\n" not in str(caught.value)
