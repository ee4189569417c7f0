"""What workers do. Imports no more than that: it is what their start waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xtts_lab.experiment import judging
from xtts_lab.experiment import synthesise as speaking
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.server import Perform
from xtts_lab.experiment.workers.warming import Warm
from xtts_lab.experiment.workers.warming import perform as warm_up

_AT_WORK: Mapping[str, Perform] = {"systems": speaking.perform, "instruments": judging.perform}


def perform(task: Any, parts: Parts) -> Iterator[dict[str, Any]]:
    """Do in a worker what either stage asks for; yield what `work_through` does."""
    return warm_up(task, parts) if isinstance(task, Warm) else _AT_WORK[task.kind](task, parts)
