"""The last stage: what the scores of a plan say, in figures, comparisons and verdicts on claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from xtts_lab.experiment.plan import Plan
from xtts_lab.runs.metric_use import PoolError, metric_info
from xtts_lab.statistics.summaries import compare, summarise
from xtts_lab.statistics.verdicts import judge


@dataclass(frozen=True, eq=False)
class Conclusions:
    """Tables of a run; `failed`: why a metric id has no figures, though it has scores."""

    summary: pd.DataFrame
    comparisons: pd.DataFrame
    claims: pd.DataFrame
    failed: Mapping[str, str] = field(default_factory=dict)


def conclusions(plan: Plan, scores: pd.DataFrame, trials: pd.DataFrame) -> Conclusions:
    """Return what the statistics make of scores; a metric that cannot be pooled counts as failed.

    Such a metric is left without figures wherever they stand, even where it could be pooled: what
    fails on some totals is not to be trusted with others.
    """
    info = metric_info(plan.metrics)
    failed: dict[str, str] = {}
    while True:
        try:
            return replace(_concluded(plan, scores, trials, info), failed=failed)
        except PoolError as error:
            failed[error.metric] = str(error)
            info[error.metric] = replace(info[error.metric], pool=None)
            columns = ["value", "numerator", "denominator"]
            scores = scores.copy()
            scores.loc[scores["metric"] == error.metric, columns] = float("nan")


def _concluded(
    plan: Plan, scores: pd.DataFrame, trials: pd.DataFrame, info: Mapping[str, Any]
) -> Conclusions:
    settings = plan.experiment.spec.statistics
    chosen: dict[str, Any] = {
        "confidence": settings.confidence,
        "resamples": settings.resamples,
        "seed": plan.experiment.spec.seed,
    }
    trained = [arm.id for arm in plan.experiment.arms if arm.speaks.get("checkpoint")]
    return Conclusions(
        summarise(scores, trials, info, **chosen),
        compare(scores, trials, info, baseline=settings.baseline, **chosen),
        judge(plan.experiment.claims, scores, trials, info, trained=trained, **chosen),
    )
