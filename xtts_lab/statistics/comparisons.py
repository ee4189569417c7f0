"""One arm against a baseline, row by row: what was measured, and what a verdict must survive.

A verdict other than `undecided` takes an interval without 0 and an adjusted p-value below the
limit; it must also stand without the most influential speaker, and in the worst case for trials
that failed in one arm alone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xtts_lab.conditions import ALL
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics.bootstrap import holm
from xtts_lab.statistics.cells import CELL, with_enough
from xtts_lab.statistics.contrast import LENIENT, Contrast, contrast, most_influential, without
from xtts_lab.statistics.estimates import Options
from xtts_lab.statistics.failed import filled, in_common, unequal
from xtts_lab.statistics.rules import ENOUGH_SENTENCES, ENOUGH_SPEAKERS

UNDECIDED = "undecided"


@dataclass(frozen=True, eq=False)
class Contest:
    """An arm and a baseline in one condition and metric; `key` is (arm, condition, metric)."""

    baseline: str
    key: tuple[str, str, str]
    cells: pd.DataFrame  # of both arms
    failed: pd.DataFrame  # of both arms, by cell
    worst: tuple[float, float]  # what a missing trial may have scored
    known: MetricInfo
    options: Options

    @property
    def names(self) -> tuple[str, ...]:
        """What chooses the generators."""
        return self.baseline, *self.key

    def pairs(self, cells: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the cells that both arms have, side by side, sorted by CELL."""
        cells = self.cells if cells is None else cells
        base = cells[cells["arm"] == self.baseline].drop(columns="arm")
        ours = cells[cells["arm"] == self.key[0]]
        both = ours.merge(base, on=["condition", "metric", *CELL], suffixes=("", "_base"))
        for count in ("n", "n_base"):
            least = {self.key[2]: self.known.least} if self.known.least else {}
            both = with_enough(both, least, count)
        return both.sort_values(CELL, kind="stable").reset_index(drop=True)


def rows(contest: Contest) -> list[dict[str, object]]:
    """Return one row a language, and one of all; empty where the arms share no cell."""
    pairs = contest.pairs()
    languages = sorted(set(pairs["language"]))
    found: list[dict[str, object]] = []
    figures: dict[str, object] = {}
    for language in [*languages, ALL] if languages else []:
        part = pairs if language == ALL else pairs[pairs["language"] == language]
        if not (language == ALL and len(languages) == 1):  # one language is all there is
            scope = ALL if len(languages) == 1 else language
            figures = _figures(contest, part.reset_index(drop=True), scope)
        arm, condition, metric = contest.key
        found.append(
            {"baseline": contest.baseline, "arm": arm, "condition": condition}
            | {"language": language, "metric": metric}
            | figures
        )
    return found


def _figures(contest: Contest, pairs: pd.DataFrame, language: str) -> dict[str, object]:
    found = contrast(pairs, contest.known, contest.options, contest.names)
    limit = LENIENT * (1.0 - contest.options.confidence)
    figures: dict[str, object] = {
        "difference": found.effect.value,
        "ci_low": found.effect.interval.low,
        "ci_high": found.effect.interval.high,
        "p_value": found.p_value,
        "speakers": found.effect.cells.speakers,
        "sentences": found.effect.cells.sentences,
        "failed": _failures(contest, contest.key[0], language),
        "failed_baseline": _failures(contest, contest.baseline, language),
        "p_worst": math.nan,
    }
    figures |= _without_one(contest, found, pairs, tell=language == ALL or found.p_value < limit)
    if found.p_value < limit:
        figures["p_worst"] = _at_worst(contest, found, language)
    return figures


def _failures(contest: Contest, arm: str, language: str) -> int:
    if contest.failed.empty:
        return 0
    return int(_of(contest.failed, language).loc[lambda f: f["arm"] == arm, "failed"].sum())


def _of(frame: pd.DataFrame, language: str) -> pd.DataFrame:
    return frame if language == ALL else frame[frame["language"] == language]


def _without_one(
    contest: Contest, found: Contrast, pairs: pd.DataFrame, *, tell: bool
) -> dict[str, object]:
    """Return the most influential speaker; and if `tell`, what remains without it."""
    speaker = most_influential(found.effect, pairs)
    row: dict[str, object] = {
        "influential_speaker": speaker or "", "difference_without": math.nan, "p_without": math.nan,
    }  # fmt: skip
    if speaker is None or not tell:
        return row
    rest = contrast(without(pairs, speaker), contest.known, contest.options, contest.names)
    return row | {"difference_without": rest.effect.value, "p_without": rest.against(found)}


def _at_worst(contest: Contest, found: Contrast, language: str) -> float:
    """Return the p-value in the worst case for trials that failed in one arm; NaN without any."""
    lost = _of(unequal(contest.failed, contest.key[0], contest.baseline), language)
    if lost.empty:
        return math.nan
    if contest.known.pool is not None or not all(map(math.isfinite, contest.worst)):
        return 1.0
    low, high = contest.worst if found.above else contest.worst[::-1]
    scores = {contest.key[0]: low, contest.baseline: high}
    pairs = contest.pairs(filled(_of(contest.cells, language), lost, scores))
    worst = contrast(pairs, contest.known, contest.options, contest.names)
    return worst.against(found)


def judged(table: pd.DataFrame, alpha: float, barred: Collection[str]) -> pd.DataFrame:
    """Return rows with `p_adjusted`, `verdict`, `verdict_without` and `reason`.

    `barred` arms have weights that mean nothing. Holm adjusts within a metric: the rows of `all`
    are one family, those of languages another.
    """
    table = table.assign(p_adjusted=_adjusted(table))
    verdicts = [_verdict(row, alpha, barred) for row in table.to_dict("records")]
    columns = zip(*verdicts, strict=True) if verdicts else ([], [], [])
    names = ("verdict", "verdict_without", "reason")
    return table.assign(**{name: list(column) for name, column in zip(names, columns, strict=True)})


def _adjusted(table: pd.DataFrame) -> pd.Series[float]:
    family = [table["metric"], table["language"] == ALL]
    adjusted: pd.Series[float] = table.groupby(family, sort=False)["p_value"].transform(
        lambda p: holm(p.to_numpy(np.float64))
    )
    return adjusted


def _verdict(row: Mapping[Any, Any], alpha: float, barred: Collection[str]) -> tuple[str, str, str]:
    """Return the verdict, that without the most influential speaker, and why it is undecided."""
    why = _grounds(row, barred)
    if why:
        return UNDECIDED, "", why
    more = row["p_adjusted"] / row["p_value"] if row["p_value"] > 0 else 1.0
    alone = UNDECIDED
    if row["p_without"] * more < LENIENT * alpha:
        alone = _word(row, row["difference_without"])
    alone = "" if math.isnan(row["p_without"]) else alone
    if not ((row["ci_low"] > 0 or row["ci_high"] < 0) and row["p_adjusted"] < alpha):
        return UNDECIDED, alone, ""
    if row["p_worst"] * more >= alpha:
        return UNDECIDED, alone, _lost(int(row["failed"]), int(row["failed_baseline"]))
    if alone == UNDECIDED:
        return UNDECIDED, alone, f"turns on speaker {row['influential_speaker']}"
    return _word(row, row["difference"]), alone, ""


def _word(row: Mapping[Any, Any], difference: float) -> str:
    return "better" if (difference > 0) == (row["direction"] == "higher") else "worse"


def _grounds(row: Mapping[Any, Any], barred: Collection[str]) -> str:
    random = sorted({str(row["arm"]), str(row["baseline"])} & set(barred))
    if random:
        return f"the weights of {', '.join(random)} are random or not trained together"
    if row["speakers"] < ENOUGH_SPEAKERS or row["sentences"] < ENOUGH_SENTENCES:
        return f"fewer than {ENOUGH_SPEAKERS} speakers or {ENOUGH_SENTENCES} sentences"
    return "no value of this metric is better" if row["direction"] == "none" else ""


def _lost(ours: int, theirs: int) -> str:
    return (
        f"{ours} trials failed, and {theirs} of the baseline; the verdict does not survive the "
        "worst case for those that are missing"
    )


def contests(
    cells: pd.DataFrame,
    failed: pd.DataFrame,
    asked: Mapping[str, Collection[str]],
    baseline: str,
    worst: Mapping[str, tuple[float, float]],
    info: Mapping[str, MetricInfo],
    options: Options,
) -> Sequence[Contest]:
    """Return the contests of every other arm with the baseline, sorted by arm and metric.

    `asked` are the languages of each arm: failures in others say nothing of a difference.
    """
    nothing = failed.iloc[:0]
    by = ["condition", "metric"]
    lost = dict(iter(failed.groupby(by, observed=True))) if len(failed) else {}
    found = []
    for (condition, metric), own in cells.groupby(by, sort=True, observed=True):
        theirs = lost.get((condition, metric), nothing)
        for arm in sorted(set(own["arm"]) - {baseline}):
            pair = [arm, baseline]
            found.append(
                Contest(
                    baseline,
                    (str(arm), str(condition), str(metric)),
                    own[own["arm"].isin(pair)],
                    in_common(theirs, asked, pair),
                    worst.get(str(metric), (math.nan, math.nan)),
                    info.get(str(metric), MetricInfo("", "none")),
                    options,
                )
            )
    return found
