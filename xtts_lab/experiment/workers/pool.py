"""Run independent tasks here or in worker processes; the results are the same.

A worker that dies takes no other work along: the job that it was at is tried again alone, in a new
process, and recorded as failed where that dies too, with the signal's name; all else goes on.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xtts_lab.device import shared_gpus
from xtts_lab.experiment.workers.crew import Crew, LocalCrew
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.server import DONE, Perform
from xtts_lab.experiment.workers.shares import Given, Pace, is_divisible, share, split
from xtts_lab.experiment.workers.tasks import AT_WORK, DIED, Record, Task, with_jobs
from xtts_lab.experiment.workers.timeline import Timeline, part_of
from xtts_lab.experiment.workers.warming import Warm
from xtts_lab.notices import say

MOST_DEATHS = 5
"""Jobs of one part in a row whose processes died, after which its other jobs are not tried."""
_ALONE = 4096
"""Jobs of a task for one worker: it works as well with fewer than a million at a time."""
CrewMaker = Callable[[Perform, Sequence[str]], Crew]
"""Makes the workers that perform, from the devices that their tasks ask for."""
Follow = Callable[[], Sequence[Any]]
"""Returns what can be done by now of the work that follows; asked again and again."""


def perform_all(
    perform: Perform,
    tasks: Sequence[Any],
    workers: int,
    *,
    child: bool = False,
    crew: CrewMaker | None = None,
) -> Iterator[Record]:
    """Yield the records of all tasks: see `Workers.records`."""
    with Workers(perform, workers, crew) as team:
        yield from team.records(tasks, child=child)


class Workers:
    """`count` processes that share tasks, one round after another; between rounds they stay.

    `crew`: where they live; None, on this machine. `timeline`: what they did when.
    """

    def __init__(self, perform: Perform, count: int, crew: CrewMaker | None = None) -> None:
        self._perform, self.count, self._crew = perform, count, crew
        self._pool: _Pool | None = None
        self._made_for: object = None
        self.timeline = Timeline()

    @property
    def apart(self) -> bool:
        """Whether tasks are done in other processes, several at a time."""
        return self.count > 1 or self._crew is not None

    def warm(self, tasks: Sequence[Warm]) -> None:
        """Start the workers of a host with several GPUs, each with one of the tasks in turn.

        Nothing is waited for. Elsewhere nothing is done: starting a GPU takes seconds, and what
        else workers start with is imported already, on cores that the plan needs as well.
        """
        local = self.count > 1 and self._crew is None
        if tasks and local and shared_gpus(sorted({_device(task) for task in tasks})):
            self._suitable(tasks).warm(tasks)

    def records(
        self, tasks: Sequence[Any], *, child: bool = False, follow: Follow | None = None
    ) -> Iterator[Record]:
        """Yield the records of all tasks: in order with one worker, else as they are finished.

        `perform(task, parts)` and the tasks must be picklable; each process has its `parts`.
        `child`: one worker too is a process of its own, and what these tasks leave behind in
        theirs meets no other round. Of several GPUs each process sees one, in turn.
        `follow`: more tasks, as many as there are by then, whenever somebody would idle, in
        processes apart only; their records are among the others. What is told at once is done by
        those who hold the part; what came when all else had ended would be loaded for once more.
        """
        if not (self.apart or child):
            with Parts() as parts:
                for task in tasks:
                    with self.timeline.here(task):
                        yield from self._perform(task, parts)
        elif tasks:
            if child:
                self.close()
            yield from self._suitable(tasks).records(tasks, follow)
            if child:
                self.close()

    def _suitable(self, tasks: Sequence[Task]) -> _Pool:
        """Return the processes, new ones where the tasks want other devices than the last."""
        devices = sorted({_device(task) for task in tasks})
        gpus = shared_gpus(devices) if self.count > 1 else ()
        wanted: object = devices if self._crew else gpus
        if self._pool is None or self._made_for != wanted:
            self.close()
            make = self._crew or (lambda perform, _: LocalCrew(perform, gpus))
            self._pool = _Pool(make(self._perform, devices), max(1, self.count), self.timeline)
            self._made_for = wanted
        return self._pool

    def dismiss(self) -> None:
        """Have the processes end, which takes a while; `close` waits for them. No round follows."""
        if self._pool is not None:
            self._pool.dismiss()

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
    """Split items into tasks: few with one worker, else a few for each, so that none idles.

    `least`: how many a part does at once, if it has as many.
    """
    if workers <= 1:
        size = max(least, _ALONE)
    else:
        size = max(1, least, min(most, -(-len(items) // (4 * workers))))
    return [items[i : i + size] for i in range(0, len(items), size)]


@dataclass(eq=False)
class _Worker:
    """A worker of the crew, and the task it is at with the jobs that are left of it.

    `part`: what it was at last, and may still hold.
    """

    handle: Any
    number: int
    part: str = ""
    task: Task | None = None
    left: Sequence[Any] = ()
    given: Given | None = None


class _Pool:
    def __init__(self, crew: Crew, most: int, timeline: Timeline) -> None:
        self._crew, self._most, self._timeline = crew, most, timeline
        self._numbers = itertools.count()
        self._queue: dict[str, deque[Task]] = {}  # by part, none of them empty
        self._first: frozenset[str] = frozenset()  # parts whose tasks do not wait for others
        self._workers: list[_Worker] = []
        self._deaths: Counter[str] = Counter()  # by job
        self._in_a_row: Counter[str] = Counter()  # failed by death, by part
        self._paces: dict[str, Pace] = defaultdict(Pace)  # by part

    def warm(self, tasks: Sequence[Warm]) -> None:
        for task in itertools.islice(itertools.cycle(tasks), self._most):
            self._give(self._start(), task)

    def records(self, tasks: Sequence[Task], follow: Follow | None) -> Iterator[Record]:
        self._first = frozenset(part_of(task) for task in tasks)
        self._add(tasks)
        while True:
            self._assign(follow)
            if not any(worker.task for worker in self._workers):
                return
            known = {id(worker.handle): worker for worker in self._workers}
            for handle, said in self._crew.hear([worker.handle for worker in self._workers]):
                worker = known[id(handle)]
                if said is None:
                    yield from self._died(worker)
                else:
                    yield from self._heard(worker, said)

    def _add(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._queue.setdefault(part_of(task), deque()).append(task)

    def _assign(self, follow: Follow | None) -> None:
        idle = [worker for worker in self._workers if worker.task is None]
        if follow is not None and len(idle) > sum(len(self._queue.get(p, ())) for p in self._first):
            self._add(follow())
        idle.sort(key=lambda worker: worker.part in self._queue)  # who holds a part goes on with it
        while self._queue and (idle or len(self._workers) < self._most):
            worker = idle.pop() if idle else None
            found = self._next_for(worker.part if worker else "")
            if found is not None:
                self._give(worker or self._start(), found)
            elif worker is None:
                return

    def _give(self, worker: _Worker, task: Task) -> None:
        part = part_of(task)
        worker.given = Given(time.perf_counter(), part != worker.part)
        worker.part, worker.task, worker.left = part, task, list(task.jobs)
        self._crew.give(worker.handle, task)

    def _next_for(self, held: str) -> Task | None:
        """Return work of the part that a worker holds, else of the one that wants it most.

        Weights are then loaded, and graphs recorded, by as few processes as can be. What follows
        waits for what does not. None where others will be done before this worker has loaded.
        """
        at = Counter(other.part for other in self._workers if other.task is not None)
        ready = [part for part in self._queue if part in self._first] or [*self._queue]
        if held in ready:
            return self._taken(held, at[held], joins=False)
        for part in sorted(ready, key=lambda part: (at[part] > 0, self._wait_s(part, at[part]))):
            task = self._taken(part, at[part], joins=True)
            if task is not None:
                return task
        return None

    def _wait_s(self, part: str, at_it: int) -> float:
        """Return how soon a part comes: by the work of each worker at it, the most first."""
        each_s = self._paces[part].each_s
        if each_s is None or part in self._first:
            return float(at_it)
        return -self._left(part) * each_s / (at_it + 1)

    def _left(self, part: str) -> int:
        """Return how many jobs are queued for a part, counted as far as it matters."""
        return sum(len(t.jobs) for t in itertools.islice(self._queue[part], 64 * self._most))

    def _taken(self, part: str, at_it: int, *, joins: bool) -> Task | None:
        """Take a task, or a share of it, from a part's queue."""
        queue = self._queue[part]
        if is_divisible(queue[0]):
            jobs = share(self._paces[part], self._left(part), at_it, joins=joins)
            if jobs == 0:
                return None
            task = self._of_several(queue, jobs)
        else:
            task = queue.popleft()
        if not queue:
            del self._queue[part]
        return task

    def _of_several(self, queue: deque[Task], jobs: int) -> Task:
        """Take a task of so many jobs, put together where the queue's are smaller.

        Those were handed in as trials ended, and a judge of many clips at once wants its batches
        full. What a process died of stays by itself.
        """
        first = queue[0]
        whole: list[Any] = []
        while queue and len(whole) < jobs:
            if whole and (self._died_before(whole) or self._died_before(queue[0].jobs)):
                break
            part, rest = split(queue.popleft(), jobs - len(whole))
            whole += part.jobs
            if rest is not None:
                queue.appendleft(rest)
        return with_jobs(first, whole)

    def _died_before(self, jobs: Sequence[Any]) -> bool:
        return bool(self._deaths) and any(job.id in self._deaths for job in jobs)

    def _again(self, task: Task) -> None:
        """Queue what a worker left, before all else of its part."""
        self._queue.setdefault(part_of(task), deque()).appendleft(task)

    def _start(self) -> _Worker:
        worker = _Worker(self._crew.start(), next(self._numbers))
        self._workers.append(worker)
        return worker

    def _heard(self, worker: _Worker, said: Any) -> Iterator[Record]:
        if said == DONE:
            if worker.given is not None and worker.task is not None:
                given, jobs, now = worker.given, len(worker.task.jobs), time.perf_counter()
                given.end(self._paces[worker.part], jobs, now)
                self._timeline.note(worker.number, worker.part, jobs, given.joins, given.at, now)
            worker.task, worker.left = None, ()
            return
        if AT_WORK not in said:
            worker.left = [job for job in worker.left if job.id != said["id"]]
            if worker.task is not None and not said.get(DIED):
                self._in_a_row[part_of(worker.task)] = 0
        yield said

    def _died(self, worker: _Worker) -> Iterator[Record]:
        self._workers.remove(worker)
        why = self._crew.bury(worker.handle)
        task, left = worker.task, list(worker.left)
        if task is None or not left:
            say(f"{why} when its work was done")
            return
        first, rest = left[0], left[1:]
        self._deaths[first.id] += 1
        if rest:
            self._again(with_jobs(task, rest))
        if self._deaths[first.id] < self._crew.tries:
            say(f"{task.kind} {task.spec['name']}: {why} at work on {first.id}, tried again")
            self._again(with_jobs(task, [first]))
            return
        often = "twice" if self._crew.tries == 2 else f"{self._crew.tries} times"
        yield {**task.failed(first, f"{why} while it was at work, {often}"), DIED: True}
        part = part_of(task)
        self._in_a_row[part] += 1
        if self._in_a_row[part] >= MOST_DEATHS:
            yield from self._given_up(part, why)

    def _given_up(self, part: str, why: str) -> Iterator[Record]:
        """Fail what is queued for a part that does nothing but die."""
        said = f"not tried: {why} in {MOST_DEATHS} other jobs in a row"
        for task in self._queue.pop(part, ()):
            yield from ({**task.failed(job, said), DIED: True} for job in task.jobs)

    def dismiss(self) -> None:
        self._crew.dismiss([worker.handle for worker in self._workers])

    def close(self) -> None:
        """End the workers: idle ones when their pipe closes, the others at once."""
        idle = [worker.handle for worker in self._workers if worker.task is None]
        self._crew.end(idle, [worker.handle for worker in self._workers if worker.task is not None])


def _device(task: Task) -> str:
    return str(task.device or task.spec.get("device") or "auto")
