"""A page of very many trials lists some of them, and says so."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.test_report import make_run
from xtts_lab import report
from xtts_lab.experiment import tables
from xtts_lab.report.sections import listed
from xtts_lab.runs import schema


def plan(utterances: int, repeats: int) -> pd.DataFrame:
    rows = [
        {"trial_id": f"{u}/{arm}/{r}", "utterance_id": f"u{u}", "arm": arm, "repeat": r}
        for arm in "ab"
        for u in range(utterances)
        for r in range(repeats)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("utterances", "repeats", "shown", "of_utterances"),
    [(10, 4, 80, 10), (100, 4, 200, 100), (1000, 4, 200, 100), (30, 100, 180, 30)],
)
def test_few_are_all_listed_and_many_from_all_over(
    utterances: int, repeats: int, shown: int, of_utterances: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(listed, "MOST_LINKED", 200)
    trials = plan(utterances, repeats)
    found = listed.sampled(trials)
    assert len(found) == shown
    assert found["utterance_id"].nunique() == of_utterances
    by_arm = found.groupby("utterance_id")["arm"].nunique()
    assert (by_arm == 2).all()  # side by side
    said = listed.left_out(trials)
    assert (said == "") == (shown == len(trials))
    assert said == "" or f"Of {len(trials):,} trials {shown:,} are listed" in said


def test_a_sampled_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "MOST_LINKED", 12)
    run = make_run(tmp_path / "run", repeats=2)
    report.build(run)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "trials 12 are listed here" in page
    assert page.count("<audio") + page.count('href="audio/') <= 12


def test_tables_are_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"trial_id": f"t{i}", "condition_ms": None if i % 3 else i * 0.5} for i in range(50)]
    whole = tables.frame(rows, schema.TIMINGS)
    monkeypatch.setattr(tables, "_BLOCK", 7)
    pd.testing.assert_frame_equal(tables.frame(iter(rows), schema.TIMINGS), whole)
    empty = tables.frame([], schema.TIMINGS)
    assert empty.dtypes.equals(whole.dtypes)
