"""Run independent tasks here or in worker processes; the results are the same."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

Task = TypeVar("Task")
Record = dict[str, Any]


class WorkerDiedError(RuntimeError):
    """A worker process ended without a word, most often for want of memory."""


def perform_all(
    perform: Callable[[Task], Iterator[Record]], tasks: Sequence[Task], workers: int
) -> Iterator[Record]:
    """Yield the records of all tasks: in order with one worker, else as they are finished.

    `perform` and the tasks must be picklable. Raises `WorkerDiedError`, after the finished records.
    """
    if workers <= 1:
        for task in tasks:
            yield from perform(task)
        return
    # Not forked: a child of a process with running threads (torch's) may deadlock.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _set_threads, (workers,))
    try:
        futures = [pool.submit(_collect, perform, task) for task in tasks]
        for future in as_completed(futures):
            yield from future.result()
    except BrokenProcessPool as error:
        raise WorkerDiedError("a worker process died (out of memory?)") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collect(perform: Callable[[Task], Iterator[Record]], task: Task) -> list[Record]:
    return list(perform(task))


def _set_threads(workers: int) -> None:
    """Share the cores: torch reads this when it is first imported."""
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))


def chunks(items: Sequence[Any], workers: int, most: int = 64) -> list[Sequence[Any]]:
    """Split items into tasks: one with one worker, else a few for each, so that none idles."""
    if not items:
        return []
    if workers <= 1:
        return [items]
    size = max(1, min(most, -(-len(items) // (4 * workers))))
    return [items[i : i + size] for i in range(0, len(items), size)]
