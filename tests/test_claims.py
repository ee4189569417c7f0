"""Claims: how they are written, what is refused, and when they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xtts_lab.errors import UsageError
from xtts_lab.experiment.plan import make_plan
from xtts_lab.experiment.spec import load
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics.claim import Claim
from xtts_lab.statistics.claim_text import read_claim, write_claim
from xtts_lab.statistics.summaries import compare, summarise
from xtts_lab.statistics.verdicts import COLUMNS, judge

METRIC = "secs.simulated.enrolment"
INFO = {METRIC: MetricInfo("cosine", "higher")}
OPTIONS: dict[str, Any] = {"confidence": 0.95, "resamples": 400, "seed": 0}
EXPERIMENT = """\
name: good
systems:
  a: {name: "null"}
  b: {name: "null", duration_s: 0.3}
ablate: {systems.a.duration_s: [0.1, 0.2]}
texts: {name: builtin, languages: [en, de], per_language: 1}
speakers: {name: synthetic, count: 1, references: 0, enrolment: 0}
metrics: [{name: duration}]
claims:
  - CLAIM
"""


def test_a_comparison_in_one_line_has_typed_fields() -> None:
    line = "xtts[conditioner=perceiver] > xtts[conditioner=tortoise] on secs.ecapa.prompt by 0.02"
    assert read_claim(line) == {
        "arm": ["xtts[conditioner=perceiver]"],
        "baseline": ["xtts[conditioner=tortoise]"],
        "metric": "secs.ecapa.prompt",
        "direction": "higher",
        "margin": 0.02,
    }
    scoped = read_claim("a < b on wer.micro in zh-cn, cross-lingual")
    assert (scoped["direction"], scoped["margin"]) == ("lower", 0.0)
    assert (scoped["language"], scoped["condition"]) == ("zh-cn", "cross-lingual")


def test_a_threshold_in_one_line_has_no_baseline() -> None:
    assert read_claim("xtts: latency.first_audio_ms.p50 < 150") == {
        "arm": ["xtts"],
        "metric": "latency.first_audio_ms.p50",
        "direction": "lower",
        "margin": 150.0,
    }


def test_arms_may_hold_json_and_come_in_several_seeds() -> None:
    arm = 'x[opt={"a":[1,"]>,"]},n=2]'
    found = read_claim(f"{arm}, y<z on m by -1e-3")
    assert (found["arm"], found["baseline"]) == ([arm, "y"], ["z"])
    assert found["margin"] == -0.001


names = st.from_regex(
    r"[a-z][a-z0-9._-]{0,6}(\[k=[a-z0-9]{1,3}\])?",
    fullmatch=True,
    alphabet=st.characters(max_codepoint=127),
)


@given(
    arms=st.lists(names, min_size=1, max_size=3),
    baseline=st.none() | st.lists(names, min_size=1, max_size=3),
    direction=st.sampled_from(["higher", "lower"]),
    margin=st.floats(-1e6, 1e6, allow_nan=False),
    language=st.sampled_from(["all", "en", "zh-cn"]),
    condition=st.none() | st.sampled_from(["same-language", "cross-lingual", "no-reference"]),
)
def test_what_is_written_in_one_line_reads_back(**fields: Any) -> None:
    fields["baseline"] = fields.pop("baseline")
    claim = Claim(metric="m.q", arm=fields.pop("arms"), **fields)
    again = Claim(**read_claim(write_claim(claim.model_dump())))
    assert again == claim


MISTAKES = {
    "unknown arm": ("b > a[duration_s=0.3] on duration.seconds", r"did you mean 'a\[dur.*=0.2\]'"),
    "unknown metric": ("b > a[duration_s=0.1] on duration.secnds", r"mean 'duration.seconds'"),
    "unknown language": ("b > a[duration_s=0.1] on duration.seconds in dee", r"mean 'de'"),
    "absent language": ("b > a[duration_s=0.1] on duration.seconds in fr", r"'fr'.*de, en"),
    "absent condition": (
        "b > a[duration_s=0.1] on duration.seconds in cross-lingual", r"no item is cross-lingual"),
    "or equal": ('"b >= a[duration_s=0.1] on duration.seconds"', r"'>=' is no comparison"),
    "percent": ("b > a[duration_s=0.1] on duration.seconds by 1%", r"1 % as 0.01"),
    "no metric": ("b > a[duration_s=0.1] by 0.1", r"cannot be read at 'by 0.1'; write 'ARM"),
    "itself": ("b > b on duration.seconds", r"an arm stands twice"),
    "open bracket": ("b > a[duration_s=0.1 on duration.seconds", r"bracket is not closed"),
    "colon without quotes": ("b: duration.seconds < 3", r"in quotes"),
    "neither baseline nor number": (
        "{metric: duration.seconds, arm: b, direction: higher}", r"name a baseline"),
    "unknown key": (
        "{metric: duration.seconds, arm: b, direction: higher, margn: 1}", r"'margin'"),
    "number": ("3", r"line of text"),
    "twice": (
        "b > a[duration_s=0.1] on duration.seconds\n  - b > a[duration_s=0.1] on duration.seconds",
        r":11: claims.1: the same claim stands twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistaken_claim_is_refused_with_its_place(name: str, tmp_path: Path) -> None:
    claim, message = MISTAKES[name]
    file = tmp_path / "x.yaml"
    file.write_text(EXPERIMENT.replace("CLAIM", claim))
    with pytest.raises(UsageError, match=message) as error:
        make_plan(load(file))
    assert str(error.value).startswith(f"{file}:1")


def test_a_resolved_experiment_holds_its_claims_and_resolves_to_itself(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        EXPERIMENT.replace("CLAIM", "b > a[duration_s=0.1] on duration.seconds by 0.05 in de")
    )
    resolved = load(file).resolved_yaml()
    again = tmp_path / "y.yaml"
    again.write_text(resolved)
    assert load(again).resolved_yaml() == resolved
    assert load(again).claims[0].language == "de"


def frames(arms: dict[str, NDArray[np.float64]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make scores and trials of arms' values [speakers, sentences]."""
    rows = [
        {
            "trial_id": f"{arm}/{s}/{t}", "arm": arm, "language": "en", "speaker": f"s{s:02}",
            "text": f"t{t:02}", "utterance_id": f"{s}-{t}", "reference_language": "en",
            "status": "ok", "weights_random": arm.startswith("random"), "metric": METRIC,
            "value": value, "numerator": np.nan, "denominator": np.nan,
        }
        for arm, values in arms.items()
        for (s, t), value in np.ndenumerate(values)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    scores = ["trial_id", "arm", "language", "metric", "value", "numerator", "denominator"]
    return table[scores], table.drop(columns=["metric", "value", "numerator", "denominator"])


def values(mean: float, seed: int, speakers: int = 20, sentences: int = 30) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return (
        rng.normal(mean, 0.02, (speakers, 1))
        + rng.normal(0, 0.02, (1, sentences))
        + rng.normal(0, 0.1, (speakers, sentences))
    )


def judged(claim: str, arms: dict[str, NDArray[np.float64]], **more: Any) -> dict[str, Any]:
    table = judge([Claim(**read_claim(claim))], *frames(arms), INFO, **OPTIONS, **more)
    assert list(table.columns) == COLUMNS
    row: dict[str, Any] = table.to_dict("records")[0]
    return row


ARMS = {"good": values(0.70, 1), "bad": values(0.60, 2), "random": values(0.9, 3)}


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        (f"good > bad on {METRIC} by 0.05", "holds"),
        (f"good > bad on {METRIC} by 0.2", "refuted"),
        (f"good > bad on {METRIC} by 0.1", "undecided"),
        (f"bad < good on {METRIC} by 0.05", "holds"),
        (f"bad < good on {METRIC} by 0.2", "refuted"),
        (f"bad > good on {METRIC}", "refuted"),
        (f"bad > good on {METRIC} by -0.2", "holds"),  # not worse by 0.2
        (f"good: {METRIC} > 0.6", "holds"),
        (f"good: {METRIC} < 0.6", "refuted"),
        (f"good: {METRIC} < 0.9", "holds"),
        (f"good: {METRIC} > 0.7", "undecided"),
        (f"random > good on {METRIC}", "undecided"),
    ],
)
def test_verdicts(claim: str, verdict: str) -> None:
    row = judged(claim, ARMS)
    assert row["verdict"] == verdict
    assert bool(row["reason"]) == (verdict == "undecided")
    assert row["claim"] == claim
    assert (row["speakers"], row["sentences"]) == (20, 30)
    assert row["trials"] == (600 if ":" in claim else 1200)


def test_of_random_weights_claims_about_time_are_judged() -> None:
    times = {METRIC: MetricInfo("ms", "lower", of_speech=False)}
    for claim in (f"random: {METRIC} > 0.5", f"random > good on {METRIC} by 0.05"):
        (row,) = judge([Claim(**read_claim(claim))], *frames(ARMS), times, **OPTIONS).to_dict(
            "records"
        )
        assert row["verdict"] == "holds"
        assert row["reason"] == "about time alone: the weights of random are random"


@pytest.mark.parametrize("shape", [(9, 30), (20, 19)])
def test_too_few_units_are_undecided_however_clear(shape: tuple[int, int]) -> None:
    arms = {"a": values(0.9, 1, *shape), "b": values(0.1, 2, *shape)}
    row = judged(f"a > b on {METRIC} by 0.1", arms)
    assert row["verdict"] == "undecided"
    assert f"here are {shape[0]} and {shape[1]}" in row["reason"]
    assert (row["need_speakers"], row["need_sentences"]) == (max(10, shape[0]), max(20, shape[1]))


def test_an_undecided_claim_says_what_it_would_take() -> None:
    row = judged(f"good > bad on {METRIC} by 0.005", ARMS | {"good": values(0.605, 1)})
    assert row["verdict"] == "undecided"
    assert row["need_speakers"] > 20
    assert row["need_sentences"] > 30
    # At a margin of 0 there is only the distance that was observed.
    none = judged(f"good > bad on {METRIC}", ARMS | {"good": values(0.605, 1)})
    assert "observed" in none["reason"]


def test_nothing_in_common_is_undecided() -> None:
    scores, trials = frames(ARMS)
    claim = Claim(**read_claim(f"good > absent on {METRIC}"))
    row = judge([claim], scores, trials, INFO, **OPTIONS).iloc[0]
    assert row["verdict"] == "undecided"
    assert row["trials"] == 0
    assert "nothing was scored" in row["reason"]


def test_figures_are_those_of_the_other_tables() -> None:
    scores, trials = frames(ARMS)
    figures = ["ci_low", "ci_high"]
    table = compare(scores, trials, INFO, baseline="bad", **OPTIONS)
    row = table[(table["arm"] == "good") & (table["language"] == "all")].iloc[0]
    found = judged(f"good > bad on {METRIC}", ARMS)
    assert [found[f] for f in ("difference", *figures)] == [
        row[f] for f in ("difference", *figures)
    ]
    summary = summarise(scores, trials, INFO, **OPTIONS)
    mean = summary[(summary["arm"] == "good") & (summary["language"] == "en")].iloc[0]
    found = judged(f"good: {METRIC} > 0.1", ARMS)
    assert [found[f] for f in ("difference", *figures)] == [mean[f] for f in ("mean", *figures)]


def test_a_single_trained_model_a_side_speaks_of_checkpoints() -> None:
    row = judged(f"good > bad on {METRIC} by 0.05", ARMS, trained={"good", "bad"})
    assert row["verdict"] == "holds"
    assert "these checkpoints" in row["reason"]


def seeded(spread: float, count: int = 5) -> dict[str, NDArray[np.float64]]:
    """Return `count` seeds of methods a and b, 0.1 apart, with an sd of seeds."""
    rng = np.random.default_rng(5)
    return {
        f"{method}{i}": values(mean + spread * rng.normal(), 10 * i + (method == "b"))
        for method, mean in (("a", 0.7), ("b", 0.6))
        for i in range(count)
    }


def test_training_seeds_widen_the_interval_of_a_method() -> None:
    claim = f"a0, a1, a2, a3, a4 > b0, b1, b2, b3, b4 on {METRIC} by 0.02"
    steady, shaky = judged(claim, seeded(0.001)), judged(claim, seeded(0.1))
    assert steady["verdict"] == "holds"
    assert steady["seeds"] == 5
    assert shaky["verdict"] == "undecided"
    assert shaky["need_seeds"] > 5
    # The width of Welch's t interval of the seeds' means, to which the rest adds little.
    means = [[v.mean() for k, v in seeded(0.1).items() if k[0] == m] for m in "ab"]
    error = np.sqrt(sum(np.var(m, ddof=1) / 5 for m in means))
    assert (shaky["ci_high"] - shaky["ci_low"]) / 2 == pytest.approx(2.31 * error, rel=0.15)


def test_few_training_seeds_speak_of_checkpoints() -> None:
    arms = seeded(0.1, count=2)
    row = judged(f"a0, a1 > b0, b1 on {METRIC} by 0.02", arms, trained=set(arms))
    assert "these checkpoints" in row["reason"]


def test_a_run_writes_its_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xtts_lab.cli import run_app

    monkeypatch.chdir(tmp_path)
    file = tmp_path / "x.yaml"
    text = EXPERIMENT.replace("CLAIM", '"b: duration.seconds < 0.5"')
    file.write_text(text)
    assert run_app(["run", str(file), "--out", "out", "--no-cache"]) == 0
    table = pd.read_csv(tmp_path / "out" / "claims.csv")
    assert list(table.columns) == COLUMNS
    assert table["claim"].tolist() == ["b: duration.seconds < 0.5"]
    assert table["verdict"].tolist() == ["undecided"]  # one speaker
    assert table["difference"].tolist() == pytest.approx([0.3])
    assert json.dumps(table["trials"].tolist()) == "[2]"
