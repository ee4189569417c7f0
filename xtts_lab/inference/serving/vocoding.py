"""Vocoder stages of fixed shapes, so that each is a graph. B batch, C channels, W window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from xtts_lab.inference.graph import Graphed
from xtts_lab.vocoders.stages import LinearResize, Local, Mixture, Stage, Window

BUCKET = 16
"""Windows are a multiple of so many inputs wide."""

FIRST_BUCKET = 4
"""Those of first pieces that were rehearsed: these are few, and waited for."""


@dataclass(frozen=True, eq=False)
class _Shape:
    """One captured shape: copy into `inputs`, replay, read `outputs`."""

    inputs: Tensor
    outputs: Tensor
    replay: Graphed


@dataclass(eq=False)
class BucketedLocal:
    """A `Local` whose windows are widened to a bucket and run as a graph.

    They are widened by inputs before them, which changes nothing of what is wanted. Where the
    sequence has just begun there are none: then by zeros behind, which what is wanted cannot reach
    either. Only a window that is the whole sequence, whose two ends must both lie where they do,
    runs in its own shape without a graph.
    """

    local: Local
    shapes: dict[tuple[int, ...], _Shape] = field(default_factory=dict)
    rehearsing: bool = False

    def length(self, inputs: int) -> int:
        return self.local.length(inputs)

    def settled(self, inputs: int) -> int:
        return self.local.settled(inputs)

    def inputs_of(self, start: int, stop: int) -> tuple[int, int]:
        first, last = self.local.inputs_of(start, stop)
        return max(first - BUCKET + 1, 0), last

    def apply(self, window: Window, start: int, stop: int, inputs: int | None) -> Window:
        first, last = self.local.inputs_of(start, stop)
        at_end = inputs is not None and last >= inputs
        first, last = max(first, window.start), min(last, window.stop)
        wide = -(-(last - first) // BUCKET) * BUCKET
        tight = -(-(last - first) // FIRST_BUCKET) * FIRST_BUCKET
        known = (*window.values.shape[:-1], tight) in self.shapes
        if start == 0 and not at_end and (known or self.rehearsing):
            wide = tight
        first = max(last - wide, window.start)
        values = window.values[..., first - window.start : last - window.start]
        if at_end and values.shape[-1] < wide:
            return self.local.apply(window, start, stop, inputs)
        shape = self._shape(values, wide)
        shape.inputs[..., : last - first].copy_(values)
        shape.inputs[..., last - first :].zero_()
        shape.replay()
        offset = first * self.local.rate
        return Window(shape.outputs[..., start - offset : stop - offset].clone(), start)

    def fill(self) -> None:
        """Capture all shapes up to the widest known one."""
        for *others, widest in list(self.shapes):
            like = next(shape.inputs for shape in self.shapes.values())
            for width in range(BUCKET, widest, BUCKET):
                self._shape(like.new_zeros(*others, 0), width)

    def _shape(self, values: Tensor, width: int) -> _Shape:
        key = (*values.shape[:-1], width)
        if key not in self.shapes:
            inputs = torch.zeros(key, device=values.device, dtype=values.dtype)
            outputs = self.local.function(inputs)

            def run() -> None:
                outputs.copy_(self.local.function(inputs))

            self.shapes[key] = _Shape(inputs, outputs, Graphed(run, values.device))
        return self.shapes[key]


@dataclass(eq=False)
class KnownResize:
    """A `LinearResize` that keeps how the beginnings of sequences are made, by their sizes.

    Every stream begins alike, and its first piece is waited for.
    """

    resize: LinearResize
    known: dict[tuple[int, int], Mixture] = field(default_factory=dict)

    def length(self, inputs: int) -> int:
        return self.resize.length(inputs)

    def settled(self, inputs: int) -> int:
        return self.resize.settled(inputs)

    def inputs_of(self, start: int, stop: int) -> tuple[int, int]:
        return self.resize.inputs_of(start, stop)

    def apply(self, window: Window, start: int, stop: int, inputs: int | None) -> Window:
        if start or window.start or inputs is not None:
            return self.resize.apply(window, start, stop, inputs)
        key = stop, window.stop
        if key not in self.known:
            self.known[key] = self.resize.mixture(window, start, stop)
        return Window(self.known[key](window.values), start)


def bucketed(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The same stages, the modules among them as graphs of bucketed shapes."""
    return tuple(_prepared(stage) for stage in stages)


def _prepared(stage: Stage) -> Stage:
    if isinstance(stage, Local):
        return BucketedLocal(stage)
    return KnownResize(stage) if isinstance(stage, LinearResize) else stage
