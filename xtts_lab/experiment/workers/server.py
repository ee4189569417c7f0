"""What a worker process does: take tasks, send records, until there is nobody to send them to."""

from __future__ import annotations

import contextlib
import gc
import os
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from xtts_lab.experiment.workers.deaths import begin_service
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.tasks import AT_WORK
from xtts_lab.experiment.workers.warming import Warm, warm_judge
from xtts_lab.notices import describe

Perform = Callable[[Any, Parts], Iterator[dict[str, Any]]]
"""Yields the records of a task, made with a part that the process keeps."""
DONE = "done"
"""Sent behind the records of a task."""


def serve(connection: Connection, perform: Perform, gpu: str | None = None) -> None:
    """Perform the tasks that come, and send their records as they are made.

    `gpu`: the only one that this process sees; None, whatever there is.
    """
    if gpu is not None:  # before CUDA starts, which reads it once
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    begin_service()
    gc.freeze()  # modules stay: to look through them takes .2 s with every judge that leaves
    later: deque[str] = deque()
    with contextlib.suppress(EOFError, OSError), Parts(apart=True) as parts:
        while True:
            while later and not connection.poll():
                warm_judge(later.popleft())
            task = connection.recv()
            if isinstance(task, Warm):
                later.extend(task.later)
            _do(connection, perform, task, parts)


def _do(connection: Connection, perform: Perform, task: Any, parts: Parts) -> None:
    for record in spoken(perform, task, parts):
        connection.send(record)
    connection.send(DONE)


def spoken(perform: Perform, task: Any, parts: Parts) -> Iterator[dict[str, Any]]:
    """Yield all records of a task, whatever happens: what was not said before an error, failed."""
    said: set[str] = set()
    records = iter(perform(task, parts))
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except BaseException as error:  # at the close of a part, say
            yield from (task.failed(j, describe(error)) for j in task.jobs if j.id not in said)
            return
        if AT_WORK not in record:
            said.add(record["id"])
        yield record
