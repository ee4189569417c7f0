"""What `run`, `plan` and `report` do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xtts_lab import report
from xtts_lab.cli import DONE, FAILED_TRIALS
from xtts_lab.errors import UsageError
from xtts_lab.experiment.conclusions import restate
from xtts_lab.experiment.estimate import describe_plan
from xtts_lab.experiment.plan import Plan, make_plan
from xtts_lab.experiment.run import Outcome
from xtts_lab.experiment.run import run as run_plan
from xtts_lab.experiment.spec import Experiment, load
from xtts_lab.experiment.workers.deaths import make_ready
from xtts_lab.experiment.workers.host import Host
from xtts_lab.experiment.workers.pool import CrewMaker
from xtts_lab.registry import unknown
from xtts_lab.runs.coverage import coverage
from xtts_lab.runs.measurements import is_measured
from xtts_lab.runs.reading import held_to, read_parquet
from xtts_lab.runs.store import RunFolder
from xtts_lab.runs.strings import plain_strings


@dataclass(frozen=True)
class Choice:
    """What the flags say about which experiment runs, and where."""

    overrides: Sequence[str]
    out: Path | None
    device: str | None
    limit: int | None
    languages: str | None
    careful: bool = False

    def load(self, path: Path) -> Experiment:
        """Read an experiment with these settings."""
        chosen = None if self.languages is None else listed("--languages", self.languages)
        host = Host(careful=self.careful)
        return load(path, self.overrides, limit=self.limit, languages=chosen, host=host)

    def folder(self, experiment: Experiment, *, one_of_many: bool) -> Path:
        """Return the run folder of an experiment."""
        name = experiment.spec.name
        if self.out is None:
            return Path("runs") / name
        return self.out / name if one_of_many else self.out


@dataclass(frozen=True)
class Labour:
    """How many workers there are, and where: on this machine, or with Ray at an address."""

    workers: int
    executor: str = "local"
    address: str | None = None

    def check(self, plans: Sequence[Plan]) -> None:
        """Raise `UsageError` for what cannot be meant, and for timings on a shared cluster."""
        if self.executor not in ("local", "ray"):
            raise UsageError(f"--executor: {unknown('executor', self.executor, ('local', 'ray'))}")
        if self.executor == "local" and self.address is not None:
            raise UsageError("--address: is of a Ray cluster; add --executor ray")
        for plan in plans if self.address is not None else ():
            timed = [u.prefix for u in plan.metrics if u.metric.streaming or u.metric.loading]
            if timed:
                raise UsageError(
                    f"--address: {timed[0]} is timed, and a cluster's devices are shared; leave "
                    "that metric out here, and run it with --executor local on a machine of its own"
                )

    def make_ready(self) -> None:
        """Have what workers import read while plans are made."""
        if self.workers > 1 and self.executor == "local":
            make_ready()

    @contextmanager
    def crew(self) -> Iterator[CrewMaker | None]:
        """Hold the workers' place ready; None is this machine."""
        if self.executor == "local":
            yield None
            return
        from xtts_lab.experiment.workers import ray_crew

        ray_crew.joined(self.address, self.workers)
        try:
            yield ray_crew.RayCrew
        finally:
            ray_crew.left()


def listed(flag: str, text: str, example: str = "en,de") -> list[str]:
    """Return the names in `a,b`. Raises `UsageError` where there are none."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        what = "language; write codes" if flag == "--languages" else "name; write them"
        raise UsageError(f"{flag}: names no {what}, as in {example}")
    return names


def run_all(
    path: Path, choice: Choice, labour: Labour, *, use_cache: bool, remeasure: bool = False
) -> int:
    """Run an experiment, or every experiment of a folder; all are checked before one starts."""
    code = DONE
    labour.check([])  # before what takes long
    plans = _plans(path, choice, labour.make_ready)
    labour.check([plan for plan, _ in plans])
    with labour.crew() as crew:
        for plan, folder in plans:
            done = execute(
                plan,
                folder,
                workers=labour.workers,
                use_cache=use_cache,
                remeasure=remeasure,
                crew=crew,
            )
            code = max(code, done)
    return code


def execute(
    plan: Plan,
    folder: Path,
    *,
    workers: int,
    use_cache: bool,
    remeasure: bool = False,
    crew: CrewMaker | None = None,
) -> int:
    """Run a plan in a run folder, print its results, and return the exit code."""
    outcome = run_plan(
        plan,
        RunFolder(folder),
        report.build,
        workers=workers,
        use_cache=use_cache,
        remeasure=remeasure,
        crew=crew,
    )
    _conclude(plan, folder, outcome)
    return FAILED_TRIALS if outcome.failures else DONE


def show_plans(path: Path, choice: Choice) -> int:
    """Print the plan of an experiment, or of every experiment of a folder."""
    for plan, folder in _plans(path, choice):
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
            restate(path, resamples)
        report.build(path, allow_mixed=allow_mixed)
    RunFolder(path).note_report()
    print(path / "report.html")
    return DONE


def _plans(
    path: Path, choice: Choice, once_read: Callable[[], None] = lambda: None
) -> list[tuple[Plan, Path]]:
    """Return plans and their folders; `once_read` is called when the files hold no mistake."""
    many = os.path.isdir(path)  # noqa: PTH112  False for a name over the limit, where Path raises
    files = sorted(path.glob("*.yaml")) if many else [path]
    if not files:
        raise UsageError(f"{path}: holds no *.yaml experiment")
    loaded = [choice.load(file) for file in files]
    folders = [choice.folder(e, one_of_many=many) for e in loaded]
    for i, folder in enumerate(folders):
        if folder in folders[:i]:
            raise UsageError(
                f"{files[i]}: has the name of {files[folders.index(folder)].name}, "
                f"'{loaded[i].spec.name}', and would write into the same folder; rename one"
            )
    once_read()
    return [
        (make_plan(experiment, choice.device), folder)
        for experiment, folder in zip(loaded, folders, strict=True)
    ]


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
