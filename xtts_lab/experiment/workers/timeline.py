"""What each worker did when, task by task: where the time of a run went."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

from xtts_lab import files
from xtts_lab.experiment.workers.tasks import Task


@dataclasses.dataclass(frozen=True)
class Span:
    """A worker at one task that it ended; `began_s` counts from the making of the run's workers.

    `joins`: it held another part before, so that loading is in `seconds`.
    """

    worker: int
    part: str
    jobs: int
    joins: bool
    began_s: float
    seconds: float


class Timeline:
    """Spans of a run's workers, in the order in which they ended."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._spans: list[Span] = []

    def note(self, worker: int, part: str, jobs: int, joins: bool, at: float, now: float) -> None:
        """Note a span, from `at` to `now` of the performance counter."""
        began_s, seconds = round(at - self._began, 3), round(now - at, 3)
        self._spans.append(Span(worker, part, jobs, joins, began_s, seconds))

    @contextlib.contextmanager
    def here(self, task: Task) -> Iterator[None]:
        """Note what this very process does, which is the worker 0."""
        at, part = time.perf_counter(), part_of(task)
        joins = not self._spans or self._spans[-1].part != part
        yield
        self.note(0, part, len(task.jobs), joins, at, time.perf_counter())

    def write(self, path: Path) -> None:
        """Write the spans as a JSON list of mappings."""
        files.write_json(path, [dataclasses.asdict(span) for span in self._spans])


def part_of(task: Task) -> str:
    """Return what names a task's part, its settings included."""
    return f"{task.kind} {sorted(task.spec.items(), key=str)}"
