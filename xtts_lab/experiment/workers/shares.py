"""How many clips of a judge a worker takes at once: many at first, few when all are about to end.

With shares of one size, the last one of the slowest judge would hold up all others. What a clip
takes, and how long a judge loads, is what was seen of it in this round.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xtts_lab.experiment.workers.tasks import Task, with_jobs

BATCH = 64
"""Clips that judges like to have together: larger shares are a multiple of it."""
MOST = 4 * BATCH
"""Clips of a share at most: judges that sort clips by length sort so many."""
SHORT_S = 0.5
"""Work for which nobody is asked."""


@dataclass
class Pace:
    """Seconds that a part's jobs took: of workers that held it, and of those that `joined` for it.

    What the latter took longer was loading, which is at the part's first use of its weights.
    """

    busy_s: float = 0.0
    jobs: int = 0
    joined: list[tuple[float, int]] = field(default_factory=list)

    @property
    def each_s(self) -> float | None:
        """Mean seconds of a job; None as long as none has ended."""
        if self.jobs:
            return self.busy_s / self.jobs
        jobs = sum(jobs for _, jobs in self.joined)
        return sum(seconds for seconds, _ in self.joined) / jobs if jobs else None

    @property
    def load_s(self) -> float:
        """The longest that a worker took to load the part; 0 as long as that is not known."""
        each_s = (self.each_s or 0.0) if self.jobs else math.inf
        return max((s - jobs * each_s for s, jobs in self.joined if s > jobs * each_s), default=0.0)


@dataclass(frozen=True)
class Given:
    """When a worker was given a task, and whether it `joins` for it."""

    at: float
    joins: bool

    def end(self, pace: Pace, jobs: int, now: float) -> None:
        """Note that all of so many jobs have ended."""
        if self.joins:
            pace.joined.append((now - self.at, jobs))
        else:
            pace.busy_s += now - self.at
            pace.jobs += jobs


def is_divisible(task: Any) -> bool:
    """Return whether it makes no difference who does which of a task's jobs.

    So it is with clips to be judged. What a system speaks at once is its engine's choice.
    """
    return bool(task.kind == "instruments")


def share(pace: Pace, left: int, at_it: int, *, joins: bool) -> int:
    """Return how many of the jobs that are left a worker should take; 0: none, others are sooner.

    `at_it`: workers that are at the part, without this one; with `joins` it loads the part first.
    """
    workers, each_s = at_it + 1, pace.each_s
    if each_s is None or each_s <= 0.0:
        return min(BATCH, math.ceil(left / (2 * workers)))
    lost_s = pace.load_s * at_it if joins else 0.0
    own_s = (left * each_s - lost_s) / workers
    if at_it and own_s <= 0.0:
        return 0
    if at_it == 0 and left * each_s <= pace.load_s:  # nobody comes
        return min(left, MOST)
    fair = max(own_s / 2, min(SHORT_S, left * each_s))
    jobs = min(left, MOST, math.ceil(fair / each_s))
    return jobs - jobs % BATCH if jobs > BATCH else jobs


def split(task: Task, jobs: int) -> tuple[Task, Task | None]:
    """Return a task for the first jobs of another, and one for the rest, if any."""
    if jobs >= len(task.jobs):
        return task, None
    first: Sequence[Any] = task.jobs[:jobs]
    return with_jobs(task, first), with_jobs(task, task.jobs[jobs:])
