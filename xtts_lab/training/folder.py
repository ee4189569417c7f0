"""A training run's folder.

`config.yaml` (resolved), `losses.csv`, `validation.csv`, `state.pt`, `status.json`, and what the
stage exports.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from xtts_lab import files, yaml_loader
from xtts_lab.errors import UsageError
from xtts_lab.training.spec import Job, falls_after

FREE = {
    "max_minutes",
    "processes",
    "workers",
    "save_minutes",
    "tensorboard",
    "graphs",
    "compiled",
}
"""Settings of the loop that change how a run goes on, and not what comes of it."""

OPEN = {"steps", "decay"}
"""Settings that no step has felt until the learning rate falls: they may be set while it does not.
"""


class RunFolder:
    """Where a run is kept; `OUT/NAME`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def state(self) -> Path:
        return self.path / "state.pt"

    @property
    def done(self) -> bool:
        """Whether the run has come to its end."""
        return bool(self.status().get("done"))

    def status(self) -> dict[str, Any]:
        """Return `step` and `done`; nothing where the run has not begun."""
        try:
            found = json.loads((self.path / "status.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def set_status(self, step: int, done: bool, minutes: float) -> None:
        status = {"step": step, "done": done, "minutes": round(minutes, 3)}
        files.write_json(self.path / "status.json", status)

    def check(self, job: Job) -> None:
        """Raise `UsageError` where the folder holds a run with other settings."""
        if not (self.config.is_file() and self.status()):
            return  # nothing has been trained with what is written there
        before = yaml_loader.load(self.config.read_text(encoding="utf-8"))
        free = FREE | OPEN if self._before_the_fall(before, job.resolved) else FREE
        one, other = (_fixed(settings, free) for settings in (before, job.resolved))
        differing = sorted(_differences(one, other, ""))
        if differing:
            raise UsageError(
                f"{self.path}: holds a run with other settings ({', '.join(differing[:3])}); "
                "give another --out, or delete it to begin anew"
            )

    def _before_the_fall(self, *runs: dict[str, Any]) -> bool:
        """Whether the rate has not fallen yet, whichever of these settings it follows."""
        done, loops = self.status(), [run.get("training") for run in runs]
        return not done["done"] and all(
            loop is not None and done["step"] <= falls_after(loop["steps"], loop["decay"])
            for loop in loops
        )

    @contextmanager
    def opened(self, job: Job) -> Iterator[None]:
        """Hold the folder, with the job's settings written down."""
        from filelock import FileLock, Timeout

        self.check(job)
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(self.path / ".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"{self.path}: another process trains in it") from None
        try:
            files.remove_partials(self.path)
            files.write_text(self.config, job.resolved_yaml())
            yield
        finally:
            lock.release()

    def save(self, state: dict[str, Any]) -> None:
        """Write the state that a run goes on from, whole or not at all."""
        files.write_with(self.state, lambda partial: torch.save(state, partial))

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Return the saved state, or None; nothing in it is executed."""
        if not self.state.is_file():
            return None
        try:
            found = torch.load(self.state, map_location=device, weights_only=True)
        except Exception as error:  # the reader raises a dozen kinds, none of them documented
            raise UsageError(
                f"{self.state}: cannot be read; delete it to begin the run anew"
            ) from error
        return dict(found)


def _fixed(resolved: dict[str, Any], free: set[str]) -> dict[str, Any]:
    """What a run's outcome depends on."""
    loop = {k: v for k, v in (resolved.get("training") or {}).items() if k not in free}
    return {"seed": resolved.get("seed"), "stage": resolved.get("stage"), "training": loop}


def _differences(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {*one, *other}:
            inner = f"{path}.{key}" if path else str(key)
            yield from _differences(one.get(key), other.get(key), inner)
    elif json.dumps(one) != json.dumps(other):
        yield f"{path}: {one}, not {other}"
