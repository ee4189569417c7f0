"""Tasks of jobs for a system or an instrument: asked together, answered or failed one by one."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from xtts_lab.device import full_precision
from xtts_lab.experiment.workers.host import Host
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.notices import describe
from xtts_lab.runs.journal import Journal
from xtts_lab.threads import fixed_threads

Record = dict[str, Any]
AT_WORK = "at_work"
"""Marks what is said when a job begins. It is no record: those have an end."""
DIED = "died"
"""Marks the failure of a job in which its process died."""


class Job(Protocol):
    """One unit of work; its `id` names its record."""

    @property
    def id(self) -> str: ...


class Task(Protocol):
    """Jobs for one part, in one process: a dataclass that can be pickled."""

    @property
    def kind(self) -> str: ...  # of the registry

    @property
    def spec(self) -> Mapping[str, Any]: ...

    @property
    def device(self) -> str | None: ...  # instead of the one that the spec names

    @property
    def jobs(self) -> Sequence[Any]: ...

    def failed(self, job: Any, error: str) -> Record:
        """Return the record of a job that failed."""
        ...


AnyTask = TypeVar("AnyTask", bound=Task)


def with_jobs(task: AnyTask, jobs: Sequence[Any]) -> AnyTask:
    """Return a task like another, for these jobs."""
    changed: Any = dataclasses.replace(task, jobs=list(jobs))  # type: ignore[type-var]
    found: AnyTask = changed
    return found


def at_work(job: Job) -> Record:
    """Return what is said when a job begins."""
    return {"id": job.id, AT_WORK: True}


@dataclasses.dataclass(frozen=True)
class Logs:
    """Records of jobs that ended, and of which have `begun`: what was at work when all died."""

    ended: Journal
    begun: Journal

    def keep(self, records: Iterable[Record]) -> Iterator[Record]:
        """Log what comes; yield the records, of each job the first (see `work_through`)."""
        seen: set[str] = set()
        for record in records:
            if self.note(record) and record["id"] not in seen:
                seen.add(record["id"])
                yield record

    def note(self, record: Record) -> bool:
        """Log what is said of a job; return whether it has ended."""
        self.begun.append({"id": record["id"], AT_WORK: AT_WORK in record})
        if AT_WORK in record:
            return False
        self.ended.append(record)
        return True

    def need_child(self, tasks: Sequence[Task], host: Host) -> bool:
        """Return whether tasks should not run in this very process, which they may take along.

        So it is where a process died of one before, and for parts that `host` keeps apart.
        """
        if any(host.apart(task.kind, task.spec) for task in tasks):
            return True
        ids = (job.id for task in tasks for job in task.jobs)
        return any(self.is_suspect(job_id) for job_id in ids)

    def is_suspect(self, job_id: str) -> bool:
        """Return whether a process died, or was killed, with a job at work in it."""
        begun, ended = self.begun.get(job_id) or {}, self.ended.get(job_id) or {}
        return bool(begun.get(AT_WORK) or ended.get(DIED))


def work_through(
    task: Task,
    device: str | None,
    parts: Parts,
    ask: Callable[[Any, Sequence[Any]], Iterator[Any]],
    record: Callable[[Any, Any, float], Record],
) -> Iterator[Record]:
    """Yield, job by job in order, that it has begun and then its record.

    `ask(part, jobs)` gives one result a job, in order; `record(job, result, seconds)` makes its
    record. What a part raises, its `sys.exit` included, fails the job that it was at; it is asked
    again for what is left. One that gives more or fewer results than it was asked for fails all of
    them: nobody knows which belongs to which. The part stays in `parts` for the next task, unless
    it raised.
    """
    try:
        part = parts.get(task.kind, task.spec, device)
    except BaseException as error:  # such as want of memory for its weights
        if not parts.to_blame(error):
            raise
        yield from (task.failed(job, describe(error)) for job in task.jobs)
        return
    pending = list(task.jobs)
    attempts = 0
    with fixed_threads(), full_precision():
        while pending:
            attempts += 1
            for made in _attempt(task, part, parts, list(pending), ask, record):
                if AT_WORK not in made and pending and made["id"] == pending[0].id:
                    pending.pop(0)
                yield made
    if attempts > 1:
        parts.close()


def _attempt(
    task: Task,
    part: Any,
    parts: Parts,
    jobs: Sequence[Any],
    ask: Callable[[Any, Sequence[Any]], Iterator[Any]],
    record: Callable[[Any, Any, float], Record],
) -> Iterator[Record]:
    """Yield records until all jobs are done or the part raises, which fails one job."""
    results: Iterator[Any] | None = None
    for done, job in enumerate(jobs):
        yield at_work(job)
        start = time.perf_counter()
        try:
            results = iter(ask(part, jobs)) if results is None else results
            result = next(results)
            made = record(job, result, time.perf_counter() - start)
        except StopIteration:
            yield from _refused(task, jobs, f"{done} results")
            return
        except BaseException as error:
            if not parts.to_blame(error):
                raise
            yield task.failed(job, describe(error))
            return
        yield made
    if results is not None and _has_more(results, parts):
        yield from _refused(task, jobs, "more results")


def _has_more(results: Iterator[Any], parts: Parts) -> bool:
    try:
        next(results)
    except BaseException as error:  # StopIteration, as it should be; or a quarrel at the end
        if not parts.to_blame(error):
            raise
        return False
    return True


def _refused(task: Task, jobs: Sequence[Any], what: str) -> Iterator[Record]:
    why = f"'{task.spec['name']}' gave {what} for {len(jobs)} jobs: which is whose is not known"
    yield from (task.failed(job, why) for job in jobs)
