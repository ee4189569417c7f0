"""Judges' clips are shared out so that all workers end together, in a world of invented seconds."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.dying_jobs import Job, Task
from xtts_lab.experiment.workers import pool
from xtts_lab.experiment.workers.pool import Workers
from xtts_lab.experiment.workers.server import DONE
from xtts_lab.experiment.workers.shares import BATCH, MOST, Pace, share
from xtts_lab.experiment.workers.tasks import AT_WORK
from xtts_lab.experiment.workers.timeline import Timeline

LOAD_S = 3.0


class World:
    """A crew whose workers load a part in `LOAD_S` and take a time for each of its jobs."""

    tries = 2

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.now = 0.0
        self.loads: list[str] = []
        self.ended: dict[int, float] = {}
        self.shares: list[int] = []
        self._seconds = seconds
        self._holds: list[str] = []
        self._to_say: list[tuple[float, int, int, Any]] = []
        self._order = 0

    def start(self) -> list[int]:
        self._holds.append("")
        return [len(self._holds) - 1]

    def give(self, worker: list[int], task: Task) -> None:
        at, name = self.now, str(task.spec["name"])
        self.shares.append(len(task.jobs))
        for job in task.jobs:
            self._say(at, worker, {"id": job.id, AT_WORK: True})
            if self._holds[worker[0]] != name:  # weights are loaded by the first clip
                self._holds[worker[0]] = name
                self.loads.append(name)
                at += LOAD_S
            at += self._seconds[name]
            self._say(at, worker, {"id": job.id})
        self._say(at, worker, DONE)

    def _say(self, at: float, worker: list[int], what: Any) -> None:
        self._order += 1
        heapq.heappush(self._to_say, (at, self._order, worker[0], what))

    def hear(self, workers: Sequence[list[int]]) -> Iterator[tuple[list[int], Any]]:
        self.now, _, number, said = heapq.heappop(self._to_say)
        self.ended[number] = self.now
        yield next(worker for worker in workers if worker[0] == number), said

    def bury(self, _worker: Any) -> str:
        raise AssertionError("nobody died")

    def dismiss(self, idle: Sequence[Any]) -> None:
        raise AssertionError(f"nobody sends {len(idle)} away")

    def end(self, idle: Sequence[Any], busy: Sequence[Any]) -> None:
        assert len(idle) == len(self._holds)
        assert not busy


def _work(
    seconds: Mapping[str, float],
    count: int,
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
    together: int = 250,
) -> World:
    world = World(seconds)
    monkeypatch.setattr(pool, "time", SimpleNamespace(perf_counter=lambda: world.now))
    tasks = [
        Task(
            {"name": name},
            [Job(f"{name}{i}") for i in range(first, first + together)],
            "instruments",
        )
        for name in seconds
        for first in range(0, count, together)
    ]
    with Workers(lambda *_: iter(()), workers, lambda *_: world) as team:
        done = [said["id"] for said in team.records(tasks) if AT_WORK not in said]
    assert sorted(done) == sorted(f"{name}{i}" for name in seconds for i in range(count))
    return world


JUDGES = {"slow": 0.15, "slower": 0.11, "a": 0.03, "b": 0.025, "c": 0.015, "d": 0.01, "e": 0.005}


def test_no_worker_waits_long_for_the_slowest_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    world = _work(JUDGES, 2000, 4, monkeypatch)
    alone = 2000 * sum(JUDGES.values())
    assert len(world.loads) <= len(JUDGES) + 4
    fair = (alone + LOAD_S * len(world.loads)) / 4
    assert max(world.ended.values()) < fair + 1.5
    assert max(world.ended.values()) - min(world.ended.values()) < 3.0


def test_nobody_loads_a_judge_that_is_done_sooner_without_him(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = _work({"quick": 0.004, "other": 0.004}, 500, 4, monkeypatch)
    assert sorted(world.loads)[:2] == ["other", "other"]  # nothing is known when all begin
    assert len(world.loads) == 4
    assert _work({"only": 0.001}, 1000, 1, monkeypatch).loads == ["only"]


def test_what_was_handed_in_by_the_handful_is_judged_by_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = _work({"only": 0.05}, 2000, 1, monkeypatch, together=40)
    assert world.shares[:7] == [BATCH] + [MOST] * 6  # a look, then what a judge sorts at once
    assert len(world.shares) < 16


def test_what_is_spoken_later_is_judged_by_those_who_hold_the_judge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World({"speaks": 0.01, **JUDGES})
    monkeypatch.setattr(pool, "time", SimpleNamespace(perf_counter=lambda: world.now))
    spoken: list[str] = []
    judged: list[str] = []

    def follow() -> list[Task]:
        fresh, spoken[:] = list(spoken), []
        return [
            Task({"name": name}, [Job(f"{name} {clip}") for clip in fresh], "instruments")
            for name in JUDGES
            if fresh
        ]

    speaking = [
        Task({"name": "speaks"}, [Job(f"{part}.{i}") for i in range(250)], "systems")
        for part in range(8)  # twice for each worker
    ]
    with Workers(lambda *_: iter(()), 4, lambda *_: world) as team:
        for said in team.records(speaking, follow=follow):
            if AT_WORK not in said:
                (judged if " " in said["id"] else spoken).append(said["id"])
    assert len(set(judged)) == len(judged) == 2000 * len(JUDGES)
    assert len(world.loads) <= 4 + len(JUDGES) + 4  # not once more for those who spoke last


def test_a_worker_takes_all_that_nobody_would_come_for() -> None:
    pace = Pace(10.0, 100, [(12.0, 100)])
    assert share(pace, 20, 0, joins=False) == 20  # two seconds, for which others would load
    assert share(pace, 21, 0, joins=False) == 11
    assert share(pace, 20, 1, joins=False) == 5  # another one is there


def test_shares_are_whole_batches_and_short_only_at_the_end() -> None:
    pace = Pace(10.0, 100, [(11.5, 100), (3.0, 10)])
    assert (pace.each_s, pace.load_s) == (0.1, 2.0)
    assert (Pace(0.0, 0, [(3.0, 10)]).each_s, Pace(0.0, 0, [(3.0, 10)]).load_s) == (0.3, 0.0)
    assert share(Pace(), 2000, 0, joins=True) == BATCH  # nothing is known: a look
    large = share(pace, 2000, 3, joins=False)
    assert (large, large % BATCH) == (192, 0)
    assert share(pace, 40, 3, joins=False) == 5  # half a second, and no less
    assert share(pace, 3, 3, joins=False) == 3
    assert share(pace, 40, 3, joins=True) == 0  # three others do four seconds' work meanwhile
    assert share(pace, 40, 0, joins=True) > 0  # but somebody must


@pytest.mark.parametrize(
    ("died", "given"),
    [("", ["0", "1", "2", "3"]), ("0", ["0"]), ("1", ["0"]), ("3", ["0", "1", "2"])],
)
def test_what_a_process_died_of_is_tried_with_no_other(died: str, given: list[str]) -> None:
    queued = [["0"], ["1"], ["2"], ["3"]]  # a pool queues it by itself again
    tasks = [Task({"name": "a"}, [Job(name) for name in names], "instruments") for names in queued]
    team = pool._Pool(World({}), 1, Timeline())
    team._deaths.update([died] if died else [])
    assert [job.id for job in team._of_several(deque(tasks), 4).jobs] == given
