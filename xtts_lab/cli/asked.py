"""What the flags of a run say. Light: with several workers, their imports are to begin first."""

from __future__ import annotations

import contextlib
import os
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

    def loaded(self, path: Path) -> list[tuple[Experiment, Path]]:
        """Return the experiments of a file or a folder, and their run folders."""
        many = os.path.isdir(path)  # noqa: PTH112  False for a name over the limit, where Path raises
        files = sorted(path.glob("*.yaml")) if many else [path]
        if not files:
            raise UsageError(f"{path}: holds no *.yaml experiment")
        found = [self.load(file) for file in files]
        folders = [self.folder(experiment, one_of_many=many) for experiment in found]
        for i, folder in enumerate(folders):
            if folder in folders[:i]:
                raise UsageError(
                    f"{files[i]}: has the name of {files[folders.index(folder)].name}, "
                    f"'{found[i].spec.name}', and would write into the same folder; rename one"
                )
        return list(zip(found, folders, strict=True))

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
        """Run an experiment, or every experiment of a folder; all are checked before one starts.

        Workers and CUDA start while this process imports and plans.
        """
        self.check([])  # before what takes long
        if self.workers > 1 and self.executor == "local":
            from xtts_lab.experiment.workers.starts import make_ready

            make_ready()
        begin_cuda(choice.device or "auto")
        loaded = choice.loaded(path)
        first = self.warm(loaded[0][0], choice.device, loaded[0][1])
        with first or contextlib.nullcontext():
            from xtts_lab.cli.experiments import run_all

            return run_all(loaded, choice, self, first, use_cache=use_cache, remeasure=remeasure)

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
