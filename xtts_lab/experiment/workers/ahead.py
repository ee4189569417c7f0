"""Judges at work on what is spoken, while other trials still are: no worker waits for the slowest.

A worker that has no more to speak goes on to clips that are written, and from one judge to the
next. What is left over (clips at which a process died before, parts that are kept apart, what the
cache holds) is done by `measure`, which follows.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

from xtts_lab.experiment.estimate import remember
from xtts_lab.experiment.judging import Batch, Need, alike_together
from xtts_lab.experiment.measure import TOGETHER, Needs
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.workers.examining import prepare_instrument
from xtts_lab.experiment.workers.pool import Workers
from xtts_lab.experiment.workers.tasks import AT_WORK, Logs
from xtts_lab.runs.shared import Cache

Record = dict[str, Any]
LEAST = 32
"""Clips for which a judge is loaded while trials are still at work."""
AT_ONCE = 2
"""Trials that the listener is told of for each clip that is judged: trials end by the hundred, and
workers would wait for their first clips."""


class Listener(Protocol):
    """Who does something with evidence as it comes (`experiment.workers.early`)."""

    def ended(self, trial: Trial) -> None:
        """A trial has ended, and outputs on it may be there."""

    def heard(self, key: str, *, failed: bool) -> None:
        """An output is there, or will never be."""

    def void(self) -> None:
        """Something has ended twice: what was said first does not count."""


class Ahead:
    """Hands out clips to judge as trials end, and keeps what is said of them."""

    def __init__(
        self,
        plan: Plan,
        needs: Needs,
        logs: Logs,
        cache: Cache,
        workers: int,
        listener: Listener,
    ) -> None:
        self._plan, self._needs, self._logs, self._cache = plan, needs, logs, cache
        self._workers, self._listener = workers, listener
        self._at_work: dict[str, Trial] = {}  # by id
        self._ended: list[Trial] = []
        self._unannounced: deque[Trial] = deque()  # to the listener, who may take his time
        self._given: dict[str, Need] = {}  # by key
        self._waiting: dict[str, list[Need]] = {name: [] for name in plan.instruments}
        self._prepared: set[str] = set()
        self._made: Iterator[Record] = iter(())
        self._open: set[str] = set()  # without an output yet
        self._began: dict[str, float] = {}
        self._busy_s: dict[str, float] = defaultdict(float)  # of all workers, by instrument

    @property
    def tried(self) -> Collection[str]:
        """The keys of what has ended."""
        return self._given.keys() - self._open

    def left(self) -> int:
        """Return how many clips of the trials that have ended are without an output yet."""
        self._gather()
        return len(self._open)

    def spoken(
        self, made: Iterator[Record], wanted: Sequence[Trial], before: Sequence[Trial]
    ) -> Iterator[Record]:
        """Yield what is said of `wanted` trials until all have ended; `before`: these have.

        `made` are the records of a round that asks `more`; the caller logs each that is yielded.
        """
        self._made, self._ended = made, [*before]
        self._at_work = at_work = {trial.id: trial for trial in wanted}
        for record in made:
            if record["id"] in self._given:
                self._keep(record)
                continue
            yield record
            if AT_WORK in record:
                continue
            if record["id"] not in at_work:
                self._listener.void()
                continue
            self._ended.append(at_work.pop(record["id"]))
            if not at_work:
                return

    def rest(self, trials: Logs) -> Iterator[None]:
        """Go on until all has ended; yield for every clip."""
        for record in self._made:
            if record["id"] not in self._given:  # of a system that does not end as it should
                trials.note(record)
                self._listener.void()
            elif self._keep(record):
                yield
        for instrument, seconds in self._busy_s.items():
            judged = sum(need.instrument == instrument for need in self._given.values())
            mean_s = seconds / judged / self._workers
            remember(self._cache, self._plan.instruments[instrument], mean_s)

    def more(self) -> list[Batch]:
        """Return tasks for what can be judged by now and was not handed out yet."""
        self._gather()
        least = LEAST if self._at_work else 1
        found: list[Batch] = []
        for instrument, needs in self._waiting.items():
            if len(needs) >= least:
                found += self._tasks(instrument, alike_together(needs))
                self._waiting[instrument] = []
        return found

    def _gather(self) -> None:
        """Note what can be judged of the trials that have ended."""
        ended, self._ended = self._ended, []
        self._unannounced.extend(ended)
        for need in self._needs.of(ended):
            if self._is_wanted(need):
                self._waiting[need.instrument].append(need)
                self._given[need.key] = need
                self._open.add(need.key)

    def _tasks(self, instrument: str, needs: Sequence[Need]) -> Iterator[Batch]:
        spec = self._plan.experiment.spec.instruments[instrument]
        if needs and instrument not in self._prepared:
            prepare_instrument(self._plan.experiment.host, spec)
            self._prepared.add(instrument)
        for start in range(0, len(needs), TOGETHER):  # which the pool shares out
            yield Batch(instrument, spec, self._plan.device, needs[start : start + TOGETHER])

    def _is_wanted(self, need: Need) -> bool:
        spec = self._plan.experiment.spec.instruments[need.instrument]
        if need.key in self._given or self._plan.experiment.host.apart("instruments", spec):
            return False
        known = self._logs.ended.get(need.key)
        done = known is not None and known["error"] is None
        if done or self._logs.is_suspect(need.key):
            return False
        return self._cache.get("evidence", need.key) is None

    def _keep(self, record: Record) -> bool:
        """Log what is said of a clip; return whether it has ended, for the first time."""
        key, now = record["id"], time.perf_counter()
        if not self._logs.note(record):
            self._began[key] = now
            return False
        self._busy_s[self._given[key].instrument] += now - self._began.pop(key, now)
        if key not in self._open:
            self._listener.void()
            return False
        self._open.discard(key)
        self._listener.heard(key, failed=record["error"] is not None)
        for _ in range(min(AT_ONCE, len(self._unannounced))):
            self._listener.ended(self._unannounced.popleft())
        return True


def ahead_of(
    plan: Plan, needs: Needs, logs: Logs, cache: Cache, team: Workers, listener: Listener
) -> Ahead | None:
    """Return what judges beside systems; None with one worker, and where times are measured."""
    if not team.apart or not all(use.metric.of_speech for use in plan.metrics):
        return None
    return Ahead(plan, needs, logs, cache, team.count, listener)
