"""What workers do before there is work: what their first tasks would wait for.

The start of a GPU and weights take seconds, in which the plan is still being made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtts_lab import registry
from xtts_lab.device import full_precision
from xtts_lab.experiment.spec import Experiment
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.threads import fixed_threads


@dataclass(frozen=True)
class Warm:
    """Load a system; `later`, as long as there is no work, do what these instruments begin with."""

    spec: Mapping[str, Any]
    device: str | None
    later: tuple[str, ...] = ()
    kind: str = "systems"
    jobs: Sequence[Any] = ()

    def failed(self, job: Any, error: str) -> dict[str, Any]:
        """There is no job that could fail."""
        raise NotImplementedError(f"{job}: {error}")


def warm_tasks(experiment: Experiment, device: str | None) -> list[Warm]:
    """Return a task for each arm; none where a part must meet no other in its process."""
    host = experiment.host
    if any(host.apart("systems", arm.spec) for arm in experiment.arms):
        return []
    judges = [s for s in experiment.spec.instruments.values() if not host.apart("instruments", s)]
    later = tuple(str(judge["name"]) for judge in judges)
    return [Warm(arm.spec, device, later) for arm in experiment.arms]


def perform(task: Warm, parts: Parts) -> Iterator[dict[str, Any]]:
    """Load the system. What it raises it will raise again when there is work, and is said then."""
    with contextlib.suppress(Exception), fixed_threads(), full_precision():
        parts.get(task.kind, task.spec, task.device).warm_up()
    yield from ()


def warm_judge(name: str) -> None:
    """Do what an instrument begins with; what it raises, see `perform`."""
    with contextlib.suppress(Exception), fixed_threads():
        registry.lookup("instruments", name).warm_up()
