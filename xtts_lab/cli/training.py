"""What `train` does."""

from __future__ import annotations

import sys
from pathlib import Path

from xtts_lab.cli import DONE, FAILED_TRIALS
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.training.jobs import Outcome, Pool, check, run_here
from xtts_lab.training.memory import DeviceMemoryError
from xtts_lab.training.spec import load


def train(
    path: Path,
    overrides: tuple[str, ...],
    out: Path,
    devices: str,
    per_device: int,
    minutes: float | None,
) -> int:
    """Train what a file or a folder of files describes, or go on with it."""
    jobs = load(path, overrides)
    names = [resolve_device(name.strip()) for name in devices.split(",") if name.strip()]
    if not names:
        raise UsageError("--devices: names no device; write them as in cuda:0,cuda:1")
    check(jobs, out, names)
    if len(jobs) == 1 and (jobs[0].training is None or _is_one_process(jobs[0].training.processes)):
        try:
            done = run_here(jobs[0], out, names, minutes)
        except DeviceMemoryError as error:
            print(f"xtts-lab: {error}", file=sys.stderr)
            return FAILED_TRIALS
        print(f"{out / jobs[0].name}: {'done' if done else 'stopped; the same command goes on'}")
        return DONE
    return _conclude(Pool(out, names, per_device, minutes).run(jobs), out)


def _is_one_process(count: int) -> bool:
    """Whether a run needs no further process: one, or one of several that were started already."""
    import os

    return count == 1 or "LOCAL_RANK" in os.environ


def _conclude(outcome: Outcome, out: Path) -> int:
    print(
        f"{out}: {len(outcome.done)} done, {len(outcome.stopped)} stopped before their end, "
        f"{len(outcome.failed)} failed"
    )
    return FAILED_TRIALS if outcome.failed else DONE
