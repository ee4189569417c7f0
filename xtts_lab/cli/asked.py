"""What the flags of a run say. Light: with several workers, their imports are to begin first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xtts_lab.device import begin_cuda
from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown

if TYPE_CHECKING:
    from xtts_lab.experiment.plan import Plan
    from xtts_lab.experiment.spec import Experiment
    from xtts_lab.experiment.workers.pool import CrewMaker, Workers


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
        from xtts_lab.experiment.spec import load
        from xtts_lab.experiment.workers.host import Host

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

    def run(self, path: Path, choice: Choice, *, use_cache: bool, remeasure: bool = False) -> int:
        """See `experiments.run_all`. What workers import is read while this process imports."""
        if self.workers > 1 and self.executor == "local":
            from xtts_lab.experiment.workers.deaths import make_ready

            make_ready()
        begin_cuda(choice.device or "auto")
        from xtts_lab.cli.experiments import run_all

        return run_all(path, choice, self, use_cache=use_cache, remeasure=remeasure)

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

    def warm(self, experiment: Experiment, device: str | None, folder: Path) -> Workers | None:
        """Return workers that start while plans are made; None where they come when needed."""
        from xtts_lab.experiment.workers.performing import perform
        from xtts_lab.experiment.workers.pool import Workers
        from xtts_lab.experiment.workers.warming import warm_tasks
        from xtts_lab.runs.store import RunFolder

        if self.executor != "local" or RunFolder(folder).finished.is_file():
            return None
        team = Workers(perform, self.workers)
        team.warm(warm_tasks(experiment, device))
        return team

    @contextlib.contextmanager
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
