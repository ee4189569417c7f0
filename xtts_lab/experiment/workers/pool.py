"""Run independent tasks here or in worker processes; the results are the same.

A worker that dies takes no other work along: the job that it was at is tried again alone, in a new
process, and recorded as failed where that dies too, with the signal's name; all else goes on.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from xtts_lab.device import shared_gpus
from xtts_lab.experiment.workers.deaths import cause, started
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.server import DONE, Perform, serve
from xtts_lab.experiment.workers.tasks import AT_WORK, DIED, Record, Task, with_jobs
from xtts_lab.notices import say

MOST_DEATHS = 5
"""Jobs of one part in a row whose processes died, after which its other jobs are not tried."""
_PATIENCE_S = 5.0


def perform_all(
    perform: Perform,
    tasks: Sequence[Any],
    workers: int,
    *,
    child: bool = False,
) -> Iterator[Record]:
    """Yield the records of all tasks: see `Workers.records`."""
    with Workers(perform, workers) as team:
        yield from team.records(tasks, child=child)


class Workers:
    """Processes that share tasks, one round after another; between rounds they stay."""

    def __init__(self, perform: Perform, count: int) -> None:
        self._perform, self._count = perform, count
        self._pool: _Pool | None = None

    def records(self, tasks: Sequence[Any], *, child: bool = False) -> Iterator[Record]:
        """Yield the records of all tasks: in order with one worker, else as they are finished.

        `perform(task, parts)` and the tasks must be picklable; each process has its `parts`.
        `child`: one worker too is a process of its own, and what these tasks leave behind in
        theirs meets no other round. Of several GPUs each process sees one, in turn.
        """
        if self._count <= 1 and not child:
            with Parts() as parts:
                for task in tasks:
                    yield from self._perform(task, parts)
        elif tasks:
            if child:
                self.close()
            yield from self._suitable(tasks).records(tasks)
            if child:
                self.close()

    def _suitable(self, tasks: Sequence[Task]) -> _Pool:
        """Return the processes, new ones where the tasks want other GPUs than the last."""
        gpus = shared_gpus([_device(task) for task in tasks]) if self._count > 1 else ()
        if self._pool is None or self._pool.gpus != gpus:
            self.close()
            self._pool = _Pool(self._perform, max(1, self._count), gpus)
        return self._pool

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.close()
        self._pool = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def chunks(
    items: Sequence[Any], workers: int, *, least: int = 1, most: int = 64
) -> list[Sequence[Any]]:
    """Split items into tasks: one with one worker, else a few for each, so that none idles.

    `least`: how many a part does at once, if it has as many.
    """
    if not items:
        return []
    if workers <= 1:
        return [items]
    size = max(1, least, min(most, -(-len(items) // (4 * workers))))
    return [items[i : i + size] for i in range(0, len(items), size)]


@dataclass(eq=False)
class _Worker:
    """A process, and the task it is at with the jobs that are left of it."""

    process: SpawnProcess
    connection: Connection
    task: Task | None = None
    left: Sequence[Any] = ()


class _Pool:
    def __init__(self, perform: Perform, most: int, gpus: tuple[str, ...]) -> None:
        self._perform, self._most, self.gpus = perform, most, gpus
        self._queue: deque[Task] = deque()
        self._workers: list[_Worker] = []
        self._deaths: Counter[str] = Counter()  # by job
        self._in_a_row: Counter[str] = Counter()  # failed by death, by part
        self._turns = itertools.count()

    def records(self, tasks: Sequence[Task]) -> Iterator[Record]:
        self._queue = deque(tasks)
        while self._queue or any(worker.task for worker in self._workers):
            self._assign()
            for connection in wait([worker.connection for worker in self._workers]):
                worker = next(w for w in self._workers if w.connection is connection)
                try:
                    said = worker.connection.recv()
                except (EOFError, OSError):
                    yield from self._died(worker)
                else:
                    yield from self._heard(worker, said)

    def _assign(self) -> None:
        idle = [worker for worker in self._workers if worker.task is None]
        while self._queue and (idle or len(self._workers) < self._most):
            worker = idle.pop() if idle else self._start()
            worker.task = self._queue.popleft()
            worker.left = list(worker.task.jobs)
            try:
                worker.connection.send(worker.task)
            except OSError:  # it died meanwhile, which its end of the pipe will say
                return

    def _start(self) -> _Worker:
        gpu = self.gpus[next(self._turns) % len(self.gpus)] if self.gpus else None
        worker = _Worker(*started(serve, self._perform, gpu))
        self._workers.append(worker)
        return worker

    def _heard(self, worker: _Worker, said: Any) -> Iterator[Record]:
        if said == DONE:
            worker.task, worker.left = None, ()
            return
        if AT_WORK not in said:
            worker.left = [job for job in worker.left if job.id != said["id"]]
            if worker.task is not None and not said.get(DIED):
                self._in_a_row[_part(worker.task)] = 0
        yield said

    def _died(self, worker: _Worker) -> Iterator[Record]:
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.join()
        task, left = worker.task, list(worker.left)
        why = cause(worker.process.exitcode)
        if task is None or not left:
            say(f"{why} when its work was done")
            return
        first, rest = left[0], left[1:]
        self._deaths[first.id] += 1
        if rest:
            self._queue.appendleft(with_jobs(task, rest))
        if self._deaths[first.id] < 2:
            say(f"{task.kind} {task.spec['name']}: {why} at work on {first.id}, tried again")
            self._queue.appendleft(with_jobs(task, [first]))
            return
        yield {**task.failed(first, f"{why} while it was at work, twice"), DIED: True}
        part = _part(task)
        self._in_a_row[part] += 1
        if self._in_a_row[part] >= MOST_DEATHS:
            yield from self._given_up(part, why)

    def _given_up(self, part: str, why: str) -> Iterator[Record]:
        """Fail what is queued for a part that does nothing but die."""
        doomed = [task for task in self._queue if _part(task) == part]
        self._queue = deque(task for task in self._queue if _part(task) != part)
        said = f"not tried: {why} in {MOST_DEATHS} other jobs in a row"
        for task in doomed:
            yield from ({**task.failed(job, said), DIED: True} for job in task.jobs)

    def close(self) -> None:
        """End the workers: idle ones when their pipe closes, the others at once."""
        for worker in self._workers:
            worker.connection.close()
            if worker.task is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_PATIENCE_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            elif worker.task is None and worker.process.exitcode != 0:
                say(f"{cause(worker.process.exitcode)} when its work was done")


def _part(task: Task) -> str:
    return f"{task.kind} {sorted(task.spec.items(), key=str)}"


def _device(task: Task) -> str:
    return str(task.device or task.spec.get("device") or "auto")
