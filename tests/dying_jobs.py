"""Jobs for worker processes: some take their process along. Light, for workers import it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any


class Stop(BaseException):
    """No `Exception`, as some libraries have them."""


def _raise(error: BaseException) -> None:
    raise error


def _overflow() -> None:
    """Call a C function that calls back without end: no RecursionError stops that."""
    threading.stack_size(1 << 16)
    sys.setrecursionlimit(10**9)
    kind = ctypes.CFUNCTYPE(None)
    held: list[Any] = []

    def again() -> None:
        held[0]()

    held.append(kind(again))
    thread = threading.Thread(target=held[0])
    thread.start()
    thread.join()


def _kill(name: str) -> None:
    """Send the signal to this process, as if whoever started it ignored none (`nohup` does)."""
    number = getattr(signal, name)
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _from_a_thread() -> None:
    threading.Thread(target=os._exit, args=(3,)).start()
    time.sleep(60)


WAYS: Mapping[str, tuple[Callable[[], None], str]] = {
    "exit-0": (lambda: os._exit(0), "ended with exit code 0"),
    "exit-3": (lambda: os._exit(3), "ended with exit code 3"),
    "thread": (_from_a_thread, "ended with exit code 3"),
    "overflow": (_overflow, "killed by SIGSEGV"),
    "exec": (lambda: os.execv("/bin/true", ["true"]), "ended with exit code 0"),
    **{
        name: (partial(_kill, name), f"killed by {name}")
        for name in ("SIGKILL", "SIGSEGV", "SIGTERM", "SIGABRT", "SIGBUS", "SIGHUP")
    },
    "abort": (os.abort, "killed by SIGABRT"),
    # These do not even end it.
    "sys-exit": (lambda: sys.exit(0), "SystemExit: 0"),
    "interrupt": (lambda: _raise(KeyboardInterrupt()), "KeyboardInterrupt"),
    "stop": (lambda: _raise(Stop("no more")), "Stop: no more"),
    "generator": (lambda: _raise(GeneratorExit()), "GeneratorExit"),
}


def die(way: str) -> None:
    """End this process, or try to."""
    WAYS[way][0]()


@dataclass(frozen=True)
class Job:
    id: str
    deed: str = ""


@dataclass(frozen=True)
class Task:
    spec: dict[str, Any]
    jobs: Sequence[Job]
    kind: str = "systems"
    device: str | None = None

    def failed(self, job: Job, error: str) -> dict[str, Any]:
        return {"id": job.id, "error": error}


def perform(task: Task, _parts: object) -> Iterator[dict[str, Any]]:
    for job in task.jobs:
        yield {"id": job.id, "error": "began", "at_work": True}
        _do(job.deed)
        yield {"id": job.id, "error": None, "pid": os.getpid()}


def name_part(task: Task, parts: Any) -> Iterator[dict[str, Any]]:
    """Say which process worked with which part."""
    part = parts.get(task.kind, task.spec, None)
    for job in task.jobs:
        yield {"id": job.id, "pid": os.getpid(), "part": id(part)}


def _do(deed: str) -> None:
    if deed in WAYS:
        die(deed)
    if deed == "raise":
        raise RuntimeError("at the close")
    if deed.startswith("once"):  # from outside, by bad luck
        mark = Path(deed.partition(" ")[2])
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def ask(_shelf: object, deed: str) -> int:
    """Do it as a question to a host; return which process did."""
    _do(deed)
    return os.getpid()
