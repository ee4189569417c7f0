"""Scores made while judges are at work are those that are made at the end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from xtts_lab.cli import run_app
from xtts_lab.experiment.judging import Need
from xtts_lab.experiment.measure import Needs
from xtts_lab.experiment.plan import Plan, make_plan
from xtts_lab.experiment.score import Row, score
from xtts_lab.experiment.spec import load
from xtts_lab.experiment.workers import early
from xtts_lab.experiment.workers.early import Early
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.store import RunFolder
from xtts_lab.types import Clip

EXPERIMENT = """
name: early
systems: {a: {name: "null"}, b: {name: "null", duration_s: 0.2}}
texts: {name: builtin, languages: [en], per_language: 3}
speakers: {name: synthetic, count: 1, references: 1}
repeats: 2
metrics: [{name: duration}]
"""


class Run:
    """A finished run, and an empty journal of evidence for what is said again."""

    def __init__(self, plan: Plan, folder: RunFolder, evidence: Journal) -> None:
        self.plan, self.evidence = plan, evidence
        self.trials, self.known = Journal(folder.trials_log), Journal(folder.evidence_log)
        self.needs = Needs(plan, folder, self.trials)
        self.keys = list({need.key for need in self.needs.of(plan.trials)})

    def early(self) -> Early:
        """Return scores that are yet to be made, all trials having ended."""
        scores = Early(self.plan, self.needs, self.trials, self.evidence)
        for trial in self.plan.trials:
            scores.ended(trial)
        return scores

    def say(self, scores: Early, key: str, *, failed: bool = False) -> None:
        """Let a judge say what it said before, or that it cannot."""
        said = self.known.get(key)
        assert said is not None
        self.evidence.append({**said, "error": "deaf", "output": None} if failed else {**said})
        scores.heard(key, failed=failed)

    def late(self) -> list[Row]:
        """Return all rows as they are made at the end."""
        needs = self.needs.of(self.plan.trials)
        return list(score(self.plan, needs, self.trials, self.evidence))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    file, out = tmp_path / "e.yaml", tmp_path / "run"
    file.write_text(EXPERIMENT)
    run_app(["run", str(file), "--out", str(out), "--device", "cpu", "--no-cache"])
    plan = make_plan(load(file, ()), "cpu")
    with Journal(tmp_path / "evidence.jsonl") as evidence:
        made = Run(plan, RunFolder(out), evidence)
        with made.trials, made.known:
            yield made


def test_early_rows_are_the_late_ones_in_whatever_order_judges_speak(run: Run) -> None:
    scores = run.early()
    assert {prefix for prefix, _ in scores.ready} == {"duration"}  # which no judge has a part in
    random.Random(0).shuffle(run.keys)
    run.say(scores, run.keys[0], failed=True)
    for key in run.keys[1:]:
        run.say(scores, key)
    late = run.late()
    of = {name: use.prefix for use in run.plan.metrics for name in use.ids.values()}
    expected: dict[tuple[str, str], list[Row]] = {}
    for row in late:
        expected.setdefault((of[row["metric"]], row["trial_id"]), []).append(row)
    lacking = expected.keys() - scores.ready.keys()
    assert lacking
    assert all("deaf" in row["detail"] for key in lacking for row in expected[key])
    assert scores.ready == {key: expected[key] for key in expected.keys() - lacking}
    needs = run.needs.of(run.plan.trials)
    assert list(score(run.plan, needs, run.trials, run.evidence, ready=scores.ready)) == late


def test_what_is_said_twice_or_beyond_the_limit_is_scored_at_the_end(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = run.early()
    scores.void()
    assert scores.ready == {}
    for key in run.keys:
        run.say(scores, key)
    assert scores.ready == {}
    monkeypatch.setattr(early, "MOST_ROWS", 5)
    assert 0 < sum(map(len, run.early().ready.values())) < 10


def test_an_error_names_the_clip_at_hand_and_not_another_of_the_same_content() -> None:
    need = Need("key", "trial", "judge", "audio", 0, Clip(Path("a/r0.wav"), None), "sha")
    assert need.own("r1.wav: too short: .1 s") == "r0.wav: too short: .1 s"
    assert need.own("deaf: since birth") == "deaf: since birth"
    assert need.own(None) is None
