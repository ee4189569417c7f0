"""What a stage of training is, for the loop and for those who write one.

A batch depends on (split, seed, index) alone, whatever process asks and in whatever order, so that
a run goes on after a kill exactly where it was, and any number of processes trains the same model:
`Shard` says which rows of the batch are a process's own. Where rows count unevenly, the loss of a
process is its rows' sum over the *whole* batch's count, times `shard.count`, for the loop averages
gradients over processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor, nn

from xtts_lab.errors import UsageError

Batch = dict[str, Tensor]
Split = Literal["train", "validation"]
STREAMS: Mapping[Split, int] = {"train": 0, "validation": 1}
"""Generators of what is drawn for each: no clip of one is drawn as the other's."""
Update = Callable[[str, Tensor], None]
"""`update(name, loss)`: backward, and one step of the optimiser group of that name."""


@dataclass(frozen=True)
class Shard:
    """Process `index` of `count` that train one model together."""

    index: int = 0
    count: int = 1


@dataclass(frozen=True)
class Context:
    """Where a stage runs: `out` holds all runs side by side, `folder` is its own; and its seed."""

    out: Path
    folder: Path
    seed: int
    shard: Shard = field(default_factory=Shard)

    def path(self, setting: str, key: str) -> Path:
        """Return the folder that a setting names: a run beside this one, else a path.

        Raises `UsageError`, naming the setting's `key`, where neither is there.
        """
        beside = self.out / setting
        if "/" not in setting and beside.is_dir():
            return beside
        if not Path(setting).is_dir():
            raise UsageError(
                f"{key}: neither a run in {self.out} nor a folder is called '{setting}'; "
                "train or make it first"
            )
        return Path(setting)


@dataclass(frozen=True, eq=False)
class OptimiserGroup:
    """Parameters that are updated together, and how.

    `matrices` (weights of linear layers inside a stack) go to Muon at `matrix_lr` (Jordan et al.
    2024), everything in `parameters` to AdamW at `lr`. `clip` bounds the norm of all gradients.
    `averaged`: an exponential average of the weights is kept, validated and exported.
    """

    parameters: Sequence[nn.Parameter]
    lr: float
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.01
    clip: float | None = 1.0
    matrices: Sequence[nn.Parameter] = ()
    matrix_lr: float = 0.02
    averaged: bool = True

    @property
    def all(self) -> list[nn.Parameter]:
        return [*self.parameters, *self.matrices]


class Stage(Protocol):
    """A recipe that the loop trains. A class of the registry's kind `stages`: it is built with a
    `Context` and its settings, by then seeded, and put on the device by the loop.

    `modules` are all that is trained or saved. `batch` runs in worker threads and returns CPU
    tensors. `step` calls `update` once for each optimiser group that is to move, and returns what
    the log shows (tensors without gradient, never synchronised). `validate` sees averaged weights
    in `eval` mode, as does `export`, which writes what others load into the run folder.
    """

    modules: nn.ModuleDict

    def optimisers(self) -> Mapping[str, OptimiserGroup]: ...

    def batch(self, split: Split, index: int, shard: Shard) -> Batch: ...

    def step(self, batch: Batch, step: int, update: Update) -> Mapping[str, Tensor]: ...

    def validate(self) -> Mapping[str, float]: ...

    def export(self, folder: Path) -> None: ...


@runtime_checkable
class Task(Protocol):
    """A stage without training: it makes something of other runs, and may be killed and repeated.

    `run` returns figures for the log.
    """

    def run(self, device: str) -> Mapping[str, float]: ...
