"""What `run`, `plan` and `report` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xtts_lab import report
from xtts_lab.cli import DONE, FAILED_TRIALS
from xtts_lab.cli.asked import Choice, Labour
from xtts_lab.errors import UsageError
from xtts_lab.experiment.estimate import describe_plan
from xtts_lab.experiment.plan import Plan, make_plan
from xtts_lab.experiment.run import Outcome
from xtts_lab.experiment.run import run as run_plan
from xtts_lab.experiment.spec import Experiment
from xtts_lab.experiment.workers.performing import perform
from xtts_lab.experiment.workers.pool import Workers
from xtts_lab.runs.coverage import coverage
from xtts_lab.runs.measurements import is_measured
from xtts_lab.runs.reading import held_to, read_parquet
from xtts_lab.runs.store import RunFolder
from xtts_lab.runs.strings import plain_strings

__all__ = ["Choice", "execute", "rebuild_report", "run_all", "show_plans"]


def run_all(
    loaded: Sequence[tuple[Experiment, Path]],
    choice: Choice,
    labour: Labour,
    first: Workers | None,
    *,
    use_cache: bool,
    remeasure: bool = False,
) -> int:
    """Run experiments one after the other; all are checked before one starts.

    `first`: the workers of the first one, which have begun already.
    """
    code = DONE
    plans = _plans(loaded, choice)
    labour.check([plan for plan, _ in plans])
    with labour.crew() as crew:
        for plan, folder in plans:
            team, first = first or Workers(perform, labour.workers, crew), None
            done = execute(plan, folder, team, use_cache=use_cache, remeasure=remeasure)
            code = max(code, done)
    return code


def execute(
    plan: Plan, folder: Path, team: Workers, *, use_cache: bool, remeasure: bool = False
) -> int:
    """Run a plan in a run folder, print its results, and return the exit code."""
    outcome = run_plan(
        plan,
        RunFolder(folder),
        report.build,
        team,
        use_cache=use_cache,
        remeasure=remeasure,
    )
    _conclude(plan, folder, outcome)
    return FAILED_TRIALS if outcome.failures else DONE


def show_plans(path: Path, choice: Choice) -> int:
    """Print the plan of an experiment, or of every experiment of a folder."""
    for plan, folder in _plans(choice.loaded(path), choice):
        print(describe_plan(plan, RunFolder(folder)))
    return DONE


@plain_strings
def rebuild_report(path: Path, resamples: int | None = None, *, allow_mixed: bool = False) -> int:
    """Rebuild `report.html` and `report.md` of a run folder, or of a folder of measurements.

    `resamples`: first the intervals, from the scores. `allow_mixed`: see `report.build`.
    """
    if not (path / "trials.parquet").is_file() and is_measured(path):
        report.build_measured(path)
        print(path / "report.html")
        return DONE
    if not (path / "trials.parquet").is_file():
        raise UsageError(f"{path}: holds no finished run; run its experiment first")
    with held_to(path):
        if resamples is not None:
            from xtts_lab.experiment.conclusions import restate

            restate(path, resamples)
        report.build(path, allow_mixed=allow_mixed)
    RunFolder(path).note_report()
    print(path / "report.html")
    return DONE


def _plans(loaded: Sequence[tuple[Experiment, Path]], choice: Choice) -> list[tuple[Plan, Path]]:
    """Return plans and their folders."""
    return [(make_plan(experiment, choice.device), folder) for experiment, folder in loaded]


def _conclude(plan: Plan, folder: Path, outcome: Outcome) -> None:
    import pandas as pd

    wanted = {"trials": "status", "scores": "value"}
    trials, scores = (
        read_parquet(folder / f"{name}.parquet", [column]) for name, column in wanted.items()
    )
    print(coverage(trials, scores, {"limit": plan.experiment.spec.limit}))
    summary = pd.read_csv(folder / "summary.csv", keep_default_na=False, na_values=[""])
    whole = summary[summary["language"] == "all"]
    columns = ["arm", "metric", "mean", "ci_low", "ci_high"]
    for arm, metric, mean, low, high in whole[columns].to_numpy().tolist():
        interval = "" if pd.isna(low) else f"  [{low:.3f}, {high:.3f}]"
        print(f"{arm:32} {metric:32} {'-' if pd.isna(mean) else f'{mean:.3f}'}{interval}")
    print(
        f"{len(plan.trials)} trials: {outcome.synthesised} synthesised, "
        f"{outcome.from_cache} from the cache, {outcome.measured} measurements taken, "
        f"{outcome.scored} scores"
    )
    if outcome.failures:
        print(f"{outcome.failures} failures: see {folder / 'failures.csv'}")
    print(f"report: {folder / 'report.html'}")
