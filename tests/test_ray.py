"""Workers elsewhere: the same plan, the same bytes, whoever dies. Runs on a Ray of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.dying_jobs import Job, Task
from xtts_lab.cli import run_app
from xtts_lab.experiment.workers.crew import Crew
from xtts_lab.experiment.workers.pool import Workers
from xtts_lab.experiment.workers.server import DONE, spoken
from xtts_lab.experiment.workers.tasks import AT_WORK

EXPERIMENT = """\
name: spread
systems: {a: {name: "null", fail_every: 3}, b: {name: "null", duration_s: 0.1}}
texts: {name: builtin, languages: [en], per_language: 8}
speakers: {name: synthetic, count: 2, references: 0, enrolment: 0}
repeats: 2
metrics: [{name: duration}]
statistics: {baseline: b, resamples: 100}
"""
TIMED = EXPERIMENT.replace("[{name: duration}]", "[{name: latency}]").replace(
    'name: "null"', "name: espeak"
)


def written(folder: Path, text: str) -> Path:
    file = folder / "e.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--executor", "rey"], "did you mean 'ray'?"),
        (["--address", "auto"], "add --executor ray"),
    ],
)
def test_flags_that_do_not_go_together_are_a_mistake(
    flags: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, EXPERIMENT)
    assert run_app(["run", str(file), "--out", str(tmp_path / "run"), *flags]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error
    assert "\n" not in error
    assert not (tmp_path / "run").exists()


def test_timings_are_refused_on_a_cluster_that_others_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TIMED.replace(", fail_every: 3", "").replace(", duration_s: 0.1", ", speed_wpm: 200")
    file = written(tmp_path, text)
    flags = ["--executor", "ray", "--address", "auto", "--out", str(tmp_path / "run")]
    assert run_app(["run", str(file), *flags]) == 2
    assert "latency is timed, and a cluster's devices are shared" in capsys.readouterr().err


def test_without_ray_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    file = written(tmp_path, EXPERIMENT)
    assert run_app(["run", str(file), "--executor", "ray", "--out", str(tmp_path / "r")]) == 2
    assert "pip install 'xtts_lab[ray]'" in capsys.readouterr().err


class Lossy:
    """A crew of this process whose workers are lost at jobs, as often as it is told."""

    tries = 4

    def __init__(self, losses: dict[str, int]) -> None:
        self.losses, self.started = losses, 0

    def start(self) -> dict[str, Any]:
        self.started += 1
        return {"records": iter(())}

    def give(self, worker: dict[str, Any], task: Task) -> None:
        worker["records"] = self._records(task)

    def _records(self, task: Task) -> Iterator[Any]:
        for job in task.jobs:
            yield {"id": job.id, AT_WORK: True}
            if self.losses.get(job.id, 0) > 0:
                self.losses[job.id] -= 1
                yield None
            yield {"id": job.id, "status": "ok"}
        yield DONE

    def hear(self, workers: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Any]]:
        for worker in workers:
            said = next(worker["records"], "idle")
            if said != "idle":
                yield worker, said

    def bury(self, _worker: dict[str, Any]) -> str:
        return "the worker was lost"

    def dismiss(self, idle: Sequence[Any]) -> None:
        raise AssertionError(f"nobody sends {len(idle)} away")

    def end(self, idle: Sequence[Any], busy: Sequence[Any]) -> None:
        assert not busy
        assert idle


def test_a_lost_worker_costs_no_job_and_one_that_is_lost_each_time_fails() -> None:
    crew: Crew = Lossy({"j1": 3, "j4": 99})
    tasks = [Task({"name": "null"}, [Job(f"j{2 * i + k}") for k in range(2)]) for i in range(4)]
    with Workers(spoken, 2, lambda _perform, _devices: crew) as team:
        made = [record for record in team.records(tasks) if AT_WORK not in record]
    status = {record["id"]: record.get("status", record.get("error")) for record in made}
    assert len(made) == 8
    assert [status[f"j{i}"] for i in (0, 1, 2, 3, 5, 6, 7)] == ["ok"] * 7
    assert "lost while it was at work, 4 times" in str(status["j4"])
    assert crew.started == 2 + 3 + 4


def test_ray_gives_the_bytes_of_a_local_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    file = written(tmp_path, EXPERIMENT)
    runs = {"local": [], "ray": ["--executor", "ray", "--workers", "2"]}
    for name, flags in runs.items():
        out = str(tmp_path / name)
        assert run_app(["run", str(file), "--out", out, "--no-cache", *flags]) == 1  # some fail
    local, there = (tmp_path / name for name in runs)
    same = ("scores.parquet", "evidence.parquet", "summary.csv", "comparisons.csv", "failures.csv")
    for name in (*same, "report.md", "environment.json"):
        assert (local / name).read_bytes() == (there / name).read_bytes(), name
    one, other = (pd.read_parquet(run / "trials.parquet") for run in (local, there))
    pd.testing.assert_frame_equal(
        one.drop(columns="synthesis_s"), other.drop(columns="synthesis_s")
    )
    sounds = sorted(path.relative_to(local) for path in (local / "audio").rglob("*.wav"))
    assert sounds
    for path in sounds:
        assert (local / path).read_bytes() == (there / path).read_bytes()
