"""Steps recorded as CUDA graphs, one for each shape of a batch, and replayed.

A small model spends its time launching kernels. A recorded step launches once. What it computes is
what the plain step does; the order of some sums differs, as between two runs on a GPU anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn

from xtts_lab.training.stage import Batch


@runtime_checkable
class Recordable(Protocol):
    """A stage whose step is one update, of a loss that the batch's tensors alone determine.

    `repeated`: modules that are compiled each for itself, with `training.compiled`.
    """

    modules: nn.ModuleDict

    def objective(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]: ...

    @property
    def repeated(self) -> Sequence[nn.Module]: ...


Shape: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]
Autocast: TypeAlias = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, eq=False)
class _Recording:
    graph: torch.cuda.CUDAGraph
    given: Batch  # what the graph reads
    reached: Sequence[bool]  # which parameters have a gradient
    shown: Mapping[str, Tensor]


class Recorder:
    """Gradients of a stage's objective, by graphs that share their memory.

    `autocast` must not keep cast weights: a graph casts them anew each time.
    """

    def __init__(self, stage: Recordable, autocast: Autocast) -> None:
        self._stage, self._autocast = stage, autocast
        self._weights = [p for p in stage.modules.parameters() if p.requires_grad]
        self._gradients = [torch.zeros_like(weight) for weight in self._weights]
        self._pool = torch.cuda.graph_pool_handle()
        self._kept: dict[Shape, _Recording] = {}
        self._aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Put the gradients where the optimiser looks; return what the log shows."""
        shape = tuple((name, tuple(batch[name].shape)) for name in sorted(batch))
        if shape not in self._kept:
            self._kept[shape] = self._record(batch)
        recording = self._kept[shape]
        for name, tensor in recording.given.items():
            tensor.copy_(batch[name], non_blocking=True)
        recording.graph.replay()
        for weight, gradient, reached in zip(
            self._weights, self._gradients, recording.reached, strict=True
        ):
            weight.grad = gradient if reached else None
        return {name: value.clone() for name, value in recording.shown.items()}

    def _record(self, batch: Batch) -> _Recording:
        given = {name: tensor.clone() for name, tensor in batch.items()}
        # Once outside: libraries choose and plan kernels, which a recording must not do.
        self._aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._aside):
            self._compute(given)
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            # Not `torch.cuda.graph`, which gives all unused memory back each time: slow, and each
            # giving back halts the other processes of the GPU. Threads make batches meanwhile.
            graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
            try:
                reached, shown = self._compute(given)
            except BaseException:
                # The recording is no good, and ending it says so: not what went wrong.
                with suppress(RuntimeError):
                    graph.capture_end()
                raise
            graph.capture_end()
        torch.cuda.current_stream().wait_stream(self._aside)
        return _Recording(graph, given, reached, shown)

    def _compute(self, batch: Batch) -> tuple[list[bool], Mapping[str, Tensor]]:
        with self._autocast():
            loss, shown = self._stage.objective(batch)
        found = torch.autograd.grad(loss, self._weights, allow_unused=True)
        reached = [gradient is not None for gradient in found]
        torch._foreach_copy_(
            [kept for kept, there in zip(self._gradients, reached, strict=True) if there],
            [gradient for gradient in found if gradient is not None],
        )
        return reached, shown


def compile_each(modules: Sequence[nn.Module]) -> None:
    """Fuse the kernels of modules that are alike; any batch size and length serves."""
    for module in modules:
        module.compile(dynamic=True)
