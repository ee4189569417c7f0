"""Where workers live: what a pool asks of them, and the processes of this machine that do it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Any, Protocol

from xtts_lab.experiment.workers.deaths import cause
from xtts_lab.experiment.workers.server import Perform, serve
from xtts_lab.experiment.workers.starts import started
from xtts_lab.experiment.workers.tasks import Task
from xtts_lab.notices import say

_PATIENCE_S = 5.0


class Crew(Protocol):
    """Processes that perform tasks one at a time, and may die of them."""

    @property
    def tries(self) -> int:
        """How often a job is tried whose process dies, before it counts as failed."""
        ...

    def start(self) -> Any:
        """Return a new worker."""
        ...

    def give(self, worker: Any, task: Task) -> None:
        """Have an idle worker perform a task; one that is dead will say so."""
        ...

    def hear(self, workers: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield (worker, what it says) as soon as there is something; None says that it died."""
        ...

    def bury(self, worker: Any) -> str:
        """Clear away a worker that died; return how it did."""
        ...

    def dismiss(self, idle: Sequence[Any]) -> None:
        """Let workers begin to end, without waiting for it; `end` follows."""
        ...

    def end(self, idle: Sequence[Any], busy: Sequence[Any]) -> None:
        """End workers: idle ones gently."""
        ...


@dataclass(eq=False)
class LocalWorker:
    """A process of this machine."""

    process: ForkServerProcess
    connection: Connection


class LocalCrew:
    """Processes of this machine; of several GPUs each sees one, in turn."""

    tries = 2

    def __init__(self, perform: Perform, gpus: Sequence[str] = ()) -> None:
        self._perform, self._gpus = perform, gpus
        self._turns = itertools.count()

    def start(self) -> LocalWorker:
        """See `Crew`, here and below."""
        gpu = self._gpus[next(self._turns) % len(self._gpus)] if self._gpus else None
        return LocalWorker(*started(serve, self._perform, gpu))

    def give(self, worker: LocalWorker, task: Task) -> None:
        with contextlib.suppress(OSError):  # it died meanwhile, which its end of the pipe will say
            worker.connection.send(task)

    def hear(self, workers: Sequence[LocalWorker]) -> Iterator[tuple[LocalWorker, Any]]:
        by_connection = {worker.connection: worker for worker in workers}
        for connection in wait(list(by_connection)):
            worker = by_connection[connection]  # type: ignore[index]  # connections went in
            try:
                said = worker.connection.recv()
            except (EOFError, OSError):
                said = None
            yield worker, said

    def bury(self, worker: LocalWorker) -> str:
        worker.connection.close()
        worker.process.join()
        return cause(worker.process.exitcode)

    def dismiss(self, idle: Sequence[LocalWorker]) -> None:
        for worker in idle:
            worker.connection.close()

    def end(self, idle: Sequence[LocalWorker], busy: Sequence[LocalWorker]) -> None:
        for worker in (*idle, *busy):
            worker.connection.close()
        for worker in busy:
            worker.process.terminate()
        for worker in (*idle, *busy):
            worker.process.join(_PATIENCE_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            elif worker in idle and worker.process.exitcode != 0:
                say(f"{cause(worker.process.exitcode)} when its work was done")
