"""The training loop: one for every stage."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor

from xtts_lab import config
from xtts_lab.training import memory
from xtts_lab.training.devices import Processes
from xtts_lab.training.folder import RunFolder
from xtts_lab.training.logs import Board, Sums, Table
from xtts_lab.training.optimisers import Averages, Optimiser, factor
from xtts_lab.training.prefetch import Workers, batches
from xtts_lab.training.recording import Recordable, Recorder, compile_each
from xtts_lab.training.spec import Job, LoopSpec
from xtts_lab.training.stage import Context, Stage, Task
from xtts_lab.yaml_file import Document, Where


def run(job: Job, folder: RunFolder, processes: Processes, deadline: float | None) -> bool:
    """Train a job, or go on with it; return whether it has come to its end.

    `deadline` (of `time.monotonic`) stops it before, to be continued. Raises `DeviceMemoryError`
    where the device has too little; the last checkpoint stays.
    """
    if folder.done:
        folder.check(job)
        return True
    with memory.told(job, folder, str(processes.device)):
        return _run(job, folder, processes, deadline)


def _run(job: Job, folder: RunFolder, processes: Processes, deadline: float | None) -> bool:
    context = Context(folder.path.parent, folder.path, job.seed, processes.shard)
    torch.manual_seed(job.seed)
    where = Where(Document(job.name)) / "stage"
    stage = config.build("stages", job.stage, where, context)
    if isinstance(stage, Task):
        begun = time.monotonic()
        figures = stage.run(str(processes.device))
        Table(folder.path / "validation.csv", -1).add({"step": 0, **figures})
        folder.set_status(0, True, (time.monotonic() - begun) / 60)
        return True
    assert job.training is not None
    return _Training(job.seed, job.training, stage, folder, processes).run(deadline)


class _Training:
    """A stage on its way from the step where it was left to its last one."""

    def __init__(
        self, seed: int, spec: LoopSpec, stage: Stage, folder: RunFolder, processes: Processes
    ) -> None:
        self.seed, self.spec, self.stage, self.folder = seed, spec, stage, folder
        self.processes, self.device = processes, processes.device
        stage.modules.to(self.device).train()
        groups = stage.optimisers()
        self.optimisers = {name: Optimiser(group) for name, group in groups.items()}
        self.recorder = self._recorder()
        self.averages = Averages(groups, spec.average)
        self.sums = Sums()
        self.step, self.minutes = 0, 0.0
        self._restore()
        before = self.step if self.chief else 0
        self.losses = Table(folder.path / "losses.csv", before) if self.chief else None
        self.validations = Table(folder.path / "validation.csv", before) if self.chief else None
        self.board = Board(folder.path, spec.tensorboard and self.chief)

    @property
    def chief(self) -> bool:
        """Whether this process writes the files."""
        return self.processes.shard.index == 0

    def _recorder(self) -> Recorder | None:
        """What records steps, where that is asked for and there is a GPU."""
        if not (isinstance(self.stage, Recordable) and self.device.type == "cuda"):
            return None
        if self.spec.compiled:
            compile_each(self.stage.repeated)
        if not self.spec.graphs or self.processes.shard.count > 1:
            return None
        cast = partial(self.processes.autocast, self.spec.precision, keep=False)
        return Recorder(self.stage, cast)

    def run(self, deadline: float | None) -> bool:
        begun = self.saved = time.monotonic()
        limit = self.spec.max_minutes
        ends = [deadline] if deadline is not None else []
        ends += [begun + 60 * limit] if limit is not None else []
        already = self.minutes
        try:
            for batch in self._batches():
                self._step(batch)
                self.minutes = already + (time.monotonic() - begun) / 60
                self._report()
                if self.processes.any(bool(ends) and time.monotonic() >= min(ends)):
                    break
                self._save_sometimes()
        finally:
            self.board.close()
        self._save()
        self._export()
        done = self.step >= self.spec.steps
        if self.chief:
            self.folder.set_status(self.step, done, self.minutes)
        return done

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        spec, shard = self.spec, self.processes.shard
        workers = Workers(spec.workers, processes=self.recorder is not None)
        return batches(self.stage, self.step, spec.steps, shard, workers, self.device)

    def _step(self, batch: dict[str, Tensor]) -> None:
        # What a step draws depends on seed and step alone, so that a resumed run draws the same.
        torch.manual_seed(_mixed(self.seed, self.step, self.processes.shard.index))
        if self.recorder is None:
            with self.processes.autocast(self.spec.precision):
                losses: Mapping[str, Tensor] = self.stage.step(batch, self.step, self._update)
        else:
            losses = self.recorder.step(batch)
            (optimiser,) = self.optimisers.values()
            optimiser.step(factor(self.step, self.spec))
        self.averages.follow(self.step)
        self.sums.add(losses)
        self.step += 1

    def _update(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.clear()
        with torch.autocast(self.device.type, enabled=False):
            loss.backward()  # type: ignore[no-untyped-call]
        self.processes.average_gradients(optimiser.group.all)
        optimiser.step(factor(self.step, self.spec))

    def _report(self) -> None:
        spec, last = self.spec, self.step == self.spec.steps
        if self.step % spec.log_every == 0 or last:
            means = self.processes.means(self.sums.take())
            self._log("train", means, {"minutes": self.minutes, "lr": factor(self.step - 1, spec)})
        if self.step % spec.validate_every == 0 or last:
            with self._averaged():
                values = dict(self.stage.validate())
            self._log("validation", values, {})

    def _log(self, split: str, values: dict[str, float], more: dict[str, float]) -> None:
        table = self.losses if split == "train" else self.validations
        if table is None:
            return
        table.add({"step": self.step, **values, **more})
        self.board.add(split, values, self.step)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        print(f"{self.folder.path.name} {split} {self.step}/{self.spec.steps}  {shown}", flush=True)

    def _save_sometimes(self) -> None:
        if time.monotonic() - self.saved >= 60 * self.spec.save_minutes:
            self._save()
            self._export()  # a run that is killed leaves what it has come to
            self.saved = time.monotonic()

    def _save(self) -> None:
        if not self.chief:
            return
        state: dict[str, Any] = {
            "step": self.step,
            "minutes": self.minutes,
            "modules": self.stage.modules.state_dict(),
            "optimisers": {name: of.state() for name, of in self.optimisers.items()},
            "averages": self.averages.state(),
            "sums": self.sums.state(),
        }
        self.folder.save(state)
        self.folder.set_status(self.step, False, self.minutes)

    def _restore(self) -> None:
        state = self.folder.load(self.device)
        if state is None:
            return
        self.step, self.minutes = int(state["step"]), float(state["minutes"])
        self.stage.modules.load_state_dict(state["modules"])
        for name, optimiser in self.optimisers.items():
            optimiser.restore(state["optimisers"][name])
        self.averages.restore(state["averages"])
        self.sums.restore(state["sums"], self.device)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        self.averages.swap()
        self.stage.modules.eval()
        try:
            with self._as_written(), torch.no_grad(), self.processes.autocast(self.spec.precision):
                yield
        finally:
            self.stage.modules.train()
            self.averages.swap()

    def _as_written(self) -> AbstractContextManager[Any]:
        """Modules run uncompiled: each way to call them would be compiled for itself."""
        compiled = self.spec.compiled and self.device.type == "cuda"
        return torch.compiler.set_stance("force_eager") if compiled else nullcontext()

    def _export(self) -> None:
        if self.chief:
            with self._averaged():
                self.stage.export(self.folder.path)


def _mixed(seed: int, step: int, process: int) -> int:
    digest = hashlib.sha256(f"{seed}/{step}/{process}".encode()).digest()
    return int.from_bytes(digest[:6], "big")
