"""Summaries with intervals, and paired comparisons with verdicts. No torch, no files.

Error rates are pooled per language from their numerators and denominators; means average cells;
`all` is the unweighted mean over languages. Every figure is exact under the order of its input
rows, and each interval draws from a generator of its own, so that adding an arm, a language or a
metric changes no other interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xtts_lab.errors import UsageError
from xtts_lab.metrics.info import UNKNOWN, MetricInfo, Pool
from xtts_lab.registry import unknown
from xtts_lab.statistics.bootstrap import generator, holm, sign_flip
from xtts_lab.statistics.cells import CELL, GROUP, cell_table, placed, tally, with_enough
from xtts_lab.statistics.estimates import Effect, Options, gap, level

ALL = "all"
ENOUGH_SPEAKERS, ENOUGH_SENTENCES = 10, 20

SUMMARY_COLUMNS = [
    "arm", "condition", "language", "metric", "unit", "direction", "mean", "ci_low", "ci_high",
    "n", "failed", "skipped", "speakers", "sentences",
]  # fmt: skip
COMPARISON_COLUMNS = [
    "baseline", "arm", "condition", "language", "metric", "unit", "direction", "difference",
    "ci_low", "ci_high", "p_value", "p_adjusted", "verdict", "speakers", "sentences",
]  # fmt: skip


def summarise(
    scores: pd.DataFrame,
    trials: pd.DataFrame,
    info: Mapping[str, MetricInfo],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Return SUMMARY_COLUMNS: one row an (arm, condition, language or `all`, metric) that applies.

    `scores` has one row a (trial, metric id): trial_id, arm, language, metric, value, numerator,
    denominator (NaN where the metric is no ratio). A missing row means that the metric does not
    apply; a value that is NaN means that the measurement failed. `n` counts scored trials, `failed`
    those that should have been, `skipped` those to which the metric does not apply. A metric that
    has too few trials everywhere (see `MetricInfo.least`) has no row. Intervals are those of a
    crossed bootstrap over speakers and sentences (see `intervals`), blank where there is
    one of each.
    """
    options = Options(confidence, resamples, seed)
    located = placed(trials)
    grouped = [metric for metric, known in info.items() if known.grouped]
    cells = with_enough(cell_table(scores, located, _pools(info)), _least(info))
    counts = tally(scores, located, _printed(scores, cells, info), grouped)
    groups = dict(iter(cells.groupby(GROUP, sort=True, observed=True)))
    empty = cells.iloc[:0]
    rows: list[dict[str, object]] = []
    for key, counted in counts.groupby(GROUP, sort=True, observed=True):
        pool = _pools(info).get(str(key[2]))
        rows += _summary_rows(key, groups.get(key, empty), counted, options, pool)
    table = _described(pd.DataFrame(rows), info, SUMMARY_COLUMNS)
    ends = [
        bounded((low, high), info.get(str(metric), UNKNOWN))
        for low, high, metric in zip(
            table["ci_low"], table["ci_high"], table["metric"], strict=True
        )
    ]
    return table.assign(ci_low=[low for low, _ in ends], ci_high=[high for _, high in ends])


def bounded(ends: tuple[float, float], known: MetricInfo) -> tuple[float, float]:
    """Return the ends of an interval of a level, no further than the quantity can go."""
    low, high = ends
    return max(low, known.bounds[0]), min(high, known.bounds[1])


def compare(
    scores: pd.DataFrame,
    trials: pd.DataFrame,
    info: Mapping[str, MetricInfo],
    *,
    baseline: str | None,
    confidence: float,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Return COMPARISON_COLUMNS: every other arm minus the baseline; empty without a baseline.

    Arms are differenced on the (speaker, sentence) cells that both have, resampled with the same
    weights; p-values swap the arms' labels speaker by speaker, and are never smaller than that of
    the interval, which knows of sentences as well; Holm adjusts within a metric over the arms at
    `all`, and over arms and languages as a second family. A verdict other than `undecided` takes an
    adjusted p-value below 1 - confidence and an interval without 0, 10 speakers, 20 sentences, a
    direction, and trained weights on both sides. Raises `UsageError` for a baseline that is no arm.
    """
    if baseline is None:
        return pd.DataFrame(columns=COMPARISON_COLUMNS)
    arms = sorted(set(trials["arm"]))
    if baseline not in arms:
        raise UsageError(f"statistics.baseline: {unknown('arm', baseline, arms)}")
    located = placed(trials)
    cells = cell_table(scores, located, _pools(info))
    base = cells[cells["arm"] == baseline].drop(columns="arm")
    others = cells[cells["arm"] != baseline]
    pairs = others.merge(base, on=["condition", "metric", *CELL], suffixes=("", "_base"))
    for count in ("n", "n_base"):
        pairs = with_enough(pairs, _least(info), count)
    options = Options(confidence, resamples, seed)
    rows: list[dict[str, object]] = []
    for key, frame in pairs.groupby(GROUP, sort=True, observed=True):
        pool = _pools(info).get(str(key[2]))
        rows += _comparison_rows(baseline, key, frame.sort_values(CELL), options, pool)
    if not rows:
        return pd.DataFrame(columns=COMPARISON_COLUMNS)
    table = pd.DataFrame(rows)
    table["p_adjusted"] = _adjusted(table)
    table = _described(table.assign(verdict=""), info, COMPARISON_COLUMNS)
    random = untrained(trials)
    barred = table["arm"].isin(random) | (baseline in random)
    table["verdict"] = [
        "undecided" if stop else _verdict(row, 1.0 - confidence)
        for stop, row in zip(barred, table.to_dict("records"), strict=True)
    ]
    return table


def _metrics(scores: pd.DataFrame, info: Mapping[str, MetricInfo]) -> list[str]:
    """Return metric ids in the order of `info`, which is the experiment's."""
    return [*info, *sorted(set(scores["metric"]) - set(info))]


def _pools(info: Mapping[str, MetricInfo]) -> dict[str, Pool]:
    return {metric: known.pool for metric, known in info.items() if known.pool is not None}


def _least(info: Mapping[str, MetricInfo]) -> dict[str, int]:
    return {metric: known.least for metric, known in info.items() if known.least > 0}


def _printed(
    scores: pd.DataFrame, cells: pd.DataFrame, info: Mapping[str, MetricInfo]
) -> list[str]:
    """Return all metric ids but those that take more trials than any arm and language have."""
    here, least = set(cells["metric"]), _least(info)
    return [
        metric for metric in _metrics(scores, info) if metric in here or least.get(metric, 0) < 2
    ]


def _summary_rows(
    key: Sequence[Any],
    cells: pd.DataFrame,
    counted: pd.DataFrame,
    options: Options,
    pool: Pool | None,
) -> list[dict[str, object]]:
    arm, condition, metric = key
    tallies = counted.set_index("language")[["n", "failed", "skipped"]]
    rows = []
    figures: dict[str, object] = {}
    for language in [*tallies.index, ALL]:
        part = cells if language == ALL else cells[cells["language"] == language]
        count = tallies.sum() if language == ALL else tallies.loc[language]
        if not (language == ALL and len(tallies) == 1):  # one language is all there is
            figures = _measured(part, key, options, pool) | _sizes(part)
        rows.append(
            {"arm": arm, "condition": condition, "language": language, "metric": metric}
            | {name: int(count[name]) for name in ("n", "failed", "skipped")}
            | figures
        )
    return rows


def _measured(
    frame: pd.DataFrame, key: Sequence[Any], options: Options, pool: Pool | None
) -> dict[str, object]:
    if frame.empty:
        return dict.fromkeys(("mean", "ci_low", "ci_high"), float("nan"))
    found = level(frame, pool, options, *key)
    return {"mean": found.value, "ci_low": found.interval.low, "ci_high": found.interval.high}


def _comparison_rows(
    baseline: str,
    key: Sequence[Any],
    pairs: pd.DataFrame,
    options: Options,
    pool: Pool | None,
) -> list[dict[str, object]]:
    arm, condition, metric = key
    languages = sorted(set(pairs["language"]))
    rows = []
    figures: dict[str, object] = {}
    for language in [*languages, ALL]:
        part = pairs if language == ALL else pairs[pairs["language"] == language]
        if not (language == ALL and len(languages) == 1):
            found = gap(part, pool, options, baseline, *key)
            flips = generator(options.seed, "flip", baseline, *key, str(language))
            figures = {
                "difference": found.value,
                "ci_low": found.interval.low,
                "ci_high": found.interval.high,
                "p_value": _p_value(found, flips),
                **_sizes(part),
            }
        rows.append(
            {"baseline": baseline, "arm": arm, "condition": condition, "language": language}
            | {"metric": metric}
            | figures
        )
    return rows


def _p_value(found: Effect, rng: np.random.Generator) -> float:
    """Return the larger p-value of the sign flips and of the interval.

    Sign flips are exact with few speakers, and blind to the choice of sentences; the interval knows
    both sides. Without one, as where only one sentence was said, the flips stand alone.
    """
    ours, theirs = found.short.sums
    flipped = sign_flip(found.cells, ours, theirs, found.short.statistic, rng)
    return float(np.fmax(flipped, found.interval.p_value()))


def _sizes(frame: pd.DataFrame) -> dict[str, object]:
    sentences = frame[["language", "sentence"]].drop_duplicates()
    return {"speakers": int(frame["speaker"].nunique()), "sentences": len(sentences)}


def _adjusted(table: pd.DataFrame) -> pd.Series[float]:
    """Apply Holm within a metric: the rows of `all` are one family, those of languages another."""
    family = [table["metric"], table["language"] == ALL]
    adjusted: pd.Series[float] = table.groupby(family, sort=False)["p_value"].transform(
        lambda p: holm(p.to_numpy(np.float64))
    )
    return adjusted


def _verdict(row: Mapping[Any, Any], alpha: float) -> str:
    few = row["speakers"] < ENOUGH_SPEAKERS or row["sentences"] < ENOUGH_SENTENCES
    clear = (row["ci_low"] > 0 or row["ci_high"] < 0) and row["p_adjusted"] < alpha
    if few or not clear or row["direction"] == "none":
        return "undecided"
    return "better" if (row["difference"] > 0) == (row["direction"] == "higher") else "worse"


def untrained(trials: pd.DataFrame) -> set[str]:
    """Return the arms whose figures mean nothing: random weights, or parts not trained together."""
    columns = [name for name in ("weights_random", "untrained") if name in trials]
    marked = trials[columns].fillna(False).astype(bool).any(axis=1)
    return set(trials.loc[marked, "arm"])


def _described(
    table: pd.DataFrame, info: Mapping[str, MetricInfo], columns: list[str]
) -> pd.DataFrame:
    """Add unit and direction, and sort rows: metric as configured, arm and language as planned."""
    if table.empty:
        return pd.DataFrame(columns=columns)
    metrics = table["metric"].astype(str)
    table = table.assign(
        unit=[info.get(m, UNKNOWN).unit for m in metrics],
        direction=[info.get(m, UNKNOWN).direction for m in metrics],
    )
    order = {m: i for i, m in enumerate(_metrics(table, info))}
    table = table.assign(_metric=metrics.map(order), _all=table["language"] != ALL)
    by = ["_metric", "arm", "condition", "_all", "language"]
    return table.sort_values(by, kind="stable").reset_index(drop=True)[columns]
