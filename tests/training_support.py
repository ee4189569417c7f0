"""Stages that train in milliseconds, for the tests of the loop."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from xtts_lab import files
from xtts_lab.training.stage import Batch, Context, OptimiserGroup, Shard, Split, Update

ROWS = 8


class LineStage:
    """Learns a matrix from noisy products; a second group follows the first, as a GAN's would.

    `stop_at` interrupts, once, in the middle of that step; `full_at` has no memory there, once.
    With `told` each process writes at its end whether it is still one of a group.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        width: int = 6,
        stop_at: int | None = None,
        full_at: int | None = None,
        rows: int = ROWS,
        told: bool = False,
    ) -> None:
        self.context, self.width, self.stop_at = context, width, stop_at
        self.full_at, self.rows = full_at, rows
        if told:
            atexit.register(_tell_group, context.folder / f"group-{context.shard.index}")
        self.modules = nn.ModuleDict(
            {"line": nn.Linear(width, width), "other": nn.Linear(width, 1)}
        )

    def optimisers(self) -> Mapping[str, OptimiserGroup]:
        line = self.modules["line"]
        return {
            "generator": OptimiserGroup(parameters=[line.bias], lr=1e-2, matrices=[line.weight]),
            "other": OptimiserGroup(
                parameters=list(self.modules["other"].parameters()), lr=1e-2, averaged=False
            ),
        }

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        offset = 0 if split == "train" else 10**6
        generator = torch.Generator().manual_seed(self.context.seed * 7919 + index + offset)
        x = torch.randn(self.rows, self.width, generator=generator)
        y = x.flip(1) + 0.1 * torch.randn(self.rows, self.width, generator=generator)
        return {"x": x[shard.index :: shard.count], "y": y[shard.index :: shard.count]}

    def step(self, batch: Batch, step: int, update: Update) -> Mapping[str, Tensor]:
        stopped = self.context.folder / "stopped"
        if step == self.stop_at and not stopped.exists():
            stopped.write_text("")
            raise KeyboardInterrupt
        if step == self.full_at and not stopped.exists():
            stopped.write_text("")
            _fail_without_memory()
        loss = self._loss(batch) + 1e-3 * torch.randn(())  # a draw that a resumed run must repeat
        update("generator", loss)
        other = self.modules["other"](self.modules["line"](batch["x"]).detach()).square().mean()
        update("other", other)
        return {"loss": loss, "other": other}

    def validate(self) -> Mapping[str, float]:
        return {"loss": float(self._loss(self.batch("validation", 0, Shard())))}

    def export(self, folder: Path) -> None:
        weights = self.modules["line"].weight.detach().flatten().tolist()
        files.write_json(folder / "line.json", weights)

    def _loss(self, batch: Batch) -> Tensor:
        return nn.functional.mse_loss(self.modules["line"](batch["x"]), batch["y"])


def _tell_group(file: Path) -> None:
    file.write_text("in a group" if torch.distributed.is_initialized() else "alone")


def _fail_without_memory() -> None:
    """As a recording does that breaks off: another error on the way out."""
    try:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    finally:
        raise RecursionError("maximum recursion depth exceeded")


class CountTask:
    """Trains nothing; fails where it is told to."""

    def __init__(self, context: Context, /, *, fail: bool = False) -> None:
        self.context, self.fail = context, fail

    def run(self, _device: str) -> Mapping[str, float]:
        if self.fail:
            raise RuntimeError("told to")
        return {"runs": float(len(list(self.context.out.iterdir())))}
