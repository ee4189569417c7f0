"""How intervals and verdicts fare in hostile worlds: rare events, outliers, lost trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from math import inf

import numpy as np
import pandas as pd
from hostile_worlds import (
    LAYOUTS,
    LOSS,
    SHARE_LAYOUTS,
    Draw,
    Floats,
    Layout,
    errors,
    faults,
    lognormal,
    losing,
    plain,
    without_worst,
)
from simulated import METRIC, Frames
from simulation_runner import Draws, Job

from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics.estimates import Options, gap, level
from xtts_lab.statistics.summaries import compare

SHARE = MetricInfo("ratio", "lower", bounds=(0.0, 1.0))
RATE = MetricInfo("ratio", "lower", bounds=(0.0, inf))
VALUE = MetricInfo("cosine", "higher")
SHARES = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
WITHIN = (0.0, 0.1, 0.3)


def jobs() -> Iterator[Job]:
    """Yield one job a world and kind."""
    for name, layout in SHARE_LAYOUTS.items():
        for within in WITHIN:
            for share in SHARES:
                told = partial(level_of_share, layout, share, within)
                yield Job("shares", f"{name}, within {within:g}", f"{share:.0%}", told)
    for name, layout in LAYOUTS.items():
        for share in SHARES:
            told = partial(difference_of_shares, layout, share)
            yield Job("differences of shares", name, f"{share:.0%}", told)
        for rate in (0.002, 0.03, 0.1):
            for spread in (0.0, 0.75, 1.0):
                told = partial(level_of_error_rate, layout, rate, spread)
                yield Job("error rates", f"{name}, speakers' sd {spread:g}", f"{rate:.1%}", told)
        for kind, draw, truth in (("lognormal", lognormal, 0.0), ("lost", losing, -LOSS)):
            told = partial(verdict, layout, draw, 0.0, truth)
            yield Job("one hostile arm", name, f"{kind} speakers", told)
    for name in ("turns", "crossed"):
        for lost in (0.02, 0.05, 0.1, 0.2):
            told = partial(verdict, LAYOUTS[name], plain, lost, 0.0)
            yield Job("one arm fails", name, f"worst {lost:.0%}", told)


def cells(layout: Layout, numerator: Floats, denominator: Floats | float = 1.0) -> pd.DataFrame:
    """Return the cells of one arm, sorted as `level` wants them."""
    frame = pd.DataFrame(
        {"language": "en", "speaker": layout.speaker, "sentence": layout.sentence}
        | {"numerator": numerator, "denominator": denominator}
    )
    return frame.sort_values(["speaker", "sentence"], ignore_index=True)


def level_of_share(
    layout: Layout, share: float, within: float, draws: Draws
) -> Iterator[Mapping[str, bool]]:
    """Draw a share whose outcomes correlate `within` speakers; the claim is "share < p"."""
    for i, rng in draws:
        found = level(cells(layout, faults(layout, share, within, rng)), SHARE, options(i)).interval
        yield {"covered": found.low <= share <= found.high, "false claim": found.high < share}


def difference_of_shares(
    layout: Layout, share: float, draws: Draws
) -> Iterator[Mapping[str, bool]]:
    """Draw two arms' equal shares, with different speakers to blame."""
    for i, rng in draws:
        one, two = (cells(layout, faults(layout, share, 0.1, rng)) for _ in range(2))
        base = two[["numerator", "denominator"]].add_suffix("_base")
        found = gap(pd.concat([one, base], axis=1), SHARE, options(i)).interval
        yield {"covered": found.low <= 0.0 <= found.high}


def level_of_error_rate(
    layout: Layout, rate: float, spread: float, draws: Draws
) -> Iterator[Mapping[str, bool]]:
    """Draw errors of lognormal speakers."""
    for i, rng in draws:
        found = level(cells(layout, *errors(layout, rate, spread, rng)), RATE, options(i)).interval
        yield {"covered": found.low <= rate <= found.high}


def verdict(
    layout: Layout, draw: Draw, lost: float, truth: float, draws: Draws
) -> Iterator[Mapping[str, bool]]:
    """Compare arms of which one has skewed speakers, or fails on its worst trials."""
    frames = Frames((layout.speaker, layout.sentence), 2)
    right = "worse" if truth < 0.0 else "undecided"
    for i, rng in draws:
        values = np.stack([plain(layout, rng), without_worst(draw(layout, rng), lost)])
        table = compare(
            frames.scores(values), frames.trials, {METRIC: VALUE}, baseline="arm0", seed=i,
            confidence=0.95, resamples=1000,
        )  # fmt: skip
        row = table.iloc[-1]
        covered, silent = row["ci_low"] <= truth <= row["ci_high"], row["verdict"] == "undecided"
        yield {
            "covered": covered,
            "covered or silent": covered or silent,
            "false verdict": row["verdict"] not in (right, "undecided"),
        }


def options(seed: int) -> Options:
    """Return how intervals are drawn."""
    return Options(confidence=0.95, resamples=1000, seed=seed)
