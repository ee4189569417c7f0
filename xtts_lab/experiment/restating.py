"""The statistics of a finished run once more, from its scores: with other numbers of resamples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic
import yaml

from xtts_lab import files
from xtts_lab.errors import UsageError
from xtts_lab.experiment import tables
from xtts_lab.experiment.conclusions import Asked, conclusions
from xtts_lab.experiment.spec import StatisticsSpec
from xtts_lab.runs import schema
from xtts_lab.runs.reading import Run, read_results
from xtts_lab.runs.store import RunFolder
from xtts_lab.statistics.claim import Claim


def restate(folder: Path, resamples: int) -> None:
    """Write summary, comparisons and claims of a run again, from `scores.parquet`.

    Neither audio nor instruments nor checkpoints are needed. The experiment then says `resamples`;
    a run of it as it was written counts as unfinished. Raises `UsageError` as `read_results` does,
    and for a number that an experiment may not ask for.
    """
    run = read_results(folder)
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
