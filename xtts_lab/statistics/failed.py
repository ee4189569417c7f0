"""What failed trials could have changed: a verdict must survive the worst case for them.

A trial that failed has no score, and one that fails on its hardest items looks the better for it.
Nothing says what it would have scored. So the trials that one arm lacks and the other does not are
given the worst score there is for the verdict: the metric's bound or, where it has none, the
extreme that any trial of the experiment showed (of an error rate at least 1: nothing right). This
is Manski's (1990) worst-case bound, with observed extremes for bounds that do not exist.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from xtts_lab.metrics.info import UNKNOWN, MetricInfo
from xtts_lab.statistics.cells import CELL, GROUP

KEY = [*GROUP, *CELL]


def extremes(
    scores: pd.DataFrame, info: Mapping[str, MetricInfo]
) -> dict[str, tuple[float, float]]:
    """Return for each metric id the lowest and the highest score of a trial that is missing."""
    seen = scores.groupby("metric", observed=True)["value"].agg(["min", "max"])
    found = {}
    for metric, low, high in seen.itertuples():
        known = info.get(str(metric), UNKNOWN)
        least, most = known.bounds
        floor = 1.0 if known.rate else -math.inf
        found[str(metric)] = (
            least if math.isfinite(least) else float(low),
            most if math.isfinite(most) else max(float(high), floor),
        )
    return found


def asked_for(trials: pd.DataFrame) -> dict[str, set[str]]:
    """Return the languages that each arm was asked for."""
    pairs = trials[["arm", "language"]].drop_duplicates()
    return {str(arm): set(own) for arm, own in pairs.groupby("arm", observed=True)["language"]}


def in_common(
    failed: pd.DataFrame, asked: Mapping[str, Collection[str]], arms: Collection[str]
) -> pd.DataFrame:
    """Return the failed cells of `arms` in the languages that all of them were asked for."""
    shared = set.intersection(*(set(asked.get(arm, ())) for arm in arms))
    return failed[failed["arm"].isin(list(arms)) & failed["language"].isin(shared)]


def unequal(failed: pd.DataFrame, arm: str, other: str) -> pd.DataFrame:
    """Return of both arms' failed cells those that did not fail as often in the other arm.

    An item that neither arm could speak says nothing of their difference.
    """
    mine, theirs = failed[failed["arm"] == arm], failed[failed["arm"] == other]
    item = ["condition", "metric", *CELL]
    both = mine.merge(theirs, on=[*item, "failed"])[item]
    either = failed[failed["arm"].isin([arm, other])]
    marked = either.merge(both, on=item, how="left", indicator="found")
    return marked[marked["found"] == "left_only"].drop(columns="found")


def filled(cells: pd.DataFrame, failed: pd.DataFrame, worst: Mapping[str, float]) -> pd.DataFrame:
    """Return cells in which failed trials have a score: `worst` of their arm.

    `cells` are those of one condition and metric that is no pooled quantity, from `cell_table`;
    `failed` is of the same scope. A failed trial of a ratio is as long as the others of its cell
    or, where there are none, as those of the other arms.
    """
    ours = failed[failed["arm"].isin(list(worst))]
    wide = cells.merge(ours, on=KEY, how="outer")
    wide[["n", "failed"]] = wide[["n", "failed"]].fillna(0).astype(int)
    wide[["numerator", "denominator"]] = wide[["numerator", "denominator"]].fillna(0.0)
    lost = wide["failed"].to_numpy(np.float64)
    score = wide["arm"].map(dict(worst)).fillna(0.0).to_numpy(np.float64)
    ratio = bool(cells["ratio"].any())
    if ratio:
        size = _size(wide)
        wide["numerator"] += lost * score * size
        wide["denominator"] += lost * size
    else:
        trials = wide["n"] + wide["failed"]
        wide["numerator"] = (wide["numerator"] * wide["n"] + lost * score) / trials
        wide["denominator"] = 1.0
    wide["n"] += wide["failed"]
    return wide.drop(columns="failed").assign(ratio=ratio, components=None).sort_values(KEY)


def _size(wide: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the denominator of a trial of each cell: its own, else other arms', else the mean."""
    own = (wide["denominator"] / wide["n"].where(wide["n"] > 0)).rename("own")
    item = [wide[column] for column in CELL]
    others = own.groupby(item, observed=True).transform("mean")
    return own.fillna(others).fillna(own.mean()).to_numpy(np.float64)
