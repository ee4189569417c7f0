"""The last stage: what the scores of a plan say, in figures, comparisons and verdicts on claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pydantic
import yaml

from xtts_lab import files
from xtts_lab.errors import UsageError
from xtts_lab.experiment import tables
from xtts_lab.experiment.plan import Plan
from xtts_lab.experiment.spec import StatisticsSpec
from xtts_lab.runs import schema
from xtts_lab.runs.comparability import refuse_other_code
from xtts_lab.runs.metric_use import MetricUse, PoolError, metric_info
from xtts_lab.runs.reading import Run, read_results
from xtts_lab.runs.store import RunFolder
from xtts_lab.statistics.claim import Claim
from xtts_lab.statistics.summaries import compare, summarise
from xtts_lab.statistics.verdicts import judge


@dataclass(frozen=True, eq=False)
class Asked:
    """What is asked of scores; `trained` are the arms that are trained models."""

    statistics: StatisticsSpec
    seed: int
    metrics: Sequence[MetricUse]
    claims: Sequence[Claim]
    trained: Sequence[str]

    @classmethod
    def of(cls, plan: Plan) -> Asked:
        """What a plan asks."""
        spec = plan.experiment.spec
        trained = [arm.id for arm in plan.experiment.arms if arm.speaks.get("checkpoint")]
        return cls(spec.statistics, spec.seed, plan.metrics, plan.experiment.claims, trained)


@dataclass(frozen=True, eq=False)
class Conclusions:
    """Tables of a run; `failed`: why a metric id has no figures, though it has scores."""

    summary: pd.DataFrame
    comparisons: pd.DataFrame
    claims: pd.DataFrame
    failed: Mapping[str, str] = field(default_factory=dict)


def conclusions(asked: Asked, scores: pd.DataFrame, trials: pd.DataFrame) -> Conclusions:
    """Return what the statistics make of scores; a metric that cannot be pooled counts as failed.

    Such a metric is left without figures wherever they stand, even where it could be pooled: what
    fails on some totals is not to be trusted with others.
    """
    info = metric_info(asked.metrics)
    failed: dict[str, str] = {}
    while True:
        try:
            return replace(_concluded(asked, scores, trials, info), failed=failed)
        except PoolError as error:
            failed[error.metric] = str(error)
            info[error.metric] = replace(info[error.metric], pool=None)
            columns = ["value", "numerator", "denominator"]
            scores = scores.copy()
            scores.loc[scores["metric"] == error.metric, columns] = float("nan")


def _concluded(
    asked: Asked, scores: pd.DataFrame, trials: pd.DataFrame, info: Mapping[str, Any]
) -> Conclusions:
    chosen: dict[str, Any] = {
        "confidence": asked.statistics.confidence,
        "resamples": asked.statistics.resamples,
        "seed": asked.seed,
    }
    return Conclusions(
        summarise(scores, trials, info, **chosen),
        compare(scores, trials, info, baseline=asked.statistics.baseline, **chosen),
        judge(asked.claims, scores, trials, info, trained=asked.trained, **chosen),
    )


def restate(folder: Path, resamples: int) -> None:
    """Write summary, comparisons and claims of a run again, from `scores.parquet`.

    Neither audio nor instruments nor checkpoints are needed. The experiment then says `resamples`;
    a run of it as it was written counts as unfinished. Raises `UsageError` as `read_results` does,
    for a number that an experiment may not ask for, and for scores of other versions of the
    metrics.
    """
    run = read_results(folder)
    refuse_other_code(run)
    changed = {
        **run.experiment,
        "statistics": {**(run.experiment.get("statistics") or {}), "resamples": resamples},
    }
    found = conclusions(_asked(run, changed), run.scores, run.trials)
    files.remove(RunFolder(folder).finished)
    tables.write_csv(folder / schema.SUMMARY.file, found.summary)
    tables.write_csv(folder / schema.COMPARISONS.file, found.comparisons)
    tables.write_csv(folder / schema.CLAIMS.file, found.claims)
    text = yaml.safe_dump(changed, sort_keys=False, allow_unicode=True, width=100)
    files.write_text(folder / schema.EXPERIMENT, text)


def _asked(run: Run, experiment: Mapping[str, Any]) -> Asked:
    try:
        statistics = StatisticsSpec.model_validate(experiment["statistics"])
        claims = [Claim.model_validate(claim) for claim in experiment.get("claims") or []]
    except pydantic.ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(map(str, wrong["loc"]))
        raise UsageError(f"{run.path / schema.EXPERIMENT}: {place}: {wrong['msg']}") from error
    seed = int(experiment.get("seed") or 0)
    return Asked(statistics, seed, run.uses, claims, [a for a in run.arms if _trained(run, a)])


def _trained(run: Run, arm: str) -> bool:
    spec = run.system(arm)
    inner = spec.get("system")
    return bool((inner if isinstance(inner, Mapping) else spec).get("checkpoint"))
