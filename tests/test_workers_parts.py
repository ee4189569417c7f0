"""A process constructs a part once for all its tasks in a row, and lets go of it at the end."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.dying_jobs import Job as OneJob
from tests.dying_jobs import Task as OneTask
from tests.dying_jobs import name_part
from xtts_lab import registry
from xtts_lab.experiment.synthesise import Batch, Job, least_of, perform
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.pool import Workers, chunks, perform_all
from xtts_lab.experiment.workers.server import DONE
from xtts_lab.systems.base import BaseSystem
from xtts_lab.systems.xtts import XttsSystem
from xtts_lab.types import Audio, Failure, Request, Synthesis

EVENTS: list[str] = []


class Loader(BaseSystem):
    """A system that says when it is made, asked and closed."""

    sample_rate = 8000

    def __init__(self, *, label: str) -> None:
        self._label = label
        EVENTS.append(f"made {label}")

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        for request in requests:
            if request.text == "raise":
                raise RuntimeError("broken")
            yield Synthesis(Audio(torch.full((80,), 0.1), 8000))

    def close(self) -> None:
        EVENTS.append(f"closed {self._label}")


@pytest.fixture(autouse=True)
def loader(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("loading_parts")
    module.Loader = Loader  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "loading_parts", module)
    systems = {**registry.BUILTIN["systems"], "loader": "loading_parts:Loader"}
    monkeypatch.setitem(registry.BUILTIN, "systems", systems)  # type: ignore[arg-type]
    EVENTS.clear()


def _batch(label: str, job: str, texts: Sequence[str], folder: Path) -> Batch:
    jobs = [
        Job(f"{job}{i}", "k", Request(text, "en", (), i), folder / f"{job}{i}.wav")
        for i, text in enumerate(texts)
    ]
    return Batch({"name": "loader", "label": label}, None, jobs)


def _records(batches: Sequence[Batch]) -> list[Any]:
    with Parts() as parts:
        made = [record for batch in batches for record in perform(batch, parts)]
    return [record for record in made if "at_work" not in record]


def test_tasks_of_one_part_share_it_and_another_replaces_it(tmp_path: Path) -> None:
    labels = ["a", "a", "b", "b", "a"]
    batches = [_batch(label, f"t{n}", ["x", "y"], tmp_path) for n, label in enumerate(labels)]
    records = _records(batches)
    assert [record["status"] for record in records] == ["ok"] * 10
    assert EVENTS == ["made a", "closed a", "made b", "closed b", "made a", "closed a"]


def test_a_part_that_raised_is_not_kept_for_the_next_task(tmp_path: Path) -> None:
    texts = [["one", "raise", "two"], ["three"]]
    batches = [_batch("a", f"t{n}", said, tmp_path) for n, said in enumerate(texts)]
    assert [record["status"] for record in _records(batches)] == ["ok", "failed", "ok", "ok"]
    assert EVENTS == ["made a", "closed a", "made a", "closed a"]


def test_a_worker_process_constructs_a_part_once_for_many_tasks() -> None:
    spec = {"name": "null"}
    tasks = [OneTask(spec, [OneJob(f"j{i}")]) for i in range(12)]
    found = list(perform_all(name_part, tasks, 2, child=True))
    assert sorted(record["id"] for record in found) == sorted(f"j{i}" for i in range(12))
    parts = {(record["pid"], record["part"]) for record in found}
    assert len(parts) == len({pid for pid, _ in parts}) <= 2


class _Recorder:
    """A crew without processes: each worker finishes its task when it is heard, the last first."""

    tries = 2

    def __init__(self) -> None:
        self.done: dict[int, list[str]] = {}
        self._given: dict[int, OneTask] = {}

    def start(self) -> list[int]:
        self.done[len(self.done)] = []
        return [len(self.done) - 1]  # no number: handles are told apart by identity

    def give(self, worker: list[int], task: OneTask) -> None:
        self._given[worker[0]] = task

    def hear(self, workers: Sequence[list[int]]) -> Iterator[tuple[list[int], Any]]:
        for worker in reversed(workers):
            task = self._given.pop(worker[0], None)
            if task is not None:
                self.done[worker[0]].append(str(task.spec["name"]))
                yield from ((worker, {"id": job.id}) for job in task.jobs)
                yield worker, DONE

    def bury(self, _worker: list[int]) -> str:
        raise AssertionError("nobody died")

    def dismiss(self, idle: Sequence[list[int]]) -> None:
        raise AssertionError(f"nobody sends {len(idle)} away")

    def end(self, idle: Sequence[list[int]], busy: Sequence[list[int]]) -> None:
        assert len(idle) == len(self.done)
        assert not busy


def test_workers_keep_to_a_part_while_there_is_work_for_it() -> None:
    tasks = [OneTask({"name": name}, [OneJob(f"{name}{i}")]) for name in "ab" for i in range(5)]
    crew = _Recorder()
    with Workers(name_part, 3, lambda _perform, _devices: crew) as team:
        found = [record["id"] for record in team.records(tasks)]
    assert sorted(found) == sorted(task.jobs[0].id for task in tasks)
    assert crew.done == {0: ["a", "a", "b"], 1: ["b"] * 4, 2: ["a"] * 3}


def test_a_gpu_gets_parts_as_large_as_its_engine_takes_and_no_worker_idles() -> None:
    spec = {"engine": "auto", "at_once": None, "batch_size": 1}
    sizes = {}
    for device, workers, arms in [("cuda", 4, 2), ("cuda", 4, 1), ("cuda", 2, 3), ("cpu", 4, 2)]:
        least = least_of(1000, XttsSystem.at_a_time(spec, device), workers, arms)
        parts = chunks(range(1000), workers, least=least)
        sizes[device, workers, arms] = [len(part) for part in parts][:2]
    assert sizes == {
        ("cuda", 4, 2): [500, 500],
        ("cuda", 4, 1): [250, 250],
        ("cuda", 2, 3): [500, 500],
        ("cpu", 4, 2): [63, 63],
    }
    assert XttsSystem.at_a_time({"engine": "plain", "batch_size": 8}, "cuda") == 8
    assert XttsSystem.at_a_time({"engine": "auto", "at_once": 1, "batch_size": 8}, "cuda") == 1
    assert Loader.at_a_time({"batch_size": None}, "cuda") == 1
