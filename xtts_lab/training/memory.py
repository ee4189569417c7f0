"""Running out of a device's memory: told in one line, whatever was raised while it was handled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from xtts_lab.errors import PartError
from xtts_lab.training.folder import RunFolder
from xtts_lab.training.spec import Job

SIZES = ("positions", "seconds", "rows", "batch")
"""What stages call the size of their batches."""

SIGNS = ("out of memory", "alloc_failed", "can't allocate memory")
"""How libraries say it that raise no `OutOfMemoryError`: cuBLAS, CUDA itself, the CPU's."""


class DeviceMemoryError(PartError):
    """A run does not fit beside what else is on its device."""


@contextmanager
def told(job: Job, folder: RunFolder, device: str) -> Iterator[None]:
    """Raise `DeviceMemoryError`, saying what to set, for whatever comes of a lack of memory."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceMemoryError(_remedy(job, int(folder.status().get("step", 0)), device)) from None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, or one that it came of, is a lack of memory.

    A recording that breaks off, or a compiler, raises others on the way out.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, torch.OutOfMemoryError | MemoryError):
            return True
        if isinstance(one, RuntimeError) and any(sign in str(one).lower() for sign in SIGNS):
            return True
        waiting += [one.__cause__, one.__context__]
    return False


def _remedy(job: Job, step: int, device: str) -> str:
    sizes = [f"stage.{name} (now {job.stage[name]})" for name in SIZES if name in job.stage]
    smaller = f"; or begin anew with a smaller {' or '.join(sizes)}" if sizes else ""
    place = f"from step {step}" if step else "from the beginning"
    return (
        f"{job.name}: out of memory on {device} (stage '{job.stage['name']}'); set fewer "
        f"--jobs-per-device, and the same command goes on {place}{smaller}"
    )
