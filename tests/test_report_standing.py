"""What the report says of a verdict: failures, the most influential speaker, honest limits."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.report_support import make_rich_run
from xtts_lab.report.sections.answer import findings
from xtts_lab.report.sections.caveats import caveats
from xtts_lab.report.sections.limits import telling
from xtts_lab.report.sections.methods import methods
from xtts_lab.report.standing import standing
from xtts_lab.report.tables import comparisons
from xtts_lab.runs.reading import Run, read_run
from xtts_lab.statistics.method_notes import method_notes

ROW: dict[str, Any] = {
    "baseline": "b", "arm": "a", "verdict": "undecided", "failed": 3, "failed_baseline": 0,
    "influential_speaker": "s07", "difference_without": 0.021, "verdict_without": "better",
    "reason": "turns on speaker s07",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ["3 trials failed, 0 of the baseline", "without speaker s07: +2.1 pp, better",
              "turns on speaker s07"]),
        ({"failed": 0, "reason": ""}, ["without speaker s07: +2.1 pp, better"]),
        ({"failed": 0, "failed_baseline": 1, "verdict_without": ""},
         ["0 trials failed, 1 of the baseline"]),
        ({"failed": np.nan, "failed_baseline": np.nan, "difference_without": np.nan,
          "reason": ""}, []),
    ],
)  # fmt: skip
def test_a_row_says_what_its_verdict_stands_on(changes: dict[str, Any], said: list[str]) -> None:
    assert standing(ROW | changes, "ratio", "the baseline") == said
    bare = {"baseline": "b", "arm": "a", "verdict": "better", "p_adjusted": 0.01}
    assert standing(bare, "ratio", "the baseline") == []  # a run of before the columns


def test_a_claim_about_a_number_names_the_arm_s_own_failures() -> None:
    claim = ROW | {"claim": "a: m < 1", "baseline": "", "failed_baseline": np.nan}
    assert standing(claim, "ratio") == ["3 trials failed", "without speaker s07: 2.1 %, better"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(make_rich_run(tmp_path_factory.mktemp("standing") / "run"))


def test_the_difference_table_and_the_claims_show_it(run: Run) -> None:
    table = run.comparisons.assign(**{k: v for k, v in ROW.items() if k not in ("baseline", "arm")})
    shown = comparisons(dataclasses.replace(run, comparisons=table))
    assert shown is not None
    notes = [cell.note for row in shown.rows for cell in row[1:] if cell.interval]
    assert notes
    assert all("3 trials failed, 0 of the baseline" in note for note in notes)
    assert all("turns on speaker s07" in note for note in notes)
    claims = run.claims.assign(
        failed=3, failed_baseline=1, influential_speaker="s07", difference_without=0.021,
        verdict_without="holds",
    )  # fmt: skip
    found = findings(dataclasses.replace(run, claims=claims))[0]
    assert "3 trials failed, 1 of the baseline." in found.basis
    assert "Without speaker s07: +2.1 pp, holds." in found.basis


CONTENT = [
    "out.wav: silent, or under 0.1 s of sound",
    "out.wav: too short: 0.00 s of speech, needs 0.30 s",
    "out.wav: the encoder finds no voice in it",
    "the audio is silent",
    "it repeats one code until the length cap",
    "command: wrote no audio to {out}",
]
MACHINE = ["CUDA error: out of memory", "the worker was killed by SIGKILL", "no such file", ""]


@pytest.mark.parametrize("error", CONTENT)
@pytest.mark.parametrize("where", ["trial", "judge"])
def test_failures_of_content_are_said_to_flatter_the_arm(run: Run, error: str, where: str) -> None:
    arm = run.arms[0]
    first = run.trials.index[run.trials["arm"] == arm][:2]
    hit = set(run.trials.loc[first, "trial_id"])
    trials, scores = run.trials.copy(), run.scores.copy()
    if where == "trial":
        trials.loc[first, ["status", "error"]] = ["failed", error]
    else:
        lost = scores["trial_id"].isin(hit)
        scores.loc[lost, "value"] = np.nan
        scores.loc[lost, "detail"] = json.dumps({"error": error})
    said = caveats(dataclasses.replace(run, trials=trials, scores=scores))
    (remark,) = [text for text in said if "look the better for it" in text]
    assert remark.startswith(f"{arm}: 2 of ")
    assert error[:40] in remark


@pytest.mark.parametrize("error", MACHINE)
def test_failures_of_the_machine_are_not(error: str) -> None:
    assert not telling(error)


def test_limits_of_intervals_are_said_where_they_apply(run: Run) -> None:
    said = " ".join(caveats(run))
    assert "a 95th percentile in" in said
    assert "an equal error rate in" not in said  # none was measured
    assert "correlates by 0.1" in said


def test_methods_cite_each_interval_and_test(run: Run) -> None:
    notes = method_notes(confidence=0.95, resamples=2000, seed=0)
    told = methods(dataclasses.replace(run, environment={**run.environment, "statistics": notes}))
    text = " ".join(text for _, text in told.paragraphs)
    for words in ("Clopper and Pearson [", "studentised bootstrap [", "worst case for trials"):
        assert words in text
    works = " ".join(told.references)
    for author in ("Korn", "Fay", "Zou", "Hall", "Manski", "Clopper"):
        assert author in works


def test_an_old_run_without_the_columns_still_reads(run: Run) -> None:
    old = run.comparisons.drop(columns=["failed", "failed_baseline", "verdict_without", "reason"])
    assert comparisons(dataclasses.replace(run, comparisons=old)) is not None
    empty = pd.DataFrame()
    assert findings(dataclasses.replace(run, claims=empty)) == []
