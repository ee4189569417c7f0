"""From scores to cells: what the statistics resample.

A cell is one (arm, condition, language, metric, speaker, sentence). Repeats are averaged within it,
or summed where the metric is a ratio of sums. `condition` keeps items with a reference in the
language of the text apart from cross-lingual ones, which never share a row of a table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from xtts_lab.conditions import conditions_of
from xtts_lab.statistics.bootstrap import Cells, Floats
from xtts_lab.statistics.pooled import with_components

GROUP = ["arm", "condition", "metric"]
CELL = ["language", "speaker", "sentence"]


def placed(trials: pd.DataFrame) -> pd.DataFrame:
    """Return trials with `condition` and `sentence`, sorted by trial id.

    The sentence is the text; an item without one (an untranscribed recording) is its own sentence.
    """
    frame = trials.sort_values("trial_id", kind="stable").reset_index(drop=True)
    frame["condition"] = conditions_of(frame["language"], frame["reference_language"])
    text = frame["text"].fillna("").astype(str)
    frame["sentence"] = np.where(text == "", "\x00" + frame["utterance_id"].astype(str), text)
    return frame


def cell_table(
    scores: pd.DataFrame, trials: pd.DataFrame, pooled: Collection[str] = ()
) -> pd.DataFrame:
    """Return one row a cell: GROUP, CELL, `numerator`, `denominator`, `n` trials, `ratio`; sorted.

    `trials` come from `placed`. A score that is not a number is a failed one and left out. `ratio`:
    numerators and denominators are sums over trials, else a mean over 1. The metrics in `pooled`
    have their summed `components` as well, all others None.
    """
    wide = joined(scores, trials, ["condition", "speaker", "sentence"])
    wide = wide[wide["value"].notna()]
    ratio = wide["denominator"].notna()
    wide = wide.assign(
        numerator=wide["numerator"].where(ratio, wide["value"]).astype(float),
        denominator=wide["denominator"].where(ratio, 1.0).astype(float),
        ratio=ratio,
        n=1,
    )
    by = wide.groupby([*GROUP, *CELL], sort=True, observed=True)
    cells = by[["numerator", "denominator", "n"]].sum()
    # A mean has denominator 1 a cell, whatever the number of repeats; a ratio keeps its sums.
    cells["ratio"] = by["ratio"].any()
    mean = ~cells["ratio"]
    cells["numerator"] = cells["numerator"].where(~mean, cells["numerator"] / cells["n"])
    cells["denominator"] = cells["denominator"].where(~mean, 1.0)
    return with_components(cells.reset_index(), wide, [*GROUP, *CELL], pooled)


def with_enough(cells: pd.DataFrame, least: Mapping[str, int], count: str = "n") -> pd.DataFrame:
    """Return the cells of languages in which `count` adds up to what a metric takes at `least`.

    So a percentile that lies in the tail is blank, not wild, where there are few trials.
    """
    if not least or cells.empty:
        return cells
    there = cells.groupby([*GROUP, "language"], observed=True)[count].transform("sum")
    return cells[there >= cells["metric"].map(dict(least)).fillna(0)]


def cells_of(frame: pd.DataFrame) -> tuple[Cells, list[str]]:
    """Return the coded cells of rows sorted by CELL, and the languages behind their codes."""
    speaker = pd.factorize(frame["speaker"], sort=True)[0].astype(np.int64)
    language, names = pd.factorize(frame["language"], sort=True)
    text, texts = pd.factorize(frame["sentence"], sort=True)
    # A code of a language and a text, and then without gaps: as `groupby`, in a tenth of its time.
    sentence = np.unique(language * max(1, len(texts)) + text, return_inverse=True)[1]
    return (
        Cells(speaker, sentence.astype(np.int64), language.astype(np.int64)),
        [str(name) for name in names],
    )


def sums_of(frame: pd.DataFrame, suffix: str = "") -> Floats:
    """Return numerators and denominators of cells [C, 2]."""
    both = [frame[f"{part}{suffix}"].to_numpy(np.float64) for part in ("numerator", "denominator")]
    return np.stack(both).T  # in this order in memory, a sum rounds as it does over the frame


def rate(sums: Floats) -> Floats:
    """Return numerator / denominator of sums [..., 2]; NaN where the denominator is 0."""
    numerator, denominator = sums[..., 0], sums[..., 1]
    empty = np.full(denominator.shape, np.nan)
    return np.asarray(np.divide(numerator, denominator, out=empty, where=denominator != 0))


def joined(scores: pd.DataFrame, trials: pd.DataFrame, extra: list[str]) -> pd.DataFrame:
    """Return scores with columns of their trials, sorted so that sums add in one order."""
    columns = ["trial_id", "arm", "language", "metric", "value", "numerator", "denominator"]
    keep = scores[[*columns, *scores.columns.intersection(["detail"])]]
    wide = keep.merge(trials[["trial_id", *extra]], on="trial_id", how="inner", validate="m:1")
    return wide.sort_values(["metric", "trial_id"], kind="stable")
