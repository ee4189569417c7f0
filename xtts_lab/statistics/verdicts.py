"""Judging claims: does the interval lie beyond the margin, and if not, what would it take?"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from xtts_lab.metrics.info import MetricInfo, Pool
from xtts_lab.statistics.cells import (
    CELL,
    CROSS_LINGUAL,
    MONOLINGUAL,
    NO_REFERENCE,
    cell_table,
    placed,
)
from xtts_lab.statistics.claim import ALL, Claim
from xtts_lab.statistics.estimates import Effect, Options, gap, level
from xtts_lab.statistics.intervals import Interval
from xtts_lab.statistics.power import Size, need
from xtts_lab.statistics.summaries import (
    ENOUGH_SENTENCES,
    ENOUGH_SPEAKERS,
    bounded,
    untrained,
)
from xtts_lab.statistics.training_seeds import (
    ENOUGH_SEEDS,
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
    "direction", "condition", "unit", "seeds", "need_seeds",
]  # fmt: skip
_CONDITION = {
    "same-language": MONOLINGUAL, "cross-lingual": CROSS_LINGUAL, "no-reference": NO_REFERENCE,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Measured:
    """What a claim is judged by: the estimate, its interval with and without training seeds."""

    effect: Effect
    interval: Interval
    seeds: SeedSpread | None
    trials: int
    size: Size


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
    interval lies wholly beyond the margin and is `refuted` where it lies wholly on this side. Else
    it is `undecided`, and `need_speakers` and `need_sentences` (or `need_seeds`) give the test set
    that tells a difference from the margin with 80 % power when they are one margin apart; where
    the margin is 0, a number, or was resolved already, as far apart as was observed. `trained`
    names arms that are trained models, whose verdict is about these checkpoints unless 5 training
    seeds a side stand behind it. `scores` and `trials` are those of `summarise`.
    """
    options = Options(confidence, resamples, seed)
    metrics = {claim.metric for claim in claims}
    pools = {m: known.pool for m, known in info.items() if known.pool and m in metrics}
    cells = cell_table(scores[scores["metric"].isin(metrics)], placed(trials), pools)
    barred = untrained(trials)
    rows = [_row(c, cells, pools.get(c.metric), options, barred, trained, info) for c in claims]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(
    claim: Claim,
    cells: pd.DataFrame,
    pool: Pool | None,
    options: Options,
    barred: Collection[str],
    trained: Collection[str],
    info: Mapping[str, MetricInfo],
) -> dict[str, object]:
    known = info.get(claim.metric, MetricInfo("", "none"))
    row: dict[str, object] = {
        "claim": claim.sentence,
        "metric": claim.metric,
        "arm": ", ".join(claim.arm),
        "baseline": ", ".join(claim.baseline) if claim.baseline else None,
        "language": claim.language,
        "margin": claim.margin,
        "direction": claim.direction,
        "condition": claim.condition,
        "unit": known.unit,
        "seeds": min(len(side) for side in (claim.arm, claim.baseline) if side),
        "verdict": UNDECIDED,
    }
    found = _measure(claim, cells, pool, options)
    if found is None:
        who = "both sides" if claim.baseline else "the arm"
        return (
            row
            | {"trials": 0, "speakers": 0, "sentences": 0}
            | {"reason": f"nothing was scored that {who} could be judged by"}
        )
    ends = found.interval.low, found.interval.high
    low, high = ends if claim.baseline else bounded(ends, known)
    row |= {
        "difference": found.effect.value,
        "ci_low": low,
        "ci_high": high,
        "trials": found.trials,
        "speakers": int(found.size.speakers),
        "sentences": int(found.size.sentences),
    }
    row |= _decided(claim, found, barred)
    about = _about_checkpoints(claim, found, trained)
    return row | {"reason": "; ".join(str(r) for r in (row.get("reason"), about) if r)}


def _measure(
    claim: Claim, cells: pd.DataFrame, pool: Pool | None, options: Options
) -> _Measured | None:
    chosen = _in_scope(claim, cells)
    sides = [side for side in (claim.arm, claim.baseline) if side]
    parts = [pooled_cells(chosen, side) for side in sides]
    if claim.baseline:
        frame = parts[0].merge(parts[1], on=["condition", "metric", *CELL], suffixes=("", "_base"))
        frame = frame.sort_values(CELL, kind="stable").reset_index(drop=True)
    else:
        frame = parts[0].reset_index(drop=True)
    if frame.empty:
        return None
    names = [*map("+".join, sides[::-1]), str(frame["condition"].iloc[0]), claim.metric]
    effect = (gap if claim.baseline else level)(frame, pool, options, *names)
    seeds = seed_spread([_by_seed(chosen, frame, side, pool, options) for side in sides])
    return _Measured(
        effect,
        effect.interval if seeds is None else widened(effect.interval, seeds),
        seeds,
        trials=int(frame[["n", *frame.columns.intersection(["n_base"])]].sum().sum()),
        size=Size(
            int(frame["speaker"].nunique()), len(frame[["language", "sentence"]].drop_duplicates())
        ),
    )


def _in_scope(claim: Claim, cells: pd.DataFrame) -> pd.DataFrame:
    chosen = cells[cells["metric"] == claim.metric]
    if claim.language != ALL:
        chosen = chosen[chosen["language"] == claim.language]
    if claim.condition is not None:
        chosen = chosen[chosen["condition"] == _CONDITION[claim.condition]]
    return chosen


def _by_seed(
    cells: pd.DataFrame,
    frame: pd.DataFrame,
    arms: Sequence[str],
    pool: Pool | None,
    options: Options,
) -> list[float]:
    """Return each arm's own estimate on the cells that all of them have."""
    if len(arms) < ENOUGH_SEEDS:
        return [math.nan] * len(arms)
    shared = frame[CELL]
    estimates = []
    for arm in arms:
        own = pooled_cells(cells, [arm]).merge(shared, on=CELL).sort_values(CELL)
        estimates.append(level(own, pool, options, arm).value)
    return estimates


def _decided(claim: Claim, found: _Measured, barred: Collection[str]) -> dict[str, object]:
    arms = [*claim.arm, *(claim.baseline or ())]
    random = sorted(set(arms) & set(barred))
    if random:
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
    return {"verdict": HOLDS if (low > claim.bound) == (claim.direction == "higher") else REFUTED}


def _needed(claim: Claim, found: _Measured, why: str) -> dict[str, object]:
    """Say what would decide: at the margin, or at the observed distance from it.

    A margin that this test set resolves anyway, or one of 0, leaves only what was observed.
    """
    named = abs(claim.bound) if claim.baseline else 0.0
    at_margin = _units(found, named)
    if at_margin is not None and not _has(found, at_margin):
        return at_margin | {"reason": why}
    as_observed = _units(found, abs(found.effect.value - claim.bound))
    if as_observed is not None:
        return as_observed | {"reason": f"{why}; needs are for the difference observed"}
    return {"reason": f"{why}; no number of them within reach would decide"}


def _units(found: _Measured, distance: float) -> dict[str, object] | None:
    """Return the columns that say how many units resolve a distance, or None if none do."""
    if found.seeds is not None:
        count = need_seeds(found.effect.interval, found.seeds, distance)
        return None if count is None else {"need_seeds": count}
    least = Size(
        max(found.size.speakers, ENOUGH_SPEAKERS), max(found.size.sentences, ENOUGH_SENTENCES)
    )
    size = need(found.effect.interval, found.size, distance, least)
    if size is None:
        return None
    return {"need_speakers": int(size.speakers), "need_sentences": int(size.sentences)}


def _has(found: _Measured, units: Mapping[str, object]) -> bool:
    if found.seeds is not None:
        return units == {"need_seeds": found.seeds.seeds}
    return units == {
        "need_speakers": found.size.speakers, "need_sentences": found.size.sentences,
    }  # fmt: skip


def _about_checkpoints(claim: Claim, found: _Measured, trained: Collection[str]) -> str | None:
    if found.seeds is not None or not set(trained) & {*claim.arm, *(claim.baseline or ())}:
        return None
    return f"about these checkpoints; about the method from {ENOUGH_SEEDS} training seeds a side"
