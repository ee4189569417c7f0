"""How processes start: from a server that has imported what they need, and runs no threads."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

PRELOADED = (
    "torch",
    "scipy.linalg",  # see `threads.fixed_threads`
    "xtts_lab.experiment.workers.host",
    "xtts_lab.experiment.workers.performing",
)
"""What the server of new processes has imported: seconds that each of them would take."""

SPINS = "1000"
"""How often a thread of OpenMP (GNU's) looks for others before it sleeps; else it is 300,000 times,
some milliseconds. Where workers have more threads than there are cores, those that have work wait
for those that look: two workers on two cores took five times as long as one. To sleep at once would
cost a single prompt on a CPU two fifths; this costs it a tenth."""


def spin_less() -> dict[str, str]:
    """Have torch's threads soon sleep where they wait, in processes that import it from here on.

    Returns what has been set: nothing where the environment has a policy of its own.
    """
    wanted = {} if "OMP_WAIT_POLICY" in os.environ else {"GOMP_SPINCOUNT": SPINS}
    new = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(new)
    return new


def make_ready() -> None:
    """Start the server of new processes, which imports while this process does something else."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(PRELOADED))
    new = spin_less()
    forkserver.ensure_running()
    for name in new:  # what this process computes, it computes with nobody beside it
        del os.environ[name]


def started(serve: Callable[..., None], *arguments: Any) -> tuple[ForkServerProcess, Connection]:
    """Start `serve(connection, *arguments)` in a process apart; return it and our end of a pipe."""
    # Not forked from here: a child of a process with running threads (torch's) may deadlock.
    make_ready()
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=({**os.environ}, serve, theirs, *arguments))
    process.start()
    theirs.close()  # else its death would not end the pipe
    return process, ours


def _serve(environment: Mapping[str, str], serve: Callable[..., None], *arguments: Any) -> None:
    """Serve with the environment that the run has now: the server's is that of its own start."""
    os.environ.clear()
    os.environ.update(environment)
    serve(*arguments)
