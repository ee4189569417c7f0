"""From scores to cells: what the statistics resample.

A cell is one (arm, condition, language, metric, speaker, sentence). Repeats are averaged within it,
or summed where the metric is a ratio of sums. `condition` keeps items with a reference in the
language of the text apart from cross-lingual ones, which never share a row of a table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
    """Return one row a cell: GROUP, CELL, `numerator`, `denominator`, `n` trials; sorted.

    `trials` come from `placed`. A score that is not a number is a failed one and left out. The
    metrics in `pooled` have their summed `components` as well, all others None.
    """
    wide = _joined(scores, trials, ["condition", "speaker", "sentence"])
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
    mean = ~by["ratio"].any()
    cells["numerator"] = cells["numerator"].where(~mean, cells["numerator"] / cells["n"])
    cells["denominator"] = cells["denominator"].where(~mean, 1.0)
    return with_components(cells.reset_index(), wide, [*GROUP, *CELL], pooled)


def with_enough(cells: pd.DataFrame, least: Mapping[str, int], count: str = "n") -> pd.DataFrame:
    """Return the cells of languages in which `count` adds up to what a metric takes at `least`.

    So a percentile that lies in the tail is blank, not wild, where there are few trials.
    """
    if not least:
        return cells
    there = cells.groupby([*GROUP, "language"], observed=True)[count].transform("sum")
    return cells[there >= cells["metric"].map(dict(least)).fillna(0)]


def tally(
    scores: pd.DataFrame,
    trials: pd.DataFrame,
    metrics: Sequence[str],
    grouped: Collection[str] = (),
) -> pd.DataFrame:
    """Count trials by GROUP and language: `n` scored, `failed`, `skipped`; only where it applies.

    The metrics in `grouped` have one score for all repeats of an utterance: there a group counts
    once, under the trial that carries its score.
    A metric applies to an utterance if any arm has a score for it, even a failed one (not a
    number); where an utterance was scored by nothing at all, its language decides, and a language
    that nothing was scored in lets every metric apply, so that no failure goes missing.
    """
    codes = trials.assign(
        row=np.arange(len(trials)),
        utterance=pd.factorize(trials["utterance_id"])[0],
        tongue=pd.factorize(trials["language"])[0],
    )
    scored = _joined(scores, codes, ["row", "utterance", "tongue"])
    by_metric = dict(iter(scored.groupby("metric", observed=True)))
    none = scored.iloc[:0]
    parts = []
    for metric in metrics:
        own = by_metric.get(metric, none)
        units = _one_a_group(codes, own) if metric in grouped else codes
        parts.append(_tally_one(scored, own, units, metric))
    return pd.concat(parts, ignore_index=True)


def cells_of(frame: pd.DataFrame) -> tuple[Cells, list[str]]:
    """Return the coded cells of rows sorted by CELL, and the languages behind their codes."""
    speaker = pd.factorize(frame["speaker"], sort=True)[0].astype(np.int64)
    language, names = pd.factorize(frame["language"], sort=True)
    sentence = frame.groupby(["language", "sentence"], sort=True, observed=True).ngroup()
    return (
        Cells(speaker, np.asarray(sentence, dtype=np.int64), language.astype(np.int64)),
        [str(name) for name in names],
    )


def sums_of(frame: pd.DataFrame, suffix: str = "") -> Floats:
    """Return numerators and denominators of cells [C, 2]."""
    return frame[[f"numerator{suffix}", f"denominator{suffix}"]].to_numpy(np.float64)


def rate(sums: Floats) -> Floats:
    """Return numerator / denominator of sums [..., 2]; NaN where the denominator is 0."""
    numerator, denominator = sums[..., 0], sums[..., 1]
    empty = np.full(denominator.shape, np.nan)
    return np.asarray(np.divide(numerator, denominator, out=empty, where=denominator != 0))


def _joined(scores: pd.DataFrame, trials: pd.DataFrame, extra: list[str]) -> pd.DataFrame:
    """Return scores with columns of their trials, sorted so that sums add in one order."""
    columns = ["trial_id", "arm", "language", "metric", "value", "numerator", "denominator"]
    keep = scores[[*columns, *scores.columns.intersection(["detail"])]]
    wide = keep.merge(trials[["trial_id", *extra]], on="trial_id", how="inner", validate="m:1")
    return wide.sort_values(["metric", "trial_id"], kind="stable")


def _one_a_group(trials: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Return of each arm's repeats of an utterance the trial with a score, else the first."""
    bare = ~trials["row"].isin(own["row"])
    order = trials.assign(bare=bare).sort_values(["bare", "row"], kind="stable")
    return order.drop_duplicates(["arm", "utterance"]).sort_values("row").drop(columns="bare")


def _tally_one(
    scored: pd.DataFrame, own: pd.DataFrame, trials: pd.DataFrame, metric: str
) -> pd.DataFrame:
    has_row = trials["row"].isin(own["row"]).to_numpy(np.bool_)
    good = trials["row"].isin(own.loc[own["value"].notna(), "row"]).to_numpy(np.bool_)
    applies = _applies(scored, own, trials)
    failed = ~good & applies & (trials["status"].ne("ok").to_numpy(np.bool_) | has_row)
    frame = trials[["arm", "condition", "language"]].assign(
        metric=metric, n=good, failed=failed, skipped=~good & ~failed, applies=applies
    )
    by = frame.groupby([*GROUP, "language"], sort=True, observed=True)
    counts = by[["n", "failed", "skipped"]].sum().astype(int)
    return counts[by["applies"].any()].reset_index()


def _applies(scored: pd.DataFrame, own: pd.DataFrame, trials: pd.DataFrame) -> NDArray[np.bool_]:
    """Say for each trial whether the metric that `own` scores belong to applies to it."""
    utterance, language = trials["utterance"].to_numpy(), trials["tongue"].to_numpy()
    by_language = np.isin(language, own["tongue"]) | ~np.isin(language, scored["tongue"])
    seen = np.isin(utterance, scored["utterance"])
    return np.where(seen, np.isin(utterance, own["utterance"]), by_language)
