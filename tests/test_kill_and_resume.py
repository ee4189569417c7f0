"""A run killed with SIGKILL resumes to the results of an uninterrupted one, byte for byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from xtts_lab.cli import run_app

# A judge without a network: how judges resume is the same for all (`benchmarks/kill_and_resume.py`
# takes others), and each start of a neural one takes seconds.
EXPERIMENT = """\
name: killed
systems: {a: {name: espeak}, b: {name: espeak, speed_wpm: 220}}
texts: {name: builtin, languages: [en, de], per_language: 3}
speakers: {name: synthetic, count: 3}
repeats: 2
metrics: [{name: duration}, {name: sanity, recognizer: null}]
statistics: {baseline: a, resamples: 200}
"""


XTTS = """\
name: killed
systems: {x: {name: xtts, checkpoint: random-tiny, max_codes: 12}}
ablate: {systems.x.sampling.temperature: [0.0, 0.9]}
texts: {name: builtin, languages: [en, de], per_language: 2}
speakers: {name: synthetic, count: 2}
metrics: [{name: duration}]
sanity: false
statistics: {resamples: 200}
"""


def _command(folder: Path, name: str, experiment: str = EXPERIMENT, workers: int = 1) -> list[str]:
    file = folder / "x.yaml"
    file.write_text(experiment)
    arguments = ["run", str(file), "--out", str(folder / name), "--no-cache"]
    return [sys.executable, "-m", "xtts_lab.cli", *arguments, "--workers", str(workers)]


def _results(run: Path) -> dict[str, bytes]:
    found = {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and ".state" not in path.parts and path.name != "timings.parquet"
    }
    trials = pd.read_parquet(run / "trials.parquet").drop(columns="synthesis_s")
    return {**found, "trials.parquet": trials.to_csv().encode()}


def _kill_at(command: list[str], line_start: str) -> None:
    """Kill the run, its workers and its helpers as soon as it prints a line."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(line_start):
            break
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    assert run_app(_command(folder, "run")[3:]) == 0  # in this process
    return _results(folder / "run")


MOMENTS = ["synthesise: 0/", "synthesise: 12/", "measure levels: 0/"]


def test_a_run_killed_again_and_again_resumes(
    tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    command = _command(tmp_path, "run")
    for moment in MOMENTS:
        _kill_at(command, moment)
        assert not (tmp_path / "run" / "report.html").exists()
    assert run_app(command[3:]) == 0
    assert _results(tmp_path / "run") == uninterrupted
    assert not list((tmp_path / "run").rglob("*.partial"))


def test_xtts_is_the_same_begun_by_two_workers_and_ended_by_one(tmp_path: Path) -> None:
    one = _command(tmp_path, "one", XTTS)
    assert run_app(one[3:]) == 0  # in this process
    expected = _results(tmp_path / "one")
    _kill_at(_command(tmp_path, "two", XTTS, workers=2), "synthesise: 2/")
    assert run_app(_command(tmp_path, "two", XTTS)[3:]) == 0
    found = _results(tmp_path / "two")
    assert {name for name in {*found, *expected} if found.get(name) != expected.get(name)} == set()
