"""What a verdict must survive: failed trials at their worst, and the loss of one speaker."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from xtts_lab.metrics.info import MetricInfo, Pool
from xtts_lab.statistics.claim import Claim
from xtts_lab.statistics.claim_text import read_claim
from xtts_lab.statistics.comparisons import judged
from xtts_lab.statistics.summaries import COMPARISON_COLUMNS, compare, summarise
from xtts_lab.statistics.verdicts import judge

METRIC = "m.q"
OPTIONS: dict[str, Any] = {"confidence": 0.95, "resamples": 300, "seed": 0}
Values = NDArray[np.float64]
COSINE = MetricInfo("cosine", "higher", bounds=(-1.0, 1.0))
PLAIN = MetricInfo("dB", "higher")
WORDS = 10.0


def frames(
    arms: dict[str, Values], *, lost: str = "failed", rate: bool = False, speakers: Any = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make scores and trials of arms' values [speakers, sentences]; NaN is a trial that failed.

    `lost`: whether the trial failed, or was made and could not be scored. `speakers` [speakers,
    sentences] names who speaks; else it is the row.
    """
    rows = []
    for arm, values in arms.items():
        for (s, t), value in np.ndenumerate(values):
            who = s if speakers is None else speakers[s, t]
            broken = bool(np.isnan(value)) and lost == "failed"
            rows.append(
                {"trial_id": f"{arm}/{s}/{t}", "arm": arm, "language": "en", "metric": METRIC}
                | {"speaker": f"s{who:02}", "text": f"t{s:02}-{t:02}" if speakers is not None
                   else f"t{t:02}"}
                | {"utterance_id": f"{s}-{t}", "reference_language": "en", "weights_random": False}
                | {"status": "failed" if broken else "ok", "value": value}
                | {"numerator": value * WORDS if rate else np.nan}
                | {"denominator": WORDS if rate and not np.isnan(value) else np.nan}
            )  # fmt: skip
    table = pd.DataFrame(rows)
    scores = table[["trial_id", "arm", "language", "metric", "value", "numerator", "denominator"]]
    kept = scores[(table["status"] == "ok").to_numpy()]
    return kept, table.drop(columns=["metric", "value", "numerator", "denominator"])


def values(seed: int, mean: float = 0.0, shape: tuple[int, int] = (12, 20)) -> Values:
    """Draw values whose mean is exactly `mean`."""
    found = np.random.default_rng(seed).normal(0.0, 0.1, shape)
    return found - found.mean() + mean


def losing(seed: int, share: float, *, worst: str) -> Values:
    """Return values whose lowest or highest `share` is missing."""
    found = values(seed)
    order = np.argsort(found.ravel() if worst == "low" else -found.ravel())
    found.ravel()[order[: round(share * found.size)]] = np.nan
    return found


def compared(arms: dict[str, Values], info: MetricInfo, **how: Any) -> dict[str, Any]:
    table = compare(*frames(arms, **how), {METRIC: info}, baseline="base", **OPTIONS)
    assert list(table.columns) == COMPARISON_COLUMNS
    row: dict[str, Any] = table.to_dict("records")[-1]
    return row


def claimed(
    claim: str, arms: dict[str, Values], info: MetricInfo = PLAIN, **how: Any
) -> dict[str, Any]:
    claims = [Claim(**read_claim(claim))]
    row: dict[str, Any] = judge(claims, *frames(arms, **how), {METRIC: info}, **OPTIONS).to_dict(
        "records"
    )[0]
    return row


KINDS = {
    "a bounded mean": (MetricInfo("cosine", "higher", bounds=(-1.0, 1.0)), "low", False),
    "a mean without bounds": (PLAIN, "low", False),
    "lower is better": (MetricInfo("dB", "lower"), "high", False),
    "an error rate": (MetricInfo("ratio", "lower", bounds=(0.0, inf)), "high", True),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("lost", ["failed", "unscored"])
@pytest.mark.parametrize("who", ["arm", "base"])
def test_an_arm_that_fails_on_its_worst_trials_is_not_the_better_one(
    name: str, lost: str, who: str
) -> None:
    info, worst, rate = KINDS[name]
    flattered = losing(1, 0.3, worst=worst) + (0.5 if rate else 0.0)
    whole = values(2) + (0.5 if rate else 0.0)
    arms = {who: flattered, {"arm": "base", "base": "arm"}[who]: whole}
    row = compared(arms, info, lost=lost, rate=rate)
    assert (row["ci_low"] > 0) or (row["ci_high"] < 0)  # as it looks
    assert row["p_adjusted"] < 0.05
    assert row["verdict"] == "undecided"
    assert "worst case" in row["reason"]
    counts = {"arm": row["failed"], "base": row["failed_baseline"]}
    assert counts == {who: 72, {"arm": "base", "base": "arm"}[who]: 0}


@pytest.mark.parametrize("name", KINDS)
def test_a_difference_that_survives_the_worst_case_stands(name: str) -> None:
    info, worst, rate = KINDS[name]
    better = 0.5 if worst == "low" else -0.5
    arm = losing(1, 0.02, worst=worst) + better + (1.0 if rate else 0.0)
    row = compared({"arm": arm, "base": values(2) + (1.0 if rate else 0.0)}, info, rate=rate)
    assert row["verdict"] == "better"
    assert row["p_worst"] < 0.05
    assert row["failed"] == 5


def test_items_that_both_arms_lack_say_nothing_of_the_difference() -> None:
    arm, base = values(1, 0.1), values(2)
    arm[0, :5] = base[0, :5] = np.nan
    row = compared({"arm": arm, "base": base}, PLAIN)
    assert (row["failed"], row["failed_baseline"]) == (5, 5)
    assert np.isnan(row["p_worst"])
    assert row["verdict"] == "better"


def test_a_pooled_quantity_has_no_worst_case_and_no_verdict() -> None:
    """What a missing trial would have added to an equal error rate nobody knows."""
    pool = Pool(lambda names, totals: totals[..., names.index("x")], lambda name: name)
    info = MetricInfo("ratio", "lower", pool=pool, bounds=(0.0, 1.0))
    for missing, verdict in ((False, "worse"), (True, "undecided")):
        arm, base = values(1, 0.5), values(2, 0.1)
        arm[0, 0] = np.nan if missing else arm[0, 0]
        scores, trials = frames({"arm": arm, "base": base})
        share = scores["value"] / scores["value"].size
        detail = [f'{{"components": {{"x": {value}}}}}' for value in share]
        table = compare(
            scores.assign(detail=detail), trials, {METRIC: info}, baseline="base", **OPTIONS
        )
        assert table.iloc[-1]["verdict"] == verdict


@pytest.mark.parametrize(
    ("claim", "share", "verdict"),
    [
        ("arm > base on m.q by 0.4", 0.0, "holds"),
        ("arm > base on m.q by 0.4", 0.02, "holds"),
        ("arm > base on m.q by 0.4", 0.3, "undecided"),
        ("base < arm on m.q by 0.4", 0.3, "undecided"),
        ("base > arm on m.q", 0.02, "refuted"),
        ("arm: m.q > 0.3", 0.02, "holds"),
        ("arm: m.q > 0.3", 0.5, "undecided"),
        ("arm: m.q < 0.3", 0.02, "refuted"),
        ("base: m.q < 0.3", 0.5, "holds"),  # the base has no failures
    ],
)
def test_claims_survive_the_worst_case(claim: str, share: float, verdict: str) -> None:
    arm = losing(1, share, worst="low") + 0.5
    row = claimed(claim, {"arm": arm, "base": values(2)})
    assert row["verdict"] == verdict
    assert row["failed"] == (0 if claim.startswith("base") else round(share * 240))
    if "base" in claim and ":" not in claim:
        assert row["failed_baseline"] == round(share * 240) * claim.startswith("base")
    assert ("worst case" in row["reason"]) == (verdict == "undecided")


def test_a_summary_counts_what_failed_and_leaves_the_mean_to_the_rest() -> None:
    table = summarise(*frames({"arm": losing(1, 0.1, worst="low")}), {METRIC: PLAIN}, **OPTIONS)
    assert table["failed"].tolist() == [24, 24]
    assert table["n"].tolist() == [216, 216]


def uneven(seed: int) -> tuple[dict[str, Values], NDArray[np.int64]]:
    """Return arms [1, sentences] of 11 speakers who say 3 to 29 sentences each, and who says which.

    Some speakers gain by the arm and some lose.
    """
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(11), rng.integers(3, 30, 11))
    gain, base = rng.normal(0.12, 0.15, 11), rng.normal(size=who.size)
    arm = base + gain[who] + 0.05 * rng.normal(size=who.size)
    return {"arm": arm[None, :], "base": base[None, :]}, who[None, :]


@pytest.mark.parametrize(
    ("seed", "speaker"), [(18, "s03"), (46, "s09"), (100, "s08"), (2, ""), (6, ""), (30, "")]
)
def test_a_verdict_that_turns_on_one_speaker_is_undecided(seed: int, speaker: str) -> None:
    """The seeds are of all kinds: clear with the speaker (p < .02), and p > .1 without, or not."""
    arms, who = uneven(seed)
    row = compared(arms, PLAIN, speakers=who)
    claim = claimed(f"arm > base on {METRIC}", arms, speakers=who)
    assert row["ci_low"] > 0
    assert row["p_adjusted"] < 0.02
    # What it says of the others is what they say.
    apart = (arms["arm"] - arms["base"])[who != int(row["influential_speaker"][1:])]
    assert row["difference_without"] == pytest.approx(apart.mean())
    moved = [abs((arms["arm"] - arms["base"])[who != s].mean() - row["difference"])
             for s in range(11)]  # fmt: skip
    assert row["influential_speaker"] == f"s{int(np.argmax(moved)):02}"
    if speaker:
        assert row["influential_speaker"] == claim["influential_speaker"] == speaker
        assert row["p_without"] >= 0.1
        assert row["verdict"] == row["verdict_without"] == "undecided"
        assert row["reason"] == f"turns on speaker {speaker}"
        assert claim["verdict"] == claim["verdict_without"] == "undecided"
        assert f"turns on one speaker, {speaker}" in claim["reason"]
    else:
        assert row["verdict"] == row["verdict_without"] == "better"
        assert claim["verdict"] == claim["verdict_without"] == "holds"


ROW: dict[str, Any] = {
    "baseline": "base", "arm": "arm", "language": "all", "metric": METRIC, "direction": "higher",
    "difference": 0.1, "ci_low": 0.05, "ci_high": 0.15, "p_value": 0.01, "speakers": 20,
    "sentences": 40, "failed": 2, "failed_baseline": 0, "influential_speaker": "s01",
    "difference_without": 0.08, "p_without": 0.02, "p_worst": np.nan,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, "better", ""),
        ({"direction": "lower"}, "worse", ""),
        ({"p_without": 0.0999}, "better", ""),
        ({"p_without": 0.1}, "undecided", "turns on speaker s01"),
        ({"p_worst": 0.049}, "better", ""),
        ({"p_worst": 0.051}, "undecided", "worst case"),
        ({"p_worst": 1.0, "p_without": 1.0}, "undecided", "worst case"),
        ({"p_value": 0.06}, "undecided", ""),
        ({"ci_low": -0.01}, "undecided", ""),
        ({"speakers": 9}, "undecided", "10 speakers"),
        ({"direction": "none"}, "undecided", "no value"),
        ({"arm": "noise"}, "undecided", "weights of noise"),
    ],
)
def test_verdicts_by_what_they_must_survive(
    changes: dict[str, Any], verdict: str, reason: str
) -> None:
    table = judged(pd.DataFrame([ROW | changes]), 0.05, {"noise"})
    assert table["verdict"].item() == verdict
    assert reason in table["reason"].item()
    assert bool(table["reason"].item()) == bool(reason)


def test_what_a_verdict_survives_is_adjusted_like_its_p_value() -> None:
    """Of two arms, the smaller p-value counts twice, and so do those that it must survive."""
    rows = [ROW | {"p_without": 0.051}, ROW | {"arm": "other", "p_value": 0.5}]
    assert judged(pd.DataFrame(rows), 0.05, ())["verdict"].tolist() == ["undecided", "undecided"]
    assert judged(pd.DataFrame(rows[:1]), 0.05, ())["verdict"].tolist() == ["better"]
