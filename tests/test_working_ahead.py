"""Workers get ready before there is work, and judge what is written while others still speak."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.dying_jobs import Job, Task
from xtts_lab.cli import run_app
from xtts_lab.experiment.judging import Need, alike_together
from xtts_lab.experiment.spec import load
from xtts_lab.experiment.workers import ahead, pool
from xtts_lab.experiment.workers.performing import perform
from xtts_lab.experiment.workers.pool import Workers
from xtts_lab.experiment.workers.server import DONE
from xtts_lab.experiment.workers.warming import warm_tasks
from xtts_lab.types import Clip

EXPERIMENT = """
name: ahead
systems:
  a: {name: espeak}
  b: {name: espeak, speed_wpm: 190}
texts: {name: builtin, languages: [en, de], per_language: 1}  # the recogniser knows no German
speakers: {name: synthetic, count: 2, references: 1}
pairing: cross
repeats: 2
metrics: [{name: duration}, {name: cer, recognizer: world_ctc}]
statistics: {baseline: b, resamples: 100}
"""


class Turns:
    """A crew without processes: of those with a task, the last one says one thing at a time."""

    tries = 2

    def __init__(self) -> None:
        self.said: list[str] = []
        self.given: list[Any] = []
        self._tasks: list[list[Any]] = []

    def start(self) -> list[Any]:
        self._tasks.append([])
        return self._tasks[-1]

    def give(self, worker: list[Any], task: Task) -> None:
        self.given.append(task)
        worker += [*({"id": job.id} for job in task.jobs), DONE]

    def hear(self, workers: Sequence[list[Any]]) -> Iterator[tuple[list[Any], Any]]:
        worker = [one for one in workers if one][-1]
        said = worker.pop(0)
        if said != DONE:
            self.said.append(said["id"])
        yield worker, said

    def bury(self, _worker: Any) -> str:
        raise AssertionError("nobody died")

    def dismiss(self, idle: Sequence[Any]) -> None:
        raise AssertionError(f"nobody sends {len(idle)} away")

    def end(self, idle: Sequence[Any], busy: Sequence[Any]) -> None:
        assert len(idle) == len(self._tasks)
        assert not busy


def test_who_has_nothing_to_do_takes_what_follows_and_the_round_ends_with_it() -> None:
    jobs = [Job(f"a{i}") for i in range(3)]
    tasks = [Task({"name": "a"}, [jobs[0], jobs[1]]), Task({"name": "a"}, [jobs[2]])]
    heard: list[str] = []
    asked: list[int] = []

    def follow() -> list[Task]:
        asked.append(len(heard))
        fresh = [one for one in heard if one.startswith("a") and f"b{one}" not in asked_for]
        asked_for.update(f"b{one}" for one in fresh)
        return [Task({"name": "b"}, [Job(f"b{one}") for one in fresh])] if fresh else []

    asked_for: set[str] = set()
    crew = Turns()
    with Workers(perform, 2, lambda _perform, _devices: crew) as team:
        for record in team.records(tasks, follow=follow):
            heard.append(record["id"])
    assert crew.said == ["a2", "ba2", "a0", "ba0", "a1", "ba1"]
    assert asked[0] == 1  # not before somebody would idle


def _run(folder: Path, name: str, *flags: str) -> Path:
    out = folder / name
    file = folder / "e.yaml"
    assert run_app(["run", str(file), "--out", str(out), "--device", "cpu", *flags]) == 1
    return out


def _same(one: Path, other: Path) -> None:
    for name in ("scores.parquet", "evidence.parquet", "summary.csv", "comparisons.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    trials = [pd.read_parquet(run / "trials.parquet") for run in (one, other)]
    pd.testing.assert_frame_equal(*(t.drop(columns="synthesis_s") for t in trials))


def _measurements(printed: str) -> int:
    (line,) = [line for line in printed.splitlines() if "measurements taken" in line]
    return int(line.split("cache, ")[1].split()[0])


def test_judges_beside_systems_change_nothing_and_take_each_measurement_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(ahead, "LEAST", 2)
    (tmp_path / "e.yaml").write_text(EXPERIMENT)
    one = _run(tmp_path, "one", "--no-cache")
    taken = _measurements(capfd.readouterr().out)
    monkeypatch.setattr(pool, "shared_gpus", lambda _devices: ("0", "1"))  # workers start early
    two = _run(tmp_path, "two", "--workers", "2")
    said = capfd.readouterr()
    assert _measurements(said.out) == taken == 16
    assert re.search(r"measure: (\d+)/\1\n", said.err)  # of those that were left
    assert "measure world_ctc" not in said.err  # there was no round of its own
    _same(one, two)
    for run in (one, two):  # where the time went
        done = json.loads((run / ".state" / "timeline.json").read_text())
        jobs: Counter[str] = Counter()
        for span in done:
            jobs[re.findall("'name', '(\\w+)'", span["part"])[0]] += span["jobs"]
        assert jobs == {"espeak": 16, "world_ctc": 8, "levels": 8}
        assert all(span["seconds"] > 0.0 and span["began_s"] >= 0.0 for span in done)
        assert {span["worker"] for span in done} <= {0, 1}
    # All audio is in the cache, and no output of a judge.
    shutil.rmtree(tmp_path / "cache" / "evidence")
    three = _run(tmp_path, "three", "--workers", "2")
    assert _measurements(capfd.readouterr().out) == 16
    _same(one, three)


def test_workers_of_several_gpus_begin_before_there_is_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "e.yaml").write_text(EXPERIMENT)
    experiment = load(tmp_path / "e.yaml", ())
    tasks = warm_tasks(experiment, "cpu")
    assert [dict(task.spec) for task in tasks] == [dict(arm.spec) for arm in experiment.arms]
    assert tasks[0].later == ("world_ctc", "levels")
    crew = Turns()
    monkeypatch.setattr(pool, "LocalCrew", lambda _perform, _gpus: crew)
    with Workers(perform, 3) as team:
        team.warm(tasks)  # no GPUs: nothing is begun
        assert crew.given == []
        monkeypatch.setattr(pool, "shared_gpus", lambda _devices: ("0", "1"))
        team.warm(tasks)
        assert crew.given == [tasks[0], tasks[1], tasks[0]]
        work = [Task(arm.spec, [Job(arm.id)], kind="systems") for arm in experiment.arms]
        assert sorted(record["id"] for record in team.records(work)) == ["a", "b"]
        assert crew.given[3] is work[0]  # to the worker that has loaded it


def test_judges_are_given_clips_of_like_length_together(tmp_path: Path) -> None:
    sizes = {"b": ("en", 30), "a": ("en", 10), "d": ("de", 20), "c": ("en", 30), "gone": ("en", 0)}
    needs = []
    for name, (language, size) in sizes.items():
        path = tmp_path / f"{name}.wav"
        if size:
            path.write_bytes(bytes(size))
        needs.append(Need(name, name, "whisper", "audio", 0, Clip(path, language), name))
    assert [need.key for need in alike_together(needs)] == ["d", "b", "c", "a", "gone"]
