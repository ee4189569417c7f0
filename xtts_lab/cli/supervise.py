"""A command in a child process, so that a part which ends its process does not end the run.

Parts of the package work in the process of the run, which is fastest. Where one takes that process
along (a native crash, `os._exit`, want of memory), the child is begun again, now with each part in
a process of its own: the run folder says what was at work, the run goes on from there, and what
dies again is recorded. The child is forked before anything heavy is loaded, and costs 10 ms.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from xtts_lab.cli.codes import INTERRUPTED
from xtts_lab.notices import say

COMMANDS = ("run", "plan", "score")
_CRASHED = 1  # as of a program that ends with a traceback
Work = Callable[[bool], int]
"""Does a command, carefully or not, and returns its exit code."""


def can_supervise(arguments: Sequence[str]) -> bool:
    """Return whether a command is this program's own, in a process that can still be forked.

    A caller who has threads, has loaded torch, or does other things than this command, has it done
    in his own process.
    """
    return (
        arguments[:1] in [[name] for name in COMMANDS]
        and list(arguments) == sys.argv[1:]
        and hasattr(os, "fork")
        and threading.active_count() == 1
        and "torch" not in sys.modules
        and multiprocessing.parent_process() is None
    )


def supervised(work: Work) -> int:
    """Return the exit code of `work(careful)` in a child; where that dies, of a careful second."""
    why = ""
    for careful in (False, True):
        child = _Child(work, careful)
        code = child.outcome()
        if code is not None:
            return code
        why = child.died
        if not careful:
            say(f"{why} in the middle of the work, which goes on with each part in another process")
    print(f"xtts-lab: {why} again; the same command goes on from here", file=sys.stderr)
    return INTERRUPTED


@dataclass
class _Child:
    work: Work
    careful: bool
    stopped: bool = False
    died: str = ""

    def outcome(self) -> int | None:
        """Return the exit code; None where the child died, by its own doing, or was killed."""
        from xtts_lab.experiment.workers.deaths import cause

        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_begin, args=(theirs, self.work, self.careful))

        def stop(*_: Any) -> None:
            self.stopped = True
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, signal.SIGUSR1)

        with _handling(stop):
            process.start()
            theirs.close()
            if self.stopped:
                stop()
            process.join()
        code = _sent(ours)
        if self.stopped:
            return INTERRUPTED if code is None else code
        self.died = cause(process.exitcode)
        if code == INTERRUPTED:
            code, self.died = None, "the process interrupted itself"
        return code


@contextlib.contextmanager
def _handling(stop: Callable[..., None]) -> Iterator[None]:
    """Have interruptions handed on to the child, whatever process they were sent to."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, stop) for one in signals]
    try:
        yield
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)


def _sent(connection: Connection) -> int | None:
    try:
        return int(connection.recv()) if connection.poll() else None
    except (EOFError, OSError):
        return None


def _begin(connection: Connection, work: Work, careful: bool) -> None:
    """Do the work in the child, and tell its exit code: an end without that is a death."""
    from xtts_lab.experiment.workers.deaths import end_with_parent

    signal.signal(signal.SIGUSR1, _interrupt)
    signal.signal(signal.SIGINT, _ignore)  # of a terminal: the supervisor hands it on, once
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    try:
        code = work(careful)
    except BaseException:  # a mistake of ours, for a person to see
        traceback.print_exc()
        code = _CRASHED
    connection.send(code)
    atexit._run_exitfuncs()


def _interrupt(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _ignore(_signal: int, _frame: Any) -> None:
    """Not SIG_IGN, which programs that parts start would inherit."""
