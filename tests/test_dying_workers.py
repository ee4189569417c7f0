"""Worker processes and hosts that die: jobs fail alone, and it is said how."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.dying_jobs import WAYS, Job, Task, ask, perform
from xtts_lab.errors import PartError
from xtts_lab.experiment.workers import host as hosts
from xtts_lab.experiment.workers.host import Host
from xtts_lab.experiment.workers.pool import MOST_DEATHS, perform_all
from xtts_lab.metrics.base import BaseMetric
from xtts_lab.runs.hosted_metric import DECLARED

SPEC = {"name": "null"}


def _results(deeds: list[str], workers: int = 1) -> tuple[dict[str, str | None], set[int]]:
    jobs = [Job(str(i), deed) for i, deed in enumerate(deeds)]
    tasks = [Task({"name": f"part-{i % 2}"}, jobs[i::2]) for i in range(2)]
    records = list(perform_all(perform, [t for t in tasks if t.jobs], workers, child=True))
    ended = [record for record in records if "at_work" not in record]
    assert sorted(record["id"] for record in ended) == sorted(job.id for job in jobs)
    pids = {record["pid"] for record in ended if "pid" in record}
    return {record["id"]: record["error"] for record in ended}, pids


FATAL = [way for way, (_, said) in WAYS.items() if said.startswith(("ended", "killed"))]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_job_that_ends_its_process_in_whatever_way_fails_alone(workers: int) -> None:
    ways = FATAL if workers == 2 else FATAL[:2]
    deeds = [deed for way in ways for deed in (way, "", "")]
    errors, _ = _results(deeds, workers)
    said = {deeds[int(name)]: error for name, error in errors.items() if error is not None}
    assert said.keys() == set(ways)
    assert {way: error for way, error in said.items() if WAYS[way][1] not in error} == {}
    assert sum(error is not None for error in errors.values()) == len(ways)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_killed_from_outside_loses_nothing(workers: int, tmp_path: Path) -> None:
    deeds = ["", f"once {tmp_path / 'a'}", "", f"once {tmp_path / 'b'}", ""]
    errors, pids = _results(deeds, workers)
    assert set(errors.values()) == {None}
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}  # both died once
    assert os.getpid() not in pids


def test_what_a_worker_raises_fails_what_is_left_of_its_task() -> None:
    errors, _ = _results(["", "", "raise", "", "", ""])
    assert errors["0"] is None
    assert "RuntimeError: at the close" in str(errors["2"])
    assert "RuntimeError" in str(errors["4"])
    assert errors["1"] is errors["3"] is errors["5"] is None


def test_a_part_that_does_nothing_but_die_is_given_up() -> None:
    deeds = ["SIGKILL" if i % 2 else "" for i in range(4 * MOST_DEATHS)]
    errors, _ = _results(deeds)
    assert all(errors[str(i)] is None for i in range(0, len(deeds), 2))
    said = [str(errors[str(i)]) for i in range(1, len(deeds), 2)]
    assert sum("twice" in one for one in said) == MOST_DEATHS
    assert sum("not tried" in one for one in said) == MOST_DEATHS


def test_a_hosted_metric_declares_all_that_metrics_declare() -> None:
    assert {*DECLARED} == {*BaseMetric.__annotations__, "identity"}


def test_a_host_answers_or_says_how_its_process_died(tmp_path: Path) -> None:
    host = Host()
    first = host.call("a", ask, "")
    assert first == host.call("a", ask, "") != os.getpid()
    assert host.call("a", ask, f"once {tmp_path / 'mark'}") != first  # died once, from outside
    for way in ("exit-3", "sys-exit", "interrupt"):
        with pytest.raises(PartError, match=WAYS[way][1]):
            host.call("a", ask, way)
    for _ in range(hosts.MOST_DEATHS):
        with pytest.raises(PartError, match="SIGKILL, twice"):
            host.call("b", ask, "SIGKILL")
    with pytest.raises(PartError, match="not asked"):
        host.call("b", ask, "")
    assert host.call("a", ask, "") != first  # others go on
