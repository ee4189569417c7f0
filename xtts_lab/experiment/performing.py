"""What the workers of a run do: speak, then judge, in the same processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xtts_lab.experiment import judging, synthesise
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.server import Perform

_BY_KIND: Mapping[str, Perform] = {"systems": synthesise.perform, "instruments": judging.perform}


def perform(task: Any, parts: Parts) -> Iterator[dict[str, Any]]:
    """Do a `synthesise.Batch` or a `judging.Batch`; yield what `work_through` does."""
    return _BY_KIND[task.kind](task, parts)
