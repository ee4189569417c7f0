"""Runs shared out over devices: in this process if it is one, else one process (or more) a run."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown
from xtts_lab.training.folder import RunFolder
from xtts_lab.training.spec import Job

POLL_S = 0.2


@dataclass
class Outcome:
    """Names of the runs that ended, were stopped before their end, or failed."""

    done: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def check(jobs: Sequence[Job], out: Path, devices: Sequence[str]) -> None:
    """Raise `UsageError` for what cannot work, before anything starts."""
    names = {job.name for job in jobs}
    for job in jobs:
        RunFolder(out / job.name).check(job)
        for other in job.after:
            if other not in names and not RunFolder(out / other).done:
                raise UsageError(
                    f"{job.name}: after: {unknown('run', other, names - {job.name})} "
                    f"(or finish it in {out} first)"
                )
        needed = job.training.processes if job.training else 1
        if needed > 1 and devices[0] != "cpu" and needed > len(devices):
            raise UsageError(
                f"{job.name}: training.processes: {needed} need as many --devices, "
                f"and there are {len(devices)}"
            )
    _refuse_circles(jobs)


def _refuse_circles(jobs: Sequence[Job]) -> None:
    left = {job.name: set(job.after) for job in jobs}
    while left:
        free = [name for name, after in left.items() if not after & set(left)]
        if not free:
            raise UsageError(f"after: {', '.join(sorted(left))} wait for each other")
        for name in free:
            del left[name]


def run_here(job: Job, out: Path, devices: Sequence[str], minutes: float | None) -> bool:
    """Train a run in this process, on the first device (or all, if it asks for processes)."""
    from xtts_lab.training.devices import Processes
    from xtts_lab.training.loop import run

    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    count = job.training.processes if job.training else 1
    folder = RunFolder(out / job.name)
    processes = Processes(devices[:count], count)
    chief = processes.shard.index == 0
    with folder.opened(job) if chief else contextlib.nullcontext():
        done = run(job, folder, processes, deadline)
    processes.leave()
    return done


@dataclass
class _Running:
    job: Job
    devices: tuple[str, ...]
    processes: list[subprocess.Popen[bytes]]


class Pool:
    """Runs jobs in processes of their own, `per_device` on each device at once."""

    def __init__(
        self, out: Path, devices: Sequence[str], per_device: int, minutes: float | None
    ) -> None:
        self.out = out
        self.free = [device for _ in range(per_device) for device in devices]
        self.deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self.running: list[_Running] = []
        self.outcome = Outcome()

    def run(self, jobs: Sequence[Job]) -> Outcome:
        waiting = list(jobs)
        try:
            while waiting or self.running:
                waiting = self._start(waiting)
                self._collect()
                if waiting and not self.running and not self._ready(waiting):
                    break
                time.sleep(POLL_S)
        except BaseException:
            self._interrupt()
            raise
        self.outcome.stopped += [job.name for job in waiting]
        return self.outcome

    def _ready(self, waiting: Sequence[Job]) -> list[Job]:
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return []
        return [job for job in waiting if all(self._is_done(name) for name in job.after)]

    def _is_done(self, name: str) -> bool:
        return RunFolder(self.out / name).done

    def _start(self, waiting: list[Job]) -> list[Job]:
        for job in self._ready(waiting):
            needed = job.training.processes if job.training else 1
            chosen = self._take(needed)
            if chosen is None:
                break
            self.running.append(_Running(job, chosen, self._spawn(job, chosen)))
            print(f"{job.name}: started on {', '.join(chosen)}", flush=True)
            waiting.remove(job)
        return waiting

    def _take(self, count: int) -> tuple[str, ...] | None:
        """Take free places for a run of `count` processes: one on each device, or on the CPU."""
        # The device with most places left first, so that runs spread out.
        places = sorted(set(self.free), key=lambda device: (-self.free.count(device), device))
        wanted = 1 if places == ["cpu"] else count
        if len(places) < wanted:
            return None
        for device in places[:wanted]:
            self.free.remove(device)
        return tuple(places[:wanted])

    def _spawn(self, job: Job, devices: tuple[str, ...]) -> list[subprocess.Popen[bytes]]:
        folder = RunFolder(self.out / job.name)
        folder.check(job)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.config.write_text(job.resolved_yaml(), encoding="utf-8")
        command = [sys.executable, "-m", "xtts_lab.cli", "train", str(folder.config)]
        command += ["--out", str(self.out), "--devices", ",".join(devices)]
        if self.deadline is not None:
            left = max((self.deadline - time.monotonic()) / 60, 1e-3)
            command += ["--minutes", f"{left:.4f}"]
        count = job.training.processes if job.training else 1
        port = str(_free_port())
        with (folder.path / "train.log").open("ab") as log:
            return [
                subprocess.Popen(
                    command,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **_environment(rank, count, port)},
                )
                for rank in range(count)
            ]

    def _collect(self) -> None:
        for running in self.running:
            if any(process.poll() not in (None, 0) for process in running.processes):
                _end(running.processes)  # the others of a model would wait for it for ever
        for running in [r for r in self.running if all(p.poll() is not None for p in r.processes)]:
            self.running.remove(running)
            self.free += running.devices
            name = running.job.name
            failed = any(process.returncode != 0 for process in running.processes)
            done = self._is_done(name)
            kind = "failed" if failed else "done" if done else "stopped"
            getattr(self.outcome, kind).append(name)
            log = f" (see {self.out / name / 'train.log'})" if failed else ""
            print(f"{name}: {kind}{log}", flush=True)

    def _interrupt(self) -> None:
        _end([process for running in self.running for process in running.processes])


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        process.wait()


def _environment(rank: int, count: int, port: str) -> dict[str, str]:
    alone = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    if count == 1:
        return alone
    return alone | {
        "LOCAL_RANK": str(rank),
        "NODE_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
