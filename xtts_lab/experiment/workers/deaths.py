"""How processes end: what is said of it, and none that outlives the one it works for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


def cause(exit_code: int | None) -> str:
    """Say how a process ended: by which signal, or with which code. Why, nobody knows."""
    if exit_code is not None and exit_code < 0:
        try:
            return f"the process was killed by {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"the process was killed by signal {-exit_code}"
    return f"the process ended with exit code {exit_code}"


def begin_service() -> None:
    """Prepare a process that works for another one: first thing of what it does."""
    # An interruption is for the parent, whose end of the pipe then closes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()


def end_with_parent() -> None:
    """End this process as soon as the one that made it has ended, in whatever way."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
