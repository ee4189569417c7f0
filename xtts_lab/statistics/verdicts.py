"""Judging claims: do interval and test lie beyond the margin, and if not, what would it take?"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from xtts_lab.conditions import ALL, IN_CLAIMS
from xtts_lab.metrics.info import UNKNOWN, MetricInfo
from xtts_lab.statistics.cells import (
    CELL,
    cell_table,
    placed,
)
from xtts_lab.statistics.claim import Claim
from xtts_lab.statistics.contrast import LENIENT, Contrast, contrast, most_influential, without
from xtts_lab.statistics.counts import failed_cells
from xtts_lab.statistics.estimates import Effect, Options, point, reachable, within
from xtts_lab.statistics.failed import asked_for, extremes, filled, in_common, unequal
from xtts_lab.statistics.intervals import Interval
from xtts_lab.statistics.power import Size, need
from xtts_lab.statistics.rules import ENOUGH_SEEDS, ENOUGH_SENTENCES, ENOUGH_SPEAKERS
from xtts_lab.statistics.summaries import untrained
from xtts_lab.statistics.training_seeds import (
    SeedSpread,
    need_seeds,
    pooled_cells,
    seed_spread,
    widened,
)

HOLDS, REFUTED, UNDECIDED = "holds", "refuted", "undecided"
COLUMNS = [
    "claim", "metric", "arm", "baseline", "language", "margin", "difference", "ci_low", "ci_high",
    "verdict", "trials", "speakers", "sentences", "need_speakers", "need_sentences", "reason",
    "direction", "condition", "unit", "seeds", "need_seeds", "p_value", "failed",
    "failed_baseline", "influential_speaker", "difference_without", "verdict_without",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Scope:
    """What a claim is about: its cells, the trials that failed there, and how they are read."""

    claim: Claim
    cells: pd.DataFrame
    failed: pd.DataFrame
    worst: tuple[float, float]
    known: MetricInfo
    options: Options

    @property
    def sides(self) -> list[list[str]]:
        """The arms of each side."""
        return [side for side in (self.claim.arm, self.claim.baseline) if side]

    @property
    def alpha(self) -> float:
        """The p-value below which a test tells something."""
        return 1.0 - self.options.confidence


@dataclass(frozen=True, eq=False)
class _Measured:
    """What a claim is judged by: the test, its interval with training seeds, and their cells."""

    test: Contrast
    interval: Interval
    seeds: SeedSpread | None
    frame: pd.DataFrame
    trials: int
    size: Size

    @property
    def p_value(self) -> float:
        """The p-value at the margin, training seeds included."""
        return float(np.fmax(self.test.p_value, self.interval.p_value(self.test.bound)))


def judge(
    claims: Sequence[Claim],
    scores: pd.DataFrame,
    trials: pd.DataFrame,
    info: Mapping[str, MetricInfo],
    *,
    confidence: float,
    resamples: int,
    seed: int,
    trained: Collection[str] = (),
) -> pd.DataFrame:
    """Return COLUMNS, one row a claim, in their order.

    `difference` is the arm minus the baseline, or the arm's own value where the claim compares it
    with a number; the interval is that of `compare` and `summarise`. A claim `holds` where the
    interval lies wholly beyond the margin and is `refuted` where it lies wholly on this side; with
    a baseline, sign flips of the speakers must tell the difference from the margin as well. Either
    must stand without the speaker that moves the figure most, and in the worst case for failed
    trials (with a baseline, for those that failed on one side alone). Else it is `undecided`, and
    `need_speakers` and `need_sentences` (or `need_seeds`) give the test set that tells a difference
    from the margin with 80 % power when they are one margin apart; where the margin is 0, a number,
    or was resolved already, as far apart as was observed. `trained` names arms that are trained
    models, whose verdict is about these checkpoints unless 5 training seeds a side stand behind it.
    With random weights only claims about time are decided.
    `scores` and `trials` are those of `summarise`.
    """
    if not claims:
        return pd.DataFrame([], columns=COLUMNS)
    options = Options(confidence=confidence, resamples=resamples, seed=seed)
    metrics = sorted({claim.metric for claim in claims})
    pools = {m: info[m].pool for m in metrics if m in info and info[m].pool is not None}
    own, located = scores[scores["metric"].isin(metrics)], placed(trials)
    cells = cell_table(own, located, {m: p for m, p in pools.items() if p})
    grouped = [metric for metric, known in info.items() if known.grouped]
    failed = failed_cells(scores, located, metrics, grouped)
    worst, asked = extremes(own, info), asked_for(located)
    barred = untrained(trials)
    rows = []
    for claim in claims:
        scope = _Scope(
            claim,
            _in_scope(claim, cells),
            in_common(_in_scope(claim, failed), asked, [*claim.arm, *(claim.baseline or ())]),
            worst.get(claim.metric, (math.nan, math.nan)),
            info.get(claim.metric, UNKNOWN),
            options,
        )
        rows.append(_row(scope, barred, trained))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(scope: _Scope, barred: Collection[str], trained: Collection[str]) -> dict[str, object]:
    claim = scope.claim
    row: dict[str, object] = {
        "claim": claim.sentence,
        "metric": claim.metric,
        "arm": ", ".join(claim.arm),
        "baseline": ", ".join(claim.baseline) if claim.baseline else None,
        "language": claim.language,
        "margin": claim.margin,
        "direction": claim.direction,
        "condition": claim.condition,
        "unit": scope.known.unit,
        "seeds": min(len(side) for side in scope.sides),
        "verdict": UNDECIDED,
        "failed": _failures(scope, claim.arm),
        "failed_baseline": _failures(scope, claim.baseline) if claim.baseline else None,
    }
    found = _measure(scope, scope.cells)
    if found is None:
        who = "both sides" if claim.baseline else "the arm"
        return (
            row
            | {"trials": 0, "speakers": 0, "sentences": 0}
            | {"reason": f"nothing was scored that {who} could be judged by"}
        )
    row |= {
        "difference": found.test.effect.value,
        "ci_low": found.interval.low,
        "ci_high": found.interval.high,
        "p_value": found.p_value,
        "trials": found.trials,
        "speakers": int(found.size.speakers),
        "sentences": int(found.size.sentences),
    }
    alone = _without_one(scope, found)
    row |= alone | _decided(scope, found, alone, barred)
    about = _about(scope, found, barred, trained)
    return row | {"reason": "; ".join(str(r) for r in (row.get("reason"), about) if r)}


def _failures(scope: _Scope, arms: Sequence[str]) -> int:
    return int(scope.failed.loc[scope.failed["arm"].isin(list(arms)), "failed"].sum())


def _measure(scope: _Scope, cells: pd.DataFrame) -> _Measured | None:
    claim, sides, known = scope.claim, scope.sides, scope.known
    parts = [pooled_cells(cells, side) for side in sides]
    if claim.baseline:
        frame = parts[0].merge(parts[1], on=["condition", "metric", *CELL], suffixes=("", "_base"))
        frame = frame.sort_values(CELL, kind="stable").reset_index(drop=True)
    else:
        frame = parts[0].reset_index(drop=True)
    if frame.empty:
        return None
    names = [*map("+".join, sides[::-1]), str(frame["condition"].iloc[0]), claim.metric]
    test = contrast(frame, known, scope.options, names, claim.bound)
    seeds = seed_spread([_by_seed(scope, cells, frame, side) for side in sides])
    return _Measured(
        test,
        _with_seeds(scope, test.effect, seeds),
        seeds,
        frame,
        trials=int(frame[["n", *frame.columns.intersection(["n_base"])]].sum().sum()),
        size=Size(
            int(frame["speaker"].nunique()), len(frame[["language", "sentence"]].drop_duplicates())
        ),
    )


def _with_seeds(scope: _Scope, effect: Effect, seeds: SeedSpread | None) -> Interval:
    """Return the interval of an effect with the spread of training seeds, within its range."""
    if seeds is None:
        return effect.interval
    ends = reachable(scope.known, paired=scope.claim.baseline is not None)
    return within(widened(effect.interval, seeds), effect.value, ends)


def _in_scope(claim: Claim, cells: pd.DataFrame) -> pd.DataFrame:
    chosen = cells[cells["metric"] == claim.metric]
    if claim.language != ALL:
        chosen = chosen[chosen["language"] == claim.language]
    if claim.condition is not None:
        chosen = chosen[chosen["condition"] == IN_CLAIMS[claim.condition]]
    return chosen


def _by_seed(
    scope: _Scope, cells: pd.DataFrame, frame: pd.DataFrame, arms: Sequence[str]
) -> list[float]:
    """Return each arm's own estimate on the cells that all of them have."""
    if len(arms) < ENOUGH_SEEDS:
        return [math.nan] * len(arms)
    shared = frame[CELL]
    estimates = []
    for arm in arms:
        own = pooled_cells(cells, [arm]).merge(shared, on=CELL).sort_values(CELL)
        estimates.append(point(own, scope.known))
    return estimates


def _decided(
    scope: _Scope, found: _Measured, alone: Mapping[str, object], barred: Collection[str]
) -> dict[str, object]:
    claim = scope.claim
    if scope.known.of_speech and (random := _random(claim, barred)):
        return {"reason": f"the weights of {', '.join(random)} are random or not trained together"}
    low, high = found.interval.low, found.interval.high
    size = found.size
    if size.speakers < ENOUGH_SPEAKERS or size.sentences < ENOUGH_SENTENCES:
        why = (
            f"a verdict takes {ENOUGH_SPEAKERS} speakers and {ENOUGH_SENTENCES} sentences, and "
            f"here are {int(size.speakers)} and {int(size.sentences)}"
        )
        return _needed(claim, found, why)
    if not math.isfinite(low):
        return {"reason": "nothing tells how far the figure would move with other speakers"}
    if low <= claim.bound <= high:
        return _needed(claim, found, "the interval reaches across the margin")
    if found.p_value >= scope.alpha:
        return _needed(claim, found, f"sign flips of the speakers give p = {found.p_value:.2g}")
    return _standing(scope, found, alone)


def _random(claim: Claim, barred: Collection[str]) -> list[str]:
    return sorted({*claim.arm, *(claim.baseline or ())} & set(barred))


def _standing(scope: _Scope, found: _Measured, alone: Mapping[str, object]) -> dict[str, object]:
    """Return a clear verdict if it survives the failures, and the loss of any one speaker."""
    if not _survives(scope, found):
        return {
            "reason": "some trials failed, and the verdict does not survive the worst case for them"
        }
    verdict = _side(scope.claim, found.test)
    why = f"the verdict turns on one speaker, {alone['influential_speaker']}"
    return {"verdict": verdict} if alone["verdict_without"] == verdict else {"reason": why}


def _side(claim: Claim, test: Contrast) -> str:
    return HOLDS if test.above == (claim.direction == "higher") else REFUTED


def _without_one(scope: _Scope, found: _Measured) -> dict[str, object]:
    """Return the speaker that moves the figure most, and what would be said without it."""
    speaker = most_influential(found.test.effect, found.frame)
    row: dict[str, object] = {
        "influential_speaker": speaker or "", "difference_without": math.nan, "verdict_without": "",
    }  # fmt: skip
    if speaker is None or found.size.speakers < ENOUGH_SPEAKERS:
        return row
    names = [*map("+".join, scope.sides[::-1]), *found.frame[["condition", "metric"]].iloc[0]]
    rest = contrast(
        without(found.frame, speaker), scope.known, scope.options, names, scope.claim.bound
    )
    wide = _with_seeds(scope, rest.effect, found.seeds)
    p_value = float(np.fmax(rest.p_value, wide.p_value(rest.bound)))
    told = p_value < LENIENT * scope.alpha
    return row | {
        "difference_without": rest.effect.value,
        "verdict_without": _side(scope.claim, rest) if told else UNDECIDED,
    }


def _survives(scope: _Scope, found: _Measured) -> bool:
    """Say whether the verdict stands in the worst case for trials that failed."""
    claim, lost = scope.claim, scope.failed
    arms = [arm for side in scope.sides for arm in side]
    lost = lost[lost["arm"].isin(arms)]
    if claim.baseline and len(arms) == 2:
        lost = unequal(lost, *arms)
    if lost.empty:
        return True
    if scope.known.pool is not None or not all(map(math.isfinite, scope.worst)):
        return False
    low, high = scope.worst if found.test.above else scope.worst[::-1]
    scores = dict.fromkeys(claim.arm, low) | dict.fromkeys(claim.baseline or (), high)
    cells = scope.cells[scope.cells["arm"].isin(arms)]
    worst = _measure(replace(scope, failed=lost), filled(cells, lost, scores))
    if worst is None or worst.test.above != found.test.above:
        return False
    return worst.p_value < scope.alpha


def _needed(claim: Claim, found: _Measured, why: str) -> dict[str, object]:
    """Say what would decide: at the margin, or at the observed distance from it.

    A margin that this test set resolves anyway, or one of 0, leaves only what was observed.
    """
    named = abs(claim.bound) if claim.baseline else 0.0
    at_margin = _units(found, named)
    if at_margin is not None and not _has(found, at_margin):
        return at_margin | {"reason": why}
    as_observed = _units(found, abs(found.test.effect.value - claim.bound))
    if as_observed is not None:
        return as_observed | {"reason": f"{why}; needs are for the difference observed"}
    return {"reason": f"{why}; no number of them within reach would decide"}


def _units(found: _Measured, distance: float) -> dict[str, object] | None:
    """Return the columns that say how many units resolve a distance, or None if none do."""
    if found.seeds is not None:
        count = need_seeds(found.test.effect.interval, found.seeds, distance)
        return None if count is None else {"need_seeds": count}
    least = Size(
        max(found.size.speakers, ENOUGH_SPEAKERS), max(found.size.sentences, ENOUGH_SENTENCES)
    )
    size = need(found.test.effect.interval, found.size, distance, least)
    if size is None:
        return None
    return {"need_speakers": int(size.speakers), "need_sentences": int(size.sentences)}


def _has(found: _Measured, units: Mapping[str, object]) -> bool:
    if found.seeds is not None:
        return units == {"need_seeds": found.seeds.seeds}
    return units == {
        "need_speakers": found.size.speakers, "need_sentences": found.size.sentences,
    }  # fmt: skip


def _about(
    scope: _Scope, found: _Measured, barred: Collection[str], trained: Collection[str]
) -> str | None:
    """Say what a verdict is about where that is less than the claim says."""
    claim = scope.claim
    if not scope.known.of_speech:
        random = _random(claim, barred)
        weights = f"the weights of {', '.join(random)} are random"
        return f"about time alone: {weights}" if random else None
    if found.seeds is not None or not set(trained) & {*claim.arm, *(claim.baseline or ())}:
        return None
    return f"about these checkpoints; about the method from {ENOUGH_SEEDS} training seeds a side"
