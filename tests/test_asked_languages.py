"""A system may sit out languages: `languages` beside its settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.statistics_support import OPTIONS, frames, means, one
from xtts_lab.cli import run_app
from xtts_lab.experiment.plan import Plan, make_plan
from xtts_lab.experiment.spec import load
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.runs.reading import read_run
from xtts_lab.statistics.claim import Claim
from xtts_lab.statistics.summaries import compare
from xtts_lab.statistics.verdicts import judge

NULL = {"name": "null", "duration_s": 0.1}
EXPERIMENT: dict[str, Any] = {
    "name": "asked",
    "systems": {"all": {"name": "null"}, "some": {**NULL, "languages": ["de", "ja"]}},
    "texts": {"name": "builtin", "languages": ["en", "de", "ja"], "per_language": 2},
    "speakers": {"name": "synthetic", "count": 2, "references": 1},
    "metrics": [{"name": "duration"}],
    "statistics": {"baseline": "all", "resamples": 200},
}


def written(folder: Path, **changes: Any) -> Path:
    file = folder / "asked.yaml"
    file.write_text(yaml.safe_dump({**EXPERIMENT, **changes}))
    return file


def planned(folder: Path, **changes: Any) -> Plan:
    return make_plan(load(written(folder, **changes)))


def languages(plan: Plan, arm: str) -> list[str]:
    return [t.item.utterance.language for t in plan.trials if t.arm.id == arm]


def test_only_what_is_asked_for_is_planned_and_keys_stay_what_they_are(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    whole = planned(tmp_path, systems={"all": {"name": "null"}, "some": NULL})
    assert languages(plan, "all") == ["en", "en", "de", "de", "ja", "ja"]
    assert languages(plan, "some") == ["de", "de", "ja", "ja"]
    keys = {trial.id: trial.key for trial in whole.trials}
    assert all(keys[trial.id] == trial.key for trial in plan.trials)
    assert plan.work != whole.work
    assert "some: not asked for en" in plan.notes


@pytest.mark.parametrize(
    ("limit", "repeats", "expected"),
    [
        (1, 1, {"all": ["en"], "some": ["de"]}),
        (3, 2, {"all": ["en"] * 3, "some": ["de"] * 3}),
        (5, 1, {"all": ["en", "en", "de", "de", "ja"], "some": ["de", "de", "ja", "ja"]}),
    ],
)
def test_a_limit_holds_for_each_arm(
    limit: int, repeats: int, expected: dict[str, list[str]], tmp_path: Path
) -> None:
    plan = planned(tmp_path, limit=limit, repeats=repeats)
    assert {arm: languages(plan, arm) for arm in expected} == expected


def test_every_arm_of_a_grid_sits_out_the_same(tmp_path: Path) -> None:
    plan = planned(tmp_path, ablate={"systems.some.duration_s": [0.1, 0.2]}, statistics={})
    assert set(languages(plan, "some[duration_s=0.2]")) == {"de", "ja"}
    assert len(plan.trials) == 6 + 2 * 4


def test_a_setting_of_that_name_is_both(tmp_path: Path) -> None:
    command = {
        "name": "command",
        "template": [sys.executable, "{text}", "{out}"],
        "sample_rate": 8000,
        "languages": ["en"],
    }
    plan = planned(tmp_path, systems={"all": {"name": "null"}, "some": command})
    assert languages(plan, "some") == ["en", "en"]
    arm = next(arm for arm in plan.experiment.arms if arm.id == "some")
    assert arm.spec["languages"] == ["en"]


MISTAKES = [
    ({"languages": "en"}, "systems.some.languages: write all, or a list of codes"),
    ({"languages": []}, "systems.some.languages: write all, or a list of codes"),
    ({"languages": 3}, "systems.some.languages: write all, or a list of codes"),
    ({"languages": {"en": 1}}, "systems.some.languages: write all, or a list of codes"),
    ({"languages": ["xx"]}, "systems.some.languages: unknown language 'xx'"),
    ({"languages": ["jp"]}, "systems.some.languages: unknown language 'jp'; did you mean 'ja'?"),
    ({"languages": ["fr"]}, "systems.some.languages: the experiment has none of fr; its languages"),
    ({"language": ["en"]}, "unknown key 'language'"),
]


@pytest.mark.parametrize(("changes", "message"), MISTAKES)
def test_mistakes_are_one_line(
    changes: dict[str, Any], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, systems={"all": {"name": "null"}, "some": {**NULL, **changes}})
    assert run_app(["plan", str(file)]) == 2
    said = capfd.readouterr().err.strip()
    assert message in said
    assert "\n" not in said


def test_a_language_that_a_system_lacks_is_refused_and_the_key_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kokoro = {"name": "kokoro"}
    texts = {"name": "builtin", "languages": ["en", "ko", "tr"], "per_language": 1}
    assert run_app(["plan", str(written(tmp_path, systems={"all": kokoro}, texts=texts))]) == 2
    said = capfd.readouterr().err
    assert "systems.all: does not speak ko, tr; leave them out of texts.languages" in said
    assert "or let it sit out: languages: [en]" in said
    asked = {"all": {**kokoro, "languages": ["en"]}}
    assert run_app(["plan", str(written(tmp_path, systems=asked, texts=texts))]) == 0
    still = {"all": {**kokoro, "languages": ["en", "ko"]}}
    assert run_app(["plan", str(written(tmp_path, systems=still, texts=texts))]) == 2


CLAIMS = [
    ("all > some on duration.seconds", 0),
    ("all > some on duration.seconds in de", 0),
    ("all > some on duration.seconds in en", 2),
    ("some: duration.seconds < 3 in en", 2),
    ("all: duration.seconds < 3 in en", 0),
    ("some > third on duration.seconds", 2),
]


@pytest.mark.parametrize(("claim", "code"), CLAIMS)
def test_claims_are_about_what_both_sides_are_asked_for(
    claim: str, code: int, tmp_path: Path
) -> None:
    third = {"third": {**NULL, "languages": ["en"]}}
    file = written(tmp_path, systems={**EXPERIMENT["systems"], **third}, claims=[claim])
    assert run_app(["plan", str(file)]) == code


def test_a_run_says_not_asked_and_compares_what_both_have(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert run_app(["run", str(written(tmp_path)), "--out", str(folder)]) == 0
    run = read_run(folder)
    rows = run.summary[run.summary["metric"] == "duration.seconds"]
    assert set(rows.loc[rows["arm"] == "some", "language"]) == {"all", "de", "ja"}
    assert set(run.comparisons["language"]) == {"all", "de", "ja"}
    report = (folder / "report.md").read_text()
    assert "some (2 of 3 languages)" in report
    assert "| English (en) | 0.05 s" in report
    assert "| not asked |" in report
    assert "some was not asked for en" in report
    again = load(folder / "experiment.yaml")
    assert make_plan(again).work == planned(tmp_path).work
    assert again.spec.systems["all"]["languages"] == "all"


def test_failures_in_languages_that_the_other_sat_out_say_nothing_of_a_difference() -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(0.5, 0.01, (12, 20))
    rows = means("base", "de", own) + means("arm", "de", own + 0.1) + means("base", "en", own)
    scores, trials = frames(rows)
    lost = trials[(trials["arm"] == "base") & (trials["language"] == "en")].iloc[:50]["trial_id"]
    trials.loc[trials["trial_id"].isin(lost), "status"] = "failed"
    scores = scores[~scores["trial_id"].isin(lost)]
    info = {"secs": MetricInfo("cos", "higher", bounds=(-1.0, 1.0))}
    whole = one(compare(scores, trials, info, baseline="base", **OPTIONS), language="all")
    assert whole["verdict"] == "better"
    assert (whole["failed"], whole["failed_baseline"]) == (0, 0)
    claim = Claim(metric="secs", arm=["arm"], baseline=["base"], direction="higher", margin=0.0)
    judged = judge([claim], scores, trials, info, **OPTIONS).iloc[0]
    assert (judged["verdict"], judged["failed_baseline"]) == ("holds", 0)
