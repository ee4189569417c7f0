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
from tests.dying_jobs import Task, name_part
from xtts_lab import registry
from xtts_lab.experiment.synthesise import Batch, Job, perform
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.pool import perform_all
from xtts_lab.systems.base import BaseSystem
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
    tasks = [Task(spec, [OneJob(f"j{i}")]) for i in range(12)]
    found = list(perform_all(name_part, tasks, 2, child=True))
    assert sorted(record["id"] for record in found) == sorted(f"j{i}" for i in range(12))
    parts = {(record["pid"], record["part"]) for record in found}
    assert len(parts) == len({pid for pid, _ in parts}) <= 2
