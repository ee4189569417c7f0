"""Summaries with intervals, and paired comparisons with verdicts. No torch, no files.

Error rates are pooled per language from their numerators and denominators; means average cells;
`all` is the unweighted mean over languages. Every figure is exact under the order of its input
rows, and each interval draws from a generator of its own, so that adding an arm, a language or a
metric changes no other interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from xtts_lab.conditions import ALL
from xtts_lab.errors import UsageError
from xtts_lab.metrics.info import UNKNOWN, MetricInfo, Pool
from xtts_lab.registry import unknown
from xtts_lab.statistics.cells import GROUP, cell_table, placed, with_enough
from xtts_lab.statistics.comparisons import contests, judged, rows
from xtts_lab.statistics.counts import failed_cells, tally
from xtts_lab.statistics.estimates import Options, level
from xtts_lab.statistics.failed import asked_for, extremes

SUMMARY_COLUMNS = [
    "arm", "condition", "language", "metric", "unit", "direction", "mean", "ci_low", "ci_high",
    "n", "failed", "skipped", "speakers", "sentences",
]  # fmt: skip
_MEASURED = [name for name in SUMMARY_COLUMNS if name not in ("unit", "direction")]
COMPARISON_COLUMNS = [
    "baseline", "arm", "condition", "language", "metric", "unit", "direction", "difference",
    "ci_low", "ci_high", "p_value", "p_adjusted", "verdict", "speakers", "sentences",
    "failed", "failed_baseline", "influential_speaker", "difference_without", "p_without",
    "verdict_without", "p_worst", "reason",
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
    options = Options(confidence=confidence, resamples=resamples, seed=seed)
    located = placed(trials)
    cells = with_enough(cell_table(scores, located, _pools(info)), _least(info))
    counts = tally(scores, located, _printed(scores, cells, info), _grouped(info))
    groups = dict(iter(cells.groupby(GROUP, sort=True, observed=True)))
    empty = cells.iloc[:0]
    found: list[dict[str, object]] = []
    for key, counted in counts.groupby(GROUP, sort=True, observed=True):
        known = info.get(str(key[2]), UNKNOWN)
        found += _summary_rows(key, groups.get(key, empty), counted, options, known)
    return _described(pd.DataFrame(found, columns=_MEASURED), info)[SUMMARY_COLUMNS]


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
    direction, and trained weights on both sides. It must stand without the speaker that moves the
    difference most (`influential_speaker`, `verdict_without`), and in the worst case for trials
    that failed in one arm alone (`p_worst`; blank where none did). `reason` says why a clear
    difference has no verdict. Raises `UsageError` for a baseline that is no arm.
    """
    if baseline is None:
        return pd.DataFrame(columns=COMPARISON_COLUMNS)
    arms = sorted(set(trials["arm"]))
    if baseline not in arms:
        raise UsageError(f"statistics.baseline: {unknown('arm', baseline, arms)}")
    located = placed(trials)
    cells = cell_table(scores, located, _pools(info))
    failed = failed_cells(scores, located, sorted(set(cells["metric"])), _grouped(info))
    options = Options(confidence=confidence, resamples=resamples, seed=seed)
    worst, asked = extremes(scores, info), asked_for(located)
    matches = contests(cells, failed, asked, baseline, worst, info, options)
    found = [row for contest in matches for row in rows(contest)]
    if not found:
        return pd.DataFrame(columns=COMPARISON_COLUMNS)
    table = _described(pd.DataFrame(found), info)
    return judged(table, 1.0 - confidence, untrained(trials))[COMPARISON_COLUMNS]


def _metrics(scores: pd.DataFrame, info: Mapping[str, MetricInfo]) -> list[str]:
    """Return metric ids in the order of `info`, which is the experiment's."""
    return [*info, *sorted(set(scores["metric"]) - set(info))]


def _pools(info: Mapping[str, MetricInfo]) -> dict[str, Pool]:
    return {metric: known.pool for metric, known in info.items() if known.pool is not None}


def _grouped(info: Mapping[str, MetricInfo]) -> list[str]:
    return [metric for metric, known in info.items() if known.grouped]


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
    known: MetricInfo,
) -> list[dict[str, object]]:
    arm, condition, metric = key
    tallies = counted.set_index("language")[["n", "failed", "skipped"]]
    rows = []
    figures: dict[str, object] = {}
    for language in [*tallies.index, ALL]:
        part = cells if language == ALL else cells[cells["language"] == language]
        count = tallies.sum() if language == ALL else tallies.loc[language]
        if not (language == ALL and len(tallies) == 1):  # one language is all there is
            figures = _measured(part, key, options, known)
        rows.append(
            {"arm": arm, "condition": condition, "language": language, "metric": metric}
            | {name: int(count[name]) for name in ("n", "failed", "skipped")}
            | figures
        )
    return rows


def _measured(
    frame: pd.DataFrame, key: Sequence[Any], options: Options, known: MetricInfo
) -> dict[str, object]:
    if frame.empty:
        nothing = dict.fromkeys(("mean", "ci_low", "ci_high"), float("nan"))
        return {**nothing, "speakers": 0, "sentences": 0}
    found = level(frame, known, options, *key)
    return {
        "mean": found.value, "ci_low": found.interval.low, "ci_high": found.interval.high,
        "speakers": found.cells.speakers, "sentences": found.cells.sentences,
    }  # fmt: skip


def untrained(trials: pd.DataFrame) -> set[str]:
    """Return the arms whose figures mean nothing: random weights, or parts not trained together."""
    columns = [name for name in ("weights_random", "untrained") if name in trials]
    marked = trials[columns].fillna(False).astype(bool).any(axis=1)
    return set(trials.loc[marked, "arm"])


def _described(table: pd.DataFrame, info: Mapping[str, MetricInfo]) -> pd.DataFrame:
    """Add unit and direction, and sort rows: metric as configured, arm and language as planned."""
    metrics = table["metric"].astype(str)
    table = table.assign(
        unit=[info.get(m, UNKNOWN).unit for m in metrics],
        direction=[info.get(m, UNKNOWN).direction for m in metrics],
    )
    order = {m: i for i, m in enumerate(_metrics(table, info))}
    table = table.assign(_metric=metrics.map(order), _all=table["language"] != ALL)
    by = ["_metric", "arm", "condition", "_all", "language"]
    return table.sort_values(by, kind="stable").reset_index(drop=True)
