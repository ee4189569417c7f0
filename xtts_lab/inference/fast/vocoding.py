"""Vocoder stages of fixed shapes, so that each is a graph. B batch, C channels, W window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from xtts_lab.inference.fast.graph import Graphed
from xtts_lab.vocoders.stages import Local, Stage, Window

BUCKET = 16
"""Windows are padded to a multiple of so many inputs."""


@dataclass(frozen=True, eq=False)
class _Shape:
    """One captured shape: copy into `inputs`, replay, read `outputs`."""

    inputs: Tensor
    outputs: Tensor
    replay: Graphed


@dataclass(eq=False)
class BucketedLocal:
    """A `Local` whose windows are padded on the right to a bucket and run as a graph.

    What is wanted of a window inside the sequence lies `context` inputs before its right edge, so
    the padding cannot reach it. A window at the end of the sequence must end where the sequence
    does: it runs in its own shape, without a graph.
    """

    local: Local
    shapes: dict[tuple[int, ...], _Shape] = field(default_factory=dict)

    def length(self, inputs: int) -> int:
        return self.local.length(inputs)

    def settled(self, inputs: int) -> int:
        return self.local.settled(inputs)

    def inputs_of(self, start: int, stop: int) -> tuple[int, int]:
        return self.local.inputs_of(start, stop)

    def apply(self, window: Window, start: int, stop: int, inputs: int | None) -> Window:
        first, last = self.inputs_of(start, stop)
        if last > window.stop:
            return self.local.apply(window, start, stop, inputs)
        first = max(first, window.start)
        values = window.values[..., first - window.start : last - window.start]
        width = values.shape[-1]
        shape = self._shape(values, -(-width // BUCKET) * BUCKET)
        shape.inputs[..., :width].copy_(values)
        shape.inputs[..., width:].zero_()
        shape.replay()
        offset = first * self.local.rate
        return Window(shape.outputs[..., start - offset : stop - offset].clone(), start)

    def _shape(self, values: Tensor, width: int) -> _Shape:
        key = (*values.shape[:-1], width)
        if key not in self.shapes:
            inputs = torch.zeros(key, device=values.device, dtype=values.dtype)
            outputs = self.local.function(inputs)

            def run() -> None:
                outputs.copy_(self.local.function(inputs))

            self.shapes[key] = _Shape(inputs, outputs, Graphed(run, values.device))
        return self.shapes[key]


def bucketed(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The same stages, the modules among them as graphs of bucketed shapes."""
    return tuple(BucketedLocal(s) if isinstance(s, Local) else s for s in stages)
