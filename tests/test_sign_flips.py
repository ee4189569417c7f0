"""Sign flips, Holm and verdicts of comparisons: against closed forms and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.statistics_support import INFO, OPTIONS, frames, means, one, world
from xtts_lab.errors import UsageError
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics import bootstrap
from xtts_lab.statistics.cells import rate
from xtts_lab.statistics.summaries import (
    COMPARISON_COLUMNS,
    compare,
)


def exact_p(differences: NDArray[np.float64]) -> float:
    """Return the sign-flip p-value of differences [speakers] by enumeration."""
    cells = bootstrap.Cells(
        np.arange(len(differences)),
        np.arange(len(differences)),
        np.zeros(len(differences), np.int64),
    )
    ours = np.stack([differences, np.ones_like(differences)], axis=1)
    theirs = np.stack([np.zeros_like(differences), np.ones_like(differences)], axis=1)
    return bootstrap.sign_flip(cells, ours, theirs, rate, bootstrap.generator(0))


def test_sign_flip_has_the_closed_form_of_unanimous_speakers() -> None:
    assert exact_p(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(2 / 2**5)
    assert exact_p(np.array([1.0, -1.0])) == 1.0
    # 4 of the 8 patterns of (1, 2, 3) reach |4|: +++ and -++ (4), and their mirror images.
    assert exact_p(np.array([-1.0, 2.0, 3.0])) == pytest.approx(4 / 8)


def test_drawn_sign_flips_approach_the_normal_p_value() -> None:
    differences = np.random.default_rng(5).normal(0.4, 1.0, size=60)
    z = differences.sum() / np.sqrt((differences**2).sum())
    normal = math.erfc(abs(z) / math.sqrt(2))
    assert exact_p(differences) == pytest.approx(normal, abs=0.01)


def test_holm_equals_an_example_worked_by_hand() -> None:
    # Sorted: .01 x 4, .02 x 3, .03 x 2, .04 x 1, never below the one before.
    adjusted = bootstrap.holm(np.array([0.04, 0.01, np.nan, 0.03, 0.02]))
    np.testing.assert_allclose(adjusted, [0.06, 0.04, np.nan, 0.06, 0.06])


def test_comparison_is_paired_and_finds_the_better_arm() -> None:
    table = compare(*frames(world(3)), INFO, baseline="arm0", **OPTIONS)
    assert list(table.columns) == COMPARISON_COLUMNS
    row = one(table, arm="arm2", language="all")
    assert row["difference"] == pytest.approx(0.4, abs=0.05)
    assert row["ci_low"] < row["difference"] < row["ci_high"]
    assert row["verdict"] == "better"
    lower = {"secs": MetricInfo("", "lower")}
    table = compare(*frames(world(3)), lower, baseline="arm0", **OPTIONS)
    assert one(table, arm="arm2", language="all")["verdict"] == "worse"


def test_difference_uses_the_cells_that_both_arms_have() -> None:
    rows = means("a", "en", np.array([[0.5, 0.7]])) + means("b", "en", np.array([[0.6], [9.0]]))
    table = compare(*frames(rows), INFO, baseline="a", **OPTIONS)
    assert one(table, language="all")["difference"] == pytest.approx(0.6 - 0.5)


@pytest.mark.parametrize("why", ["speakers", "sentences", "direction", "random", "baseline"])
def test_no_verdict_without_grounds(why: str) -> None:
    speakers, sentences = (9 if why == "speakers" else 12), (9 if why == "sentences" else 24)
    scores, trials = frames(world(3, speakers=speakers, sentences=sentences))
    if why == "random":
        trials.loc[trials["arm"] == "arm2", "weights_random"] = True
    if why == "baseline":
        trials.loc[trials["arm"] == "arm0", "weights_random"] = True
    info = {"secs": MetricInfo("", "none" if why == "direction" else "higher")}
    row = one(compare(scores, trials, info, baseline="arm0", **OPTIONS), arm="arm2", language="all")
    assert row["verdict"] == "undecided"
    assert row["p_adjusted"] < 0.05


def test_holm_families_are_all_and_languages() -> None:
    table = compare(*frames(world(3, seed=8)), INFO, baseline="arm0", **OPTIONS)
    overall = table[table["language"] == "all"]
    apart = table[table["language"] != "all"]
    for family in (overall, apart):
        expected = bootstrap.holm(family["p_value"].to_numpy(float))
        np.testing.assert_allclose(family["p_adjusted"].to_numpy(float), expected)


def test_no_baseline_gives_an_empty_table_and_a_wrong_one_an_error() -> None:
    data = frames(world(2))
    empty = compare(*data, INFO, baseline=None, **OPTIONS)
    assert empty.empty
    assert list(empty.columns) == COMPARISON_COLUMNS
    with pytest.raises(UsageError, match=r"statistics\.baseline.*did you mean 'arm1'"):
        compare(*data, INFO, baseline="arm11", **OPTIONS)
