"""Workers on a Ray cluster, or on a Ray of this machine's own: actors that keep their weights.

Tasks and records travel through Ray; audio does not: a worker writes it where the driver will read
it, so a run folder must lie on a file system that all machines share. What is nobody's fault there
(a machine that goes away) takes no trial along: a job is tried more often than on one machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.server import DONE, Perform, spoken
from xtts_lab.experiment.workers.starts import spin_less
from xtts_lab.experiment.workers.tasks import Record, Task
from xtts_lab.notices import one_line

_STORE_BYTES = 100 * 2**20
"""Of a Ray of our own: records are a few kB each, and nothing else goes through it."""
_FAREWELL_S = 10.0
_STARTS = 4
"""How often a Ray of our own is started before that counts as impossible."""


class Actor:
    """What a Ray actor is: performs tasks, and says what `server.serve` would send."""

    def __init__(self, perform: Perform) -> None:
        spin_less()
        self._perform = perform
        self._parts = Parts(apart=True)

    def do(self, task: Task) -> Iterator[Record]:
        """Yield the records of a task, as they are made."""
        yield from spoken(self._perform, task, self._parts)

    def leave(self) -> None:
        """Release the part."""
        self._parts.close()


@dataclass(eq=False)
class RayWorker:
    """An actor, the records of its task as they come, and why it died."""

    actor: Any
    records: Any = None
    died: str = ""


class RayCrew:
    """Actors, each with a core and, where tasks compute on one, a GPU of its own."""

    tries = 4

    def __init__(self, perform: Perform, devices: Sequence[str]) -> None:
        import ray

        self._perform, self._ray = perform, ray
        wanted = {resolve_device(device).partition(":")[0] for device in devices}
        self._gpus = 1 if "cuda" in wanted else 0

    def start(self) -> RayWorker:
        """See `Crew`, here and below."""
        made = self._ray.remote(Actor)
        options = {"num_cpus": 1, "num_gpus": self._gpus, "max_restarts": 0, "max_task_retries": 0}
        return RayWorker(made.options(**options).remote(self._perform))

    def give(self, worker: RayWorker, task: Task) -> None:
        worker.records = worker.actor.do.options(num_returns="streaming").remote(task)

    def hear(self, workers: Sequence[RayWorker]) -> Iterator[tuple[RayWorker, Any]]:
        at_work = {worker.records: worker for worker in workers if worker.records is not None}
        ready, _ = self._ray.wait(list(at_work), num_returns=1)
        for records in ready:
            yield at_work[records], self._next(at_work[records])

    def _next(self, worker: RayWorker) -> Any:
        """Return the next record of a worker, DONE behind the last, None where it died."""
        try:
            return self._ray.get(next(worker.records))
        except StopIteration:
            worker.records = None
            return DONE
        except self._ray.exceptions.RayError as error:
            worker.records, worker.died = None, _cause(error)
            return None

    def bury(self, worker: RayWorker) -> str:
        self._kill(worker)
        return worker.died

    def dismiss(self, idle: Sequence[RayWorker]) -> None:
        """They are asked to leave, and killed, in one go: at the end."""

    def end(self, idle: Sequence[RayWorker], busy: Sequence[RayWorker]) -> None:
        leaving = [worker.actor.leave.remote() for worker in idle]
        if leaving:
            self._ray.wait(leaving, num_returns=len(leaving), timeout=_FAREWELL_S)
        for worker in (*idle, *busy):
            self._kill(worker)

    def _kill(self, worker: RayWorker) -> None:
        self._ray.kill(worker.actor, no_restart=True)


def _cause(error: BaseException) -> str:
    """Say why a worker is no more, without the many lines that Ray says of it."""
    name = type(error).__name__
    if name in ("ActorDiedError", "RayActorError", "ActorUnavailableError", "WorkerCrashedError"):
        return "the worker was lost"
    return f"the worker was lost ({one_line(error)[:120]})"


def joined(address: str | None, workers: int) -> None:
    """Join a cluster (`auto` finds it), or start a Ray here with a core for each worker.

    Raises `UsageError` where Ray is not installed, or the cluster cannot be reached.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--executor ray: Ray is not installed; pip install 'xtts_lab[ray]', or leave it out"
        ) from error
    # A worker without a GPU of its own sees none, whatever the version of Ray.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if address is None:
        quiet |= {"num_cpus": max(1, workers), "include_dashboard": False}
        quiet |= {"object_store_memory": _STORE_BYTES}
    else:
        quiet |= {"address": address}
    for tries_left in reversed(range(_STARTS if address is None else 1)):
        try:
            ray.init(ignore_reinit_error=True, **quiet)
            return
        except Exception as error:  # Ray raises nothing more special where a node does not start
            ray.shutdown()
            if tries_left:  # it gives a node 30 s, which a busy machine may take
                continue
            where = f" {address}" if address else ""
            raise UsageError(
                f"--executor ray: no cluster{where} could be joined ({one_line(error)[:200]}); "
                "start one with ray start --head, or leave out --address for a Ray of this "
                "machine's own"
            ) from error


def left() -> None:
    """Leave the cluster; a Ray of our own ends."""
    import ray

    ray.shutdown()
