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


def one_large_speaker() -> tuple[dict[str, Values], NDArray[np.int64]]:
    """Return arms that differ in one of 12 speakers, who says half of all sentences."""
    rng = np.random.default_rng(3)
    who = np.where(np.arange(240) < 120, 0, 1 + np.arange(240) % 11)
    gain = 0.02 + 0.2 * (who == 0) + 0.03 * rng.normal(size=12)[who]
    base = rng.normal(size=240)
    arms = {"arm": base + gain + 0.01 * rng.normal(size=240), "base": base}
    return {k: v.reshape(12, 20) for k, v in arms.items()}, who.reshape(12, 20)


def test_the_speaker_that_moves_a_difference_most_is_named_with_what_is_left() -> None:
    arms, who = one_large_speaker()
    row = compared(arms, PLAIN, speakers=who)
    assert row["influential_speaker"] == "s00"
    apart = arms["arm"] - arms["base"]
    assert row["difference_without"] == pytest.approx(apart[who != 0].mean())


def test_a_verdict_that_turns_on_one_speaker_is_undecided() -> None:
    """Sign flips: six speakers, all for the arm, give p = 2/64; without one it is .06."""
    rng = np.random.default_rng(5)
    base = rng.normal(size=(12, 20))
    gain = np.full((12, 1), 0.02) * rng.choice([1.0, -1.0], size=(12, 1), p=[0.8, 0.2])
    for large, verdict in ((0.02, "undecided"), (0.6, "better")):
        arm = base + 0.2 * large + gain * (large < 0.5)
        arm[0] += 1.0 * (large < 0.5)
        row = compared({"arm": arm + 1e-3 * rng.normal(size=(12, 20)), "base": base}, PLAIN)
        assert row["verdict"] == verdict
        assert row["verdict_without"] in {verdict, ""}
        claim = claimed(f"arm > base on {METRIC}", {"arm": arm, "base": base})
        assert claim["influential_speaker"]
        assert claim["verdict"] == {"undecided": "undecided", "better": "holds"}[verdict]
