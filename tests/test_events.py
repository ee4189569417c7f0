"""Shares and error rates near 0 or 1: intervals and claims at few events, and what they assume."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, chi2

from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics.bootstrap import Cells
from xtts_lab.statistics.claim import Claim
from xtts_lab.statistics.claim_text import read_claim
from xtts_lab.statistics.effective import (
    difference_ends,
    effective_size,
    exposure,
    rate_ends,
    share_ends,
)
from xtts_lab.statistics.estimates import Options, gap, level
from xtts_lab.statistics.summaries import compare, summarise
from xtts_lab.statistics.verdicts import judge

METRIC = "sanity.any"
SHARE = MetricInfo("ratio", "lower", bounds=(0.0, 1.0))
RATE = MetricInfo("ratio", "lower", bounds=(0.0, inf))
INFO = {METRIC: SHARE}
OPTIONS: dict[str, Any] = {"confidence": 0.95, "resamples": 300, "seed": 0}
Faults = NDArray[np.float64]


def frames(arms: dict[str, Faults], repeats: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make scores and trials of arms' faults [speakers, sentences], alike in every repeat."""
    rows = [
        {
            "trial_id": f"{arm}/{s}/{t}/{r}", "arm": arm, "language": "en", "speaker": f"s{s:02}",
            "text": f"t{t:02}", "utterance_id": f"{s}-{t}", "reference_language": "en",
            "status": "ok", "weights_random": False, "metric": METRIC,
            "value": value, "numerator": value, "denominator": 1.0,
        }
        for arm, values in arms.items()
        for (s, t), value in np.ndenumerate(values)
        for r in range(repeats)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    scores = ["trial_id", "arm", "language", "metric", "value", "numerator", "denominator"]
    return table[scores], table.drop(columns=["metric", "value", "numerator", "denominator"])


def faults(speakers: int, sentences: int, *at: tuple[int, int]) -> Faults:
    """Return faults [speakers, sentences] at the given cells."""
    found = np.zeros((speakers, sentences))
    for place in at:
        found[place] = 1.0
    return found


def claimed(claim: str, arms: dict[str, Faults]) -> dict[str, Any]:
    table = judge([Claim(**read_claim(claim))], *frames(arms), INFO, **OPTIONS)
    row: dict[str, Any] = table.to_dict("records")[0]
    return row


@given(size=st.integers(1, 400), data=st.data())
def test_whole_sizes_give_the_exact_intervals_of_the_books(size: int, data: st.DataObject) -> None:
    """Clopper and Pearson's in scipy; Garwood's (1936) chi-squared form of a Poisson mean's."""
    events = data.draw(st.integers(0, size))
    exact = binomtest(events, size).proportion_ci(0.95, "exact")
    assert share_ends(events / size, size, 0.95) == pytest.approx((exact.low, exact.high), abs=1e-9)
    low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    garwood = low / size, chi2.ppf(0.975, 2 * events + 2) / 2 / size
    assert rate_ends(events / size, size, 0.95) == pytest.approx(garwood, rel=1e-7)


@given(share=st.floats(0.0, 1.0), size=st.floats(0.0, 1e6), confidence=st.floats(0.5, 0.999))
def test_an_interval_of_a_share_holds_it_and_stays_within_its_range(
    share: float, size: float, confidence: float
) -> None:
    low, high = share_ends(share, size, confidence)
    assert 0.0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1.0
    assert high - low > 0.0
    least, most = rate_ends(share, size, confidence)
    assert 0.0 <= least <= share + 1e-12 < most + 2e-12


def _cells(speakers: int, each: int) -> Cells:
    speaker = np.repeat(np.arange(speakers), each)
    return Cells(speaker, np.arange(speaker.size), np.zeros(speaker.size, np.int64))


@pytest.mark.parametrize(("speakers", "each"), [(20, 1), (20, 24), (10, 5)])
def test_without_an_event_a_speaker_counts_by_the_assumed_correlation(
    speakers: int, each: int
) -> None:
    cells = _cells(speakers, each)
    sums = np.stack([np.zeros(speakers * each), np.ones(speakers * each)], axis=1)
    seen = exposure(cells, sums, share=True)
    assert seen.size == pytest.approx(speakers * each / (1 + 0.1 * (each - 1)))
    assert effective_size(0.0, 0.0, 2.09, 0.95, seen, share=True) == seen.size
    # With two errors in ten words each, the words count; and fewer where the variance says so.
    sums = np.stack([np.zeros(speakers * each), np.full(speakers * each, 10.0)], axis=1)
    words = exposure(cells, sums, share=False)
    assert words.size == pytest.approx(10 * speakers * each / (1 + 0.1 * (10 * each - 1)))
    assert effective_size(0.1, 0.01, 1.96, 0.95, words, share=False) == pytest.approx(10, rel=1e-3)


def test_languages_weigh_the_same_in_the_size() -> None:
    """Kish (1965): 10 trials in one language and 90 in another tell what 36 would."""
    language = np.repeat([0, 1], [10, 90])
    speaker = np.arange(100)
    sums = np.stack([np.zeros(100), np.ones(100)], axis=1)
    seen = exposure(Cells(speaker, speaker, language), sums, share=True)
    assert seen.size == pytest.approx(4 / (1 / 10 + 1 / 90))


def test_a_difference_adds_squares_as_newcombe_does() -> None:
    """Newcombe (1998), table II (a), method 10: 56/70 against 48/80 has [0.0524, 0.3339]."""
    wilson = (0.6918, 0.8770), (0.4905, 0.7003)
    low, high = difference_ends(0.8, wilson[0], 0.6, wilson[1])
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-4)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("repeats", [1, 3])
def test_no_share_has_an_interval_without_width(value: float, repeats: int) -> None:
    arms = {"a": np.full((12, 3), value), "b": np.full((12, 3), value)}
    scores, trials = frames(arms, repeats)
    row = summarise(scores, trials, INFO, **OPTIONS).iloc[0]
    # 36 sentences of 12 speakers, whatever the number of repeats: 36 / 1.2.
    exact = share_ends(value, 30.0, 0.95)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(exact)
    gap_ = compare(scores, trials, INFO, baseline="b", **OPTIONS).iloc[0]
    assert gap_["ci_low"] == pytest.approx(-gap_["ci_high"])
    assert gap_["ci_high"] == pytest.approx(exact[1] - value if value == 0.0 else 1 - exact[0])
    assert gap_["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("speakers", "sentences", "places", "claim", "verdict"),
    [
        (20, 1, [], "a: {} < 0.01", "undecided"),  # 0 of 20: at most 17 %
        (20, 1, [], "a: {} < 0.5", "undecided"),  # one sentence
        (20, 24, [], "a: {} < 0.01", "undecided"),  # 0 of 480 in 20 speakers: at most 2.5 %
        (20, 24, [], "a: {} < 0.05", "holds"),
        (20, 24, [(0, 0)], "a: {} < 0.01", "undecided"),
        (20, 24, [(0, 0)], "a: {} > 0.001", "undecided"),
        (20, 24, [(0, 0)], "a: {} > 0.2", "refuted"),
    ],
)
def test_claims_about_rare_faults(
    speakers: int, sentences: int, places: list[tuple[int, int]], claim: str, verdict: str
) -> None:
    row = claimed(claim.format(METRIC), {"a": faults(speakers, sentences, *places)})
    assert row["verdict"] == verdict


def test_an_undecided_claim_about_a_rare_fault_says_what_it_would_take() -> None:
    """Without a fault among n independent trials the share is at most 3.69 / n (exactly, 1 %)."""
    row = claimed(f"a: {METRIC} < 0.01", {"a": np.zeros((20, 1)).repeat(20, axis=1)})
    assert row["verdict"] == "undecided"
    size = 400 / 2.9
    assert row["need_speakers"] == pytest.approx(20 * 367 / size, rel=0.05)
    assert row["need_sentences"] == pytest.approx(20 * 367 / size, rel=0.05)


@pytest.mark.parametrize("events", [1, 2, 5])
def test_a_few_faults_against_none_are_no_difference(events: int) -> None:
    """One of 480 against none: all that swapping speakers can give is p = 2^(1 - events)."""
    places = [(i, i) for i in range(events)]
    arms = {"a": faults(20, 24, *places), "b": faults(20, 24)}
    row = claimed(f"b < a on {METRIC}", arms)
    assert row["verdict"] == "undecided"
    table = compare(*frames(arms), INFO, baseline="a", **OPTIONS).iloc[0]
    assert table["verdict"] == "undecided"
    assert table["p_value"] > 0.05


def test_many_faults_against_none_are_one() -> None:
    rng = np.random.default_rng(0)
    arms = {"a": (rng.random((20, 24)) < 0.2).astype(float), "b": faults(20, 24)}
    row = claimed(f"b < a on {METRIC} by 0.05", arms)
    assert row["verdict"] == "holds"
    assert claimed(f"b < a on {METRIC} by 0.4", arms)["verdict"] == "refuted"


def test_a_claim_asks_the_sign_flips_at_its_margin() -> None:
    """At the margin itself nothing is told, and the p-value is that of values less the margin."""
    rng = np.random.default_rng(1)
    base = rng.normal(size=(12, 20))
    scores, trials = frames({"a": base + 0.5, "b": base + 0.2 * rng.normal(size=(12, 20))})
    scores[["numerator", "denominator"]] = np.nan
    info = {METRIC: MetricInfo("dB", "higher")}
    for margin, verdict in ((0.0, "holds"), (0.5, "undecided"), (1.0, "refuted")):
        claim = Claim(**read_claim(f"a > b on {METRIC} by {margin}"))
        row = judge([claim], scores, trials, info, **OPTIONS).iloc[0]
        moved = scores.assign(value=scores["value"] - margin * (scores["arm"] == "a"))
        table = compare(moved, trials, info, baseline="b", **OPTIONS).iloc[0]
        assert row["verdict"] == verdict
        assert row["p_value"] == pytest.approx(table["p_value"], rel=1e-6)


def _covered(share: float, within: float, known: MetricInfo, worlds: int) -> tuple[float, float]:
    """Return how often a level and a difference of equal shares are covered; 20 speakers x 12."""
    rng, scale = np.random.default_rng(3), 1.0 / within - 1.0
    levels, gaps = [], []
    for i in range(worlds):
        arms = []
        for _ in range(2):
            own = rng.beta(share * scale, (1 - share) * scale, (20, 1))
            arms.append((rng.random((20, 12)) < own).astype(float).ravel())
        frame = pd.DataFrame(
            {"language": "en", "speaker": np.repeat(np.arange(20), 12)}
            | {"sentence": np.tile(np.arange(12), 20), "n": 1, "n_base": 1}
            | {"numerator": arms[0], "denominator": 1.0}
            | {"numerator_base": arms[1], "denominator_base": 1.0}
        )
        options = Options(confidence=0.95, resamples=200, seed=i)
        found, between = level(frame, known, options), gap(frame, known, options)
        levels.append(found.interval.low <= share <= found.interval.high)
        gaps.append(between.interval.low <= 0 <= between.interval.high)
    return float(np.mean(levels)), float(np.mean(gaps))


@pytest.mark.parametrize(("share", "known"), [(0.01, SHARE), (0.05, RATE)], ids=["share", "rate"])
def test_rare_events_are_covered(share: float, known: MetricInfo) -> None:
    """benchmarks/statistics_simulation.py measures it in more worlds, and more of each."""
    levels, gaps = _covered(share, 0.1, known, 60)
    assert levels >= 0.9
    assert gaps >= 0.9


def test_few_events_are_trusted_less_than_none() -> None:
    """One event each of two speakers: their cells may correlate by .15, whatever they show."""
    cells = _cells(20, 24)
    shown = (cells.sentence == 0) | (cells.sentence == 30)
    sums = np.stack([shown.astype(np.float64), np.ones(480)], axis=1)
    seen = exposure(cells, sums, share=True)
    assert seen.few
    assert seen.scarce
    size = effective_size(2 / 480, 2 / 480**2, 2.09, 0.95, seen, share=True)
    assert size == pytest.approx(480 / (1 + 0.15 * 23))
    clustered = effective_size(2 / 480, 16 / 480**2, 1.96, 0.95, seen, share=True)
    assert clustered == pytest.approx(60 * (1 - 2 / 480), rel=1e-4)  # a design effect of 8
