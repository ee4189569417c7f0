"""Summaries, intervals, tests and verdicts against closed forms and a brute-force bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.special import ndtr
from scipy.stats import skew

from tests.statistics_support import INFO, OPTIONS, Row, frames, means, one, world
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics import bootstrap, power, variance
from xtts_lab.statistics.cells import cell_table, cells_of, placed, rate, sums_of
from xtts_lab.statistics.intervals import interval, student
from xtts_lab.statistics.skewness import is_skewed
from xtts_lab.statistics.summaries import (
    SUMMARY_COLUMNS,
    compare,
    summarise,
)
from xtts_lab.statistics.variance import influences, spread


def test_rates_are_pooled_per_language_and_languages_weigh_the_same() -> None:
    rows: list[Row] = [
        ("a", "en", "s0", "x", 0, "wer.micro", 0.5, 1, 2),
        ("a", "en", "s1", "y", 0, "wer.micro", 0.0, 0, 8),
        ("a", "de", "s2", "z", 0, "wer.micro", 0.3, 3, 10),
    ]
    table = summarise(*frames(rows), INFO, **OPTIONS)
    assert list(table.columns) == SUMMARY_COLUMNS
    assert one(table, language="en")["mean"] == pytest.approx(1 / 10)
    assert one(table, language="de")["mean"] == pytest.approx(3 / 10)
    assert one(table, language="all")["mean"] == pytest.approx((0.1 + 0.3) / 2)
    assert one(table, language="all")["n"] == 3


def test_repeats_are_averaged_before_anything_else() -> None:
    rows: list[Row] = [
        ("a", "en", "s0", "x", r, "secs", v, np.nan, np.nan) for r, v in enumerate((0.0, 0.3, 0.6))
    ]
    rows.append(("a", "en", "s1", "y", 0, "secs", 0.9, np.nan, np.nan))
    table = summarise(*frames(rows), INFO, **OPTIONS)
    assert one(table, language="en")["mean"] == pytest.approx((0.3 + 0.9) / 2)
    assert one(table, language="en")["n"] == 4


LEVELS = {
    "sanity.any": MetricInfo("ratio", "lower", bounds=(0.0, 1.0)),
    "wer.micro": MetricInfo("ratio", "lower", bounds=(0.0, math.inf)),
    "duration": MetricInfo("s", "none", bounds=(0.0, math.inf)),
    "secs": MetricInfo("cosine", "higher", bounds=(-1.0, 1.0)),
    "anything": MetricInfo("dB", "none"),
}


@pytest.mark.parametrize("events", [0, 1, 6, 11, 12])
def test_no_interval_reaches_beyond_its_metric(events: int) -> None:
    """One of twelve, each a speaker: the stretched interval would reach below 0, or above 1."""
    rows: list[Row] = [
        ("a", "en", f"s{s}", f"x{s}", 0, metric, float(s < events), float(s < events), 1.0)
        for s in range(12)
        for metric in LEVELS
    ]
    table = summarise(*frames(rows), LEVELS, **OPTIONS)
    for metric, known in LEVELS.items():
        row = one(table, metric=metric, language="all")
        assert known.bounds[0] <= row["ci_low"] <= row["mean"] <= row["ci_high"] <= known.bounds[1]
    if events in (1, 11):
        free = one(table, metric="anything", language="all")
        assert free["ci_low"] < 0.0 or free["ci_high"] > 1.0


@pytest.mark.parametrize("seed", range(4))
def test_no_difference_reaches_beyond_its_metric_or_leaves_its_own_interval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ends = {"a": rng.beta(0.05, 0.2, (12, 2)), "b": rng.beta(0.2, 0.05, (12, 2))}
    rows: list[Row] = [
        (arm, "en", f"s{s}", f"x{t}", 0, metric, float(v), np.nan, np.nan)
        for arm, values in ends.items()
        for (s, t), v in np.ndenumerate(values)
        for metric in LEVELS
    ]
    table = compare(*frames(rows), LEVELS, baseline="b", **OPTIONS)
    for metric, known in LEVELS.items():
        row = one(table, metric=metric, language="all")
        reach = known.bounds[1] - known.bounds[0]
        assert -reach <= row["ci_low"] <= row["difference"] <= row["ci_high"] <= reach


def test_one_speaker_and_one_sentence_give_no_interval() -> None:
    lonely = means("a", "en", np.array([[0.4]]))
    table = summarise(*frames(lonely), INFO, **OPTIONS)
    assert table[["ci_low", "ci_high"]].isna().all(axis=None)
    # ... and neither does `all`, as long as one of its languages cannot be resampled.
    rows = lonely + [(*r[:2], "t" + r[2], *r[3:]) for r in means("a", "de", np.eye(3))]
    table = summarise(*frames(rows), INFO, **OPTIONS)
    assert np.isnan(one(table, language="all")["ci_low"])
    assert np.isfinite(one(table, language="de")["ci_low"])


def test_interval_of_speakers_alone_has_the_width_of_the_cluster_bootstrap() -> None:
    # One sentence a speaker: the ordinary bootstrap, whose standard error is sd / sqrt(n).
    values = np.random.default_rng(3).normal(size=(200, 1))
    rows = [(*r[:3], f"text {i}", *r[4:]) for i, r in enumerate(means("a", "en", values))]
    row = one(summarise(*frames(rows), INFO, **OPTIONS | {"resamples": 4000}), language="en")
    expected = 2 * 1.96 * values.std() / np.sqrt(200)
    assert row["ci_high"] - row["ci_low"] == pytest.approx(expected, rel=0.05)


def test_a_language_with_one_cell_leaves_all_without_an_interval() -> None:
    # Its speaker is drawn with others elsewhere, but nothing tells how far its own figure moves.
    rows = means("a", "de", np.eye(3)) + means("a", "en", np.array([[0.4]]))
    table = summarise(*frames(rows), INFO, **OPTIONS)
    assert np.isnan(one(table, language="all")["ci_low"])
    assert one(table, language="all")["mean"] == pytest.approx((1 / 3 + 0.4) / 2)


def _taking_turns(sizes: Sequence[int], languages: int) -> bootstrap.Cells:
    dealt = np.repeat(np.arange(len(sizes)), sizes)
    speaker = np.concatenate([dealt[i::languages] for i in range(languages)])
    sentence = np.arange(speaker.size)
    return bootstrap.Cells(speaker, sentence, sentence * languages // speaker.size)


@pytest.mark.parametrize("sizes", [[2] * 6, [1, 1, 1, 2, 3, 4, 6]])
@pytest.mark.parametrize("languages", [1, 3])
def test_cluster_variance_is_unbiased_with_the_degrees_of_freedom_of_its_quadratic_form(
    sizes: list[int], languages: int
) -> None:
    # The variance is y' B y: of noise it has the mean tr(B), and tr(B)^2 / tr(B^2) of freedom.
    cells = _taking_turns(sizes, languages)
    size, layout = cells.speaker.size, bootstrap.design(cells)

    def variance(values: NDArray[np.float64]) -> float:
        sums = np.stack([values, np.ones(size)], axis=1)
        return spread(cells, layout, influences(cells, sums, rate)).speakers

    basis, diagonal = np.eye(size), [variance(row) for row in np.eye(size)]
    form = np.array(
        [[(variance(a + b) - variance(a) - variance(b)) / 2 for a in basis] for b in basis]
    )
    if languages == 1:
        assert np.sum(diagonal) == pytest.approx(1 / size, rel=1e-6)
    values = np.random.default_rng(0).normal(size=size)
    found = spread(cells, layout, influences(cells, np.stack([values, np.ones(size)], 1), rate))
    assert found.df == pytest.approx(np.trace(form) ** 2 / np.sum(form**2), rel=1e-5)
    if len(set(sizes)) == 1 and languages == 1:
        assert found.df == pytest.approx(len(sizes) - 1)


def test_crossed_interval_has_the_variance_of_the_pigeonhole_bootstrap() -> None:
    rng = np.random.default_rng(4)
    speakers, sentences = rng.normal(size=(40, 1)), 0.5 * rng.normal(size=(1, 60))
    values = speakers + sentences
    row = one(summarise(*frames(means("a", "en", values)), INFO, **OPTIONS), language="en")
    error = np.sqrt(speakers.var() / 40 + sentences.var() / 60)
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * 1.96 * error, rel=0.15)


def ragged(seed: int) -> pd.DataFrame:
    """Return the cells of a test set with holes, three languages, speakers in several of them."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for language, speakers in (("en", 4), ("de", 3), ("ja", 2)):
        for s in range(speakers):
            for t in range(5):
                if rng.random() < 0.8:
                    edits, words = int(rng.integers(0, 6)), int(rng.integers(4, 12))
                    cell = ("a", language, f"s{s}", f"{language}{t}", 0, "wer.micro")
                    rows.append((*cell, edits / words, edits, words))
    scores, trials = frames(rows)
    return cell_table(scores, placed(trials))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bootstrap_equals_loops_over_drawn_speakers_and_sentences(seed: int) -> None:
    frame = ragged(seed)
    cells, _ = cells_of(frame)
    sums = sums_of(frame)
    fast = np.concatenate(
        list(bootstrap.resampled(cells, sums, 50, bootstrap.generator(seed, "test")))
    )
    speakers, sentences = bootstrap.weights(
        bootstrap.design(cells), 50, bootstrap.generator(seed, "test")
    )
    slow = np.zeros_like(fast)
    for b in range(50):
        for c in range(len(frame)):
            weight = speakers[cells.speaker[c], b] * sentences[cells.sentence[c], b]
            slow[b, cells.language[c]] += weight * sums[c]
    np.testing.assert_allclose(fast, slow, rtol=1e-12)
    assert speakers.sum(axis=0).tolist() == [4.0] * 50  # drawn with replacement, all together
    for language in range(3):
        drawn = sentences[np.unique(cells.sentence[cells.language == language])]
        assert (drawn.sum(axis=0) == len(drawn)).all()


def test_where_sentences_belong_to_speakers_only_speakers_are_drawn() -> None:
    codes = np.arange(12)
    cells = bootstrap.Cells(codes % 4, codes, np.zeros(12, np.int64))
    layout = bootstrap.design(cells)
    assert layout.speaker_drawn.all()
    assert not layout.sentence_drawn.any()
    lonely = bootstrap.Cells(codes * 0, codes, codes * 0)
    assert bootstrap.design(lonely).sentence_drawn.all()


def test_languages_with_speakers_of_their_own_are_never_drawn_empty() -> None:
    language = np.repeat(np.arange(6), 4)
    speaker = language * 2 + np.tile([0, 0, 1, 1], 6)
    cells = bootstrap.Cells(speaker, np.arange(24), language)
    sums = np.ones((24, 2))
    drawn = np.concatenate(list(bootstrap.resampled(cells, sums, 500, bootstrap.generator(0))))
    assert (drawn[..., 1] > 0).all()


@pytest.fixture(scope="module")
def small() -> tuple[pd.DataFrame, ...]:
    """Scores and trials of a small world, its summary and its comparisons."""
    scores, trials = frames(world(2, speakers=3, sentences=4))
    options = OPTIONS | {"resamples": 60}
    gaps = compare(scores, trials, INFO, baseline="arm0", **options)
    return scores, trials, summarise(scores, trials, INFO, **options), gaps


@settings(max_examples=10, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(small: tuple[pd.DataFrame, ...], random: Any) -> None:
    scores, trials, expected, gaps = small
    options = OPTIONS | {"resamples": 60}
    order = list(range(len(scores)))
    random.shuffle(order)
    mixed, moved = scores.iloc[order], trials.iloc[order[::-1]]
    pd.testing.assert_frame_equal(
        summarise(mixed, moved, INFO, **options), expected, check_exact=True
    )
    again = compare(mixed, moved, INFO, baseline="arm0", **options)
    pd.testing.assert_frame_equal(again, gaps, check_exact=True)


def test_another_arm_language_or_metric_changes_no_interval() -> None:
    rows = world(3)
    few = summarise(*frames([r for r in rows if r[0] == "arm1" and r[1] == "en"]), INFO, **OPTIONS)
    extra: Row = ("arm1", "en", "s0", "en0", 0, "wer.micro", 0.5, 1, 2)
    many = summarise(*frames([*rows, extra]), INFO, **OPTIONS)
    keys = {"arm": "arm1", "language": "en", "metric": "secs"}
    figures = ["mean", "ci_low", "ci_high"]
    assert one(many, **keys)[figures].tolist() == one(few, **keys)[figures].tolist()


def test_another_seed_changes_the_interval_but_not_the_mean() -> None:
    tables = [summarise(*frames(world(1)), INFO, **OPTIONS | {"seed": s}) for s in (0, 1)]
    assert tables[0]["mean"].tolist() == tables[1]["mean"].tolist()
    assert tables[0]["ci_low"].tolist() != tables[1]["ci_low"].tolist()


def coverage(draw: Callable[[np.random.Generator], NDArray[np.float64]], worlds: int) -> float:
    """Return how often the interval of `secs` covers the true mean 0."""
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(worlds):
        frame = pd.DataFrame(
            [
                {"language": "en", "speaker": f"{s:03}", "sentence": f"{t:03}"}
                | {"numerator": v, "denominator": 1.0}
                for (s, t), v in np.ndenumerate(draw(rng))
                if np.isfinite(v)
            ]
        )
        cells, _ = cells_of(frame)
        found = interval(cells, sums_of(frame), rate, confidence=0.95, resamples=300, rng=rng)
        hits += found.low <= 0 <= found.high
    return hits / worlds


def test_crossed_intervals_cover_about_as_often_as_they_say() -> None:
    def draw(rng: np.random.Generator) -> NDArray[np.float64]:
        return rng.normal(size=(20, 1)) + rng.normal(size=(1, 24)) + rng.normal(size=(20, 24))

    assert 0.89 <= coverage(draw, 200) <= 0.985


def test_intervals_of_speakers_that_take_turns_cover_about_as_often_as_they_say() -> None:
    def draw(rng: np.random.Generator) -> NDArray[np.float64]:
        values = np.full((20, 40), np.nan)
        turns = np.arange(40)
        values[turns % 20, turns] = rng.normal(size=20)[turns % 20] + rng.normal(size=40)
        return values

    assert 0.89 <= coverage(draw, 200) <= 0.985


def test_intervals_of_blocks_of_speakers_and_sentences_cover_as_often_as_they_say() -> None:
    """Sentences k and k + 10 by speakers 2k and 2k + 1: ten blocks that share nothing."""

    def draw(rng: np.random.Generator) -> NDArray[np.float64]:
        speakers, sentences = rng.normal(size=(20, 1)), rng.normal(size=(1, 20))
        values = speakers + sentences + rng.normal(size=(20, 20))
        same = np.arange(20)[:, None] // 2 == np.arange(20)[None, :] % 10
        return np.where(same, values, np.nan)

    assert 0.89 <= coverage(draw, 200) <= 0.985


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), shapes=st.lists(st.tuples(*[st.integers(1, 6)] * 2), min_size=1))
def test_noise_of_cells_has_the_freedom_that_a_two_way_table_leaves(
    seed: int, shapes: list[tuple[int, int]]
) -> None:
    rng = np.random.default_rng(seed)
    said = block_diag(*[rng.random(shape) < 0.7 for shape in shapes])
    row, column = (np.unique(code, return_inverse=True)[1] for code in np.nonzero(said))
    if not row.size:
        return
    table = np.concatenate([np.eye(row.max() + 1)[row], np.eye(column.max() + 1)[column]], axis=1)
    cells = bootstrap.Cells(row, column, np.zeros(row.size, np.int64))
    _, free = variance._residual(cells, rng.normal(size=row.size), np.ones(row.size, np.bool_))
    left = row.size - np.linalg.matrix_rank(table)
    assert free.tolist() == ([left] if left else [])


def test_failed_trials_are_counted_where_the_metric_applies() -> None:
    rows: list[Row] = [
        ("a", "en", "s0", "x", 0, "wer.micro", 0.5, 1, 2),
        ("a", "en", "s0", "y", 0, "wer.micro", np.nan, np.nan, np.nan),  # the recogniser failed
        ("a", "en", "s1", "z", 0, "secs", 0.5, np.nan, np.nan),  # no transcript: WER does not apply
        ("a", "zh-cn", "s2", "x", 0, "secs", 0.5, np.nan, np.nan),
    ]
    scores, trials = frames(rows)
    lost = [("a", "en"), ("a", "zh-cn"), ("a", "tr")]  # nothing else is known of tr
    more = [
        dict(trials.iloc[0]) | {"trial_id": f"lost{i}", "utterance_id": f"lost{i}", "text": "q"}
        | {"arm": arm, "language": language, "reference_language": language, "status": "failed"}
        for i, (arm, language) in enumerate(lost)
    ]  # fmt: skip
    table = summarise(scores, pd.concat([trials, pd.DataFrame(more)]), INFO, **OPTIONS)
    counts = table.set_index(["metric", "language"])[["n", "failed", "skipped"]]
    wer = counts.loc["wer.micro"]
    assert wer.loc["en"].tolist() == [1, 2, 1]
    assert "zh-cn" not in wer.index
    assert wer.loc["tr"].tolist() == [0, 1, 0]
    assert counts.loc["secs", "zh-cn"].tolist() == [1, 1, 0]
    assert counts.loc["secs", "en"].tolist() == [1, 1, 2]


def test_monolingual_and_cross_lingual_items_have_rows_of_their_own() -> None:
    scores, trials = frames(means("a", "en", np.array([[0.8, 0.8], [0.2, 0.2]])))
    trials.loc[trials["speaker"] == "s1", "reference_language"] = "fr"
    table = summarise(scores, trials, INFO, **OPTIONS)
    assert one(table, language="all", condition="monolingual")["mean"] == pytest.approx(0.8)
    assert one(table, language="all", condition="cross-lingual")["mean"] == pytest.approx(0.2)


def test_nothing_scored_at_all_still_counts_the_failures() -> None:
    scores, trials = frames(means("a", "en", np.array([[0.4]])))
    trials["status"] = "failed"
    table = summarise(scores.iloc[:0], trials, INFO, **OPTIONS)
    assert table["failed"].tolist() == [1, 1, 1, 1]
    assert table["mean"].isna().all()


def test_units_of_unequal_size_are_not_taken_for_skewed() -> None:
    """The same contributions count as skewed where every unit has as many cells."""
    size = np.array([1.0] * 10 + [2.0] * 6 + [4.0, 5.0, 8.0, 9.0])
    sign = np.array([1.0, -1.0] * 8 + [-0.8, -0.9, 0.2, 0.9])
    alike, stratum = np.ones(20), np.zeros(20, np.int64)
    assert is_skewed(size * sign, stratum, alike, 0.9)
    assert not is_skewed(size * sign, stratum, size, 0.9)
    assert is_skewed(np.arange(20.0) ** 4, stratum, alike, 0.9)


@given(st.integers(0, 10_000), st.integers(5, 60))
def test_units_of_one_size_are_skewed_by_their_sample_skewness(seed: int, number: int) -> None:
    units = np.random.default_rng(seed).gamma(3.0, size=number)
    stratum, size = np.zeros(number, np.int64), np.full(number, 3.0)
    assert is_skewed(units, stratum, size, 0.9) == (abs(skew(units)) > 0.9)


@pytest.mark.parametrize("free", [8.0, 18.0, 60.0])
def test_what_is_asked_for_decides_as_often_as_promised(free: float) -> None:
    """Over pilots whose standard error is an estimate: in 80 of 100, and a little for the rest."""
    pilots = np.random.default_rng(4).chisquare(free, 40_000) / free
    quantile = student(200.0, 0.95)
    apart = power.errors(free, 200.0, 0.95) * np.sqrt(pilots)
    decided = ndtr(apart - quantile).mean()
    assert decided == pytest.approx(power.POWER + power.COST, abs=0.01)
