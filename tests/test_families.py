"""Families of training seeds: their figures, what a seed changes, and how they are declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xtts_lab.errors import UsageError
from xtts_lab.experiment.spec import load
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics.families import LEVELS, family_figures, seed_parts, variance_parts

SECS, WER = "secs.simulated.enrolment", "wer.micro"
INFO = {SECS: MetricInfo("cosine", "higher"), WER: MetricInfo("ratio", "lower")}
OPTIONS: dict[str, Any] = {"confidence": 0.95, "resamples": 300, "seed": 0}
SPEAKERS, SENTENCES, REPEATS = 12, 24, 2


def test_variance_is_split_as_by_hand() -> None:
    # Means 2 and 6, each model's two repeats 2 apart: within 2, between 2 * 8 = 16, (16 - 2) / 2.
    found = variance_parts(np.array([[1.0, 3.0], [5.0, 7.0]]), 0.95)
    assert found["training_sd"] == pytest.approx(7**0.5)
    assert found["sampling_sd"] == pytest.approx(2**0.5)
    assert found["share"] == pytest.approx(7 / 9)
    assert found["share_low"] < 7 / 9 < found["share_high"]


@pytest.mark.parametrize(
    ("values", "share", "ends"),
    [
        ([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]], 1.0, (1.0, 1.0)),  # sampling changes nothing
        ([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]], 0.0, (0.0, None)),  # training changes nothing
        ([[1.0, 1.0], [1.0, 1.0]], None, (None, None)),  # nothing changes
    ],
)
def test_the_ends_of_the_share(
    values: list[list[float]], share: float | None, ends: tuple[float | None, float | None]
) -> None:
    found = variance_parts(np.array(values), 0.95)
    for name, expected in zip(("share", "share_low", "share_high"), (share, *ends), strict=True):
        if expected is not None:
            assert found[name] == expected
        elif share is None:
            assert np.isnan(found[name])


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_the_interval_of_the_share_covers(share: float) -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(1000):
        models = share**0.5 * rng.normal(size=(5, 1))
        found = variance_parts(models + (1 - share) ** 0.5 * rng.normal(size=(5, 2)), 0.95)
        held += found["share_low"] <= share <= found["share_high"]
    assert 930 <= held <= 970  # 95 %, give or take three standard errors


def world(
    means: dict[str, float], seeds: int, spread: float, noise: float = 0.01
) -> tuple[dict[str, list[str]], pd.DataFrame, pd.DataFrame]:
    """Return families, scores and trials: models of a mean, apart by `spread`, heard in cells."""
    rng = np.random.default_rng(11)
    families = {name: [f"{name}-s{i}" for i in range(seeds)] for name in means}
    speaker, sentence = 0.02 * rng.normal(size=SPEAKERS), 0.02 * rng.normal(size=SENTENCES)
    trials, scores = [], []
    for family, mean in means.items():
        for arm in families[family]:
            own = mean + spread * rng.normal()
            for i, repeat in np.ndindex(SENTENCES, REPEATS):
                value = own + speaker[i % SPEAKERS] + sentence[i] + noise * rng.normal()
                trial = f"{arm}/{i}/{repeat}"
                trials.append(_trial(trial, arm, i, repeat))
                scores += [_score(trial, arm, SECS, value), _score(trial, arm, WER, 1 - value)]
    return families, pd.DataFrame(scores), pd.DataFrame(trials)


def _trial(trial: str, arm: str, i: int, repeat: int) -> dict[str, object]:
    return {
        "trial_id": trial, "arm": arm, "language": "en", "reference_language": "en",
        "text": f"sentence {i}", "utterance_id": f"u{i}", "speaker": f"v{i % SPEAKERS:02}",
        "repeat": repeat, "status": "ok", "weights_random": False, "untrained": False,
    }  # fmt: skip


def _score(trial: str, arm: str, metric: str, value: float) -> dict[str, object]:
    ratio = metric == WER
    return {
        "trial_id": trial, "arm": arm, "language": "en", "metric": metric, "value": value,
        "numerator": value * 10 if ratio else np.nan, "denominator": 10.0 if ratio else np.nan,
    }  # fmt: skip


def test_a_clear_difference_is_better_in_the_metrics_own_direction() -> None:
    families, scores, trials = world({"a": 0.6, "b": 0.7, "c": 0.6}, 5, 0.003)
    found = family_figures(families, scores, trials, INFO, **OPTIONS)
    assert list(found.columns) == LEVELS
    levels = found[found["baseline"] == ""].set_index(["family", "metric"])
    assert levels.loc[("b", SECS), "value"] == pytest.approx(0.7, abs=0.02)
    assert set(levels["seeds"]) == {5}
    apart = found[found["baseline"] == "a"].set_index(["family", "metric"])
    assert apart.loc[("b", SECS), "value"] == pytest.approx(0.1, abs=0.01)
    assert apart.loc[("b", WER), "value"] == pytest.approx(-0.1, abs=0.01)
    assert (apart.loc[("b", SECS), "verdict"], apart.loc[("b", WER), "verdict"]) == (
        "better", "better",
    )  # fmt: skip
    assert set(apart.xs("c")["verdict"]) == {"undecided"}
    assert (apart["p_adjusted"] >= 0).all()


def test_a_metric_without_a_direction_has_no_better() -> None:
    families, scores, trials = world({"a": 0.6, "b": 0.7}, 5, 0.003)
    info = {**INFO, SECS: MetricInfo("cosine", "none")}
    found = family_figures(families, scores, trials, info, **OPTIONS)
    apart = found[found["baseline"] == "a"].set_index("metric")["verdict"]
    assert (apart[SECS], apart[WER]) == ("undecided", "better")


def test_training_seeds_that_scatter_take_the_verdict_away() -> None:
    """The same difference of means: that of ten models tells, for each could have been another."""
    families, scores, trials = world({"a": 0.6, "b": 0.65}, 5, 0.08)
    found = family_figures(families, scores, trials, INFO, **OPTIONS)
    row = found[(found["baseline"] == "a") & (found["metric"] == SECS)].iloc[0]
    assert row["verdict"] == "undecided"
    assert row["ci_low"] < 0 < row["ci_high"]


def test_few_seeds_speak_of_checkpoints() -> None:
    families, scores, trials = world({"a": 0.6, "b": 0.7}, 2, 0.003)
    found = family_figures(families, scores, trials, INFO, **OPTIONS)
    assert found["reason"].str.contains("these checkpoints").all()


@pytest.mark.parametrize(
    ("spread", "noise", "low", "high"), [(0.05, 0.01, 0.9, 1.0), (0.0, 0.3, 0.0, 0.7)]
)
def test_what_a_seed_changes_is_told_apart(
    spread: float, noise: float, low: float, high: float
) -> None:
    families, scores, trials = world({"a": 0.6}, 6, spread, noise)
    found = seed_parts(families, scores, trials, INFO, 0.95).set_index("metric")
    for metric in (SECS, WER):
        assert low <= found.loc[metric, "share"] <= high
        assert found.loc[metric, "sampling_sd"] == pytest.approx(
            noise / SENTENCES**0.5, rel=0.6
        )  # of a mean over the test set
    assert set(found["seeds"]) == {6}
    assert set(found["repeats"]) == {REPEATS}


def test_one_repeat_or_one_seed_tells_nothing() -> None:
    families, scores, trials = world({"a": 0.6}, 3, 0.01)
    once = trials[trials["repeat"] == 0]
    assert seed_parts(families, scores, once, INFO, 0.95).empty
    assert seed_parts({"a": families["a"][:1]}, scores, trials, INFO, 0.95).empty


EXPERIMENT = """\
name: families
systems:
  a-s0: {name: "null"}
  a-s1: {name: "null"}
  b: {name: "null"}
texts: {name: builtin, languages: [en], per_language: 1}
speakers: {name: synthetic, count: 1, references: 0, enrolment: 0}
metrics: [{name: duration}]
statistics: {families: FAMILIES}
claims: ["a > b on duration.seconds by 0.1"]
"""


def loaded(tmp_path: Path, families: str) -> Any:
    path = tmp_path / "e.yaml"
    path.write_text(EXPERIMENT.replace("FAMILIES", families))
    return load(path)


def test_a_claim_names_a_family_for_its_arms(tmp_path: Path) -> None:
    (claim,) = loaded(tmp_path, "{a: [a-s0, a-s1]}").claims
    assert (claim.arm, claim.baseline) == (["a-s0", "a-s1"], ["b"])
    assert claim.sentence == "a > b on duration.seconds by 0.1"
    again = tmp_path / "again.yaml"
    again.write_text(loaded(tmp_path, "{a: [a-s0, a-s1]}").resolved_yaml())
    assert load(again).claims == (claim,)


@pytest.mark.parametrize(
    ("families", "said"),
    [
        ("{a: [a-s0, a-s2]}", "families.a.*did you mean"),
        ("{b: [a-s0]}", "an arm has this name"),
        ("{a: []}", "names no arm"),
        ("{a: [a-s0, a-s0]}", "stands twice"),
        ("{a: [a-s0], c: [a-s0]}", "stands twice"),
        ("{a: a-s0}", "families.a"),
        ("{c: [a-s0]}", "unknown arm 'a'"),
    ],
)
def test_mistakes_in_families_are_named(tmp_path: Path, families: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        loaded(tmp_path, families)
