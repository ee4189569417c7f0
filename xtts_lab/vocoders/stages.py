"""Sequences turned into longer ones step by step, computable piece by piece.

B batch, C channels, W window. Positions are absolute: any part of a stage's output can be had from
the part of its input that it needs, the same as from the whole; that is what streaming stands on.

`LinearResize` is the function of `torch.nn.functional.interpolate(mode="linear",
scale_factor=...)`: output f lies at input (f + 1/2) / scale - 1/2, clamped to the sequence.
Positions are in float64, where torch's are in float32. torch returns a sequence that keeps its
length unchanged (two codes, or a speed of .99); so does a `LinearResize` with `keeps_equal`, which
then cannot begin before it is certain that the length will change. `Local` is any module that looks
a limited way to both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """A part of a sequence: `values` [B, C, W] are its positions `start` to `start + W`."""

    values: Tensor
    start: int = 0

    @property
    def stop(self) -> int:
        return self.start + self.values.shape[-1]


class Stage(Protocol):
    """One step from a sequence to another."""

    def length(self, inputs: int) -> int:
        """Outputs of a whole sequence of `inputs`."""
        ...

    def settled(self, inputs: int) -> int:
        """Outputs that stay as they are when more than `inputs` inputs come."""
        ...

    def inputs_of(self, start: int, stop: int) -> tuple[int, int]:
        """The inputs (start, stop) that the outputs `start` to `stop` read."""
        ...

    def apply(self, window: Window, start: int, stop: int, inputs: int | None) -> Window:
        """Compute the outputs `start` to `stop`; the window's edges count as the sequence's.

        `inputs` is the sequence's length, None where it is not known yet.
        """
        ...


@dataclass(frozen=True, eq=False)
class Local:
    """A function [B, C, W] -> [B, C', W * rate] whose outputs look `context` inputs to each side.

    It must treat a sequence's edges as it treats a window's (zero padding, say).
    """

    function: Callable[[Tensor], Tensor]
    rate: int
    context: int

    def length(self, inputs: int) -> int:
        return inputs * self.rate

    def settled(self, inputs: int) -> int:
        return max(inputs - self.context, 0) * self.rate

    def inputs_of(self, start: int, stop: int) -> tuple[int, int]:
        return max(start // self.rate - self.context, 0), -(-stop // self.rate) + self.context

    def apply(
        self,
        window: Window,
        start: int,
        stop: int,
        inputs: int | None = None,  # noqa: ARG002  the same for every length
    ) -> Window:
        first, last = self.inputs_of(start, stop)
        first, last = max(first, window.start), min(last, window.stop)
        values = window.values[..., first - window.start : last - window.start]
        made = self.function(values)
        offset = first * self.rate
        return Window(made[..., start - offset : stop - offset], start)


@dataclass(frozen=True, eq=False)
class Mixture:
    """What makes F outputs of pairs of inputs: which, and how much of each; first all left ones.

    Both [2 F], on the device.
    """

    index: Tensor
    share: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """[B, C, W] -> [B, C, F]."""
        left, right = (values.index_select(-1, self.index) * self.share).chunk(2, dim=-1)
        return left + right


@dataclass(frozen=True)
class LinearResize:
    """One interpolation by a factor; with `keeps_equal`, none where the length stays the same."""

    scale: float
    keeps_equal: bool = False

    def length(self, inputs: int) -> int:
        """Outputs of a whole sequence of `inputs`."""
        return math.floor(float(inputs) * self.scale)

    def settled(self, inputs: int) -> int:
        """Outputs that stay as they are when more than `inputs` inputs come."""
        if inputs < 2 or self._is_kept(inputs):
            return 0
        count = self.length(inputs)
        while count > 0 and math.floor(self._source(count - 1)) + 1 >= inputs:
            count -= 1
        return count

    def inputs_of(self, start: int, stop: int) -> tuple[int, int]:
        """The inputs (start, stop) that the outputs `start` to `stop` read."""
        first = math.floor(max(self._source(start), 0.0))
        last = math.floor(max(self._source(stop - 1), 0.0)) + 1
        return first, last + 1

    def apply(self, window: Window, start: int, stop: int, inputs: int | None = None) -> Window:
        """Compute the outputs `start` to `stop`; inputs beyond the window repeat its edge."""
        if inputs is not None and self._is_kept(inputs):
            return Window(window.values[..., start - window.start : stop - window.start], start)
        return Window(self.mixture(window, start, stop)(window.values), start)

    def mixture(self, window: Window, start: int, stop: int) -> Mixture:
        """How the outputs `start` to `stop` come from windows that lie where this one does."""
        values = window.values
        # Made where the values are: nothing may come from the host while a graph is recorded.
        outputs = torch.arange(start, stop, dtype=torch.float64, device=values.device)
        source = ((outputs + 0.5) / self.scale - 0.5).clamp(min=0.0)
        below = source.floor()
        share, index = (source - below).to(values.dtype), below.long() - window.start
        index = torch.cat([index, index + 1]).clamp(max=values.shape[-1] - 1)
        return Mixture(index, torch.cat([1.0 - share, share]))

    def _is_kept(self, inputs: int) -> bool:
        return self.keeps_equal and self.length(inputs) == inputs

    def _source(self, output: int) -> float:
        return (output + 0.5) / self.scale - 0.5


def settled(stages: Sequence[Stage], inputs: int) -> int:
    """Outputs of all stages in a row that more inputs cannot change."""
    for stage in stages:
        inputs = stage.settled(inputs)
    return inputs


def length(stages: Sequence[Stage], inputs: int) -> int:
    """Outputs of all stages in a row on a whole sequence."""
    for stage in stages:
        inputs = stage.length(inputs)
    return inputs


def inputs_of(stages: Sequence[Stage], start: int, stop: int) -> tuple[int, int]:
    """The inputs of the first stage that the outputs `start` to `stop` of the last one read."""
    for stage in reversed(stages):
        start, stop = stage.inputs_of(start, stop)
    return start, stop


def apply(
    stages: Sequence[Stage], window: Window, start: int, stop: int, inputs: int | None
) -> Window:
    """Compute the outputs `start` to `stop` of the last stage.

    `window` must hold the inputs that `inputs_of` names, as far as the sequence goes: `inputs` is
    its length, None where it is not known yet (then the outputs must be `settled`).
    """
    ranges = [(start, stop)]
    for stage in reversed(stages[1:]):
        ranges.append(stage.inputs_of(*ranges[-1]))
    for stage, (first, last) in zip(stages, reversed(ranges), strict=True):
        outputs = None if inputs is None else stage.length(inputs)
        last = last if outputs is None else min(last, outputs)
        window, inputs = stage.apply(window, first, last, inputs), outputs
    return window


def whole(stages: Sequence[Stage], values: Tensor) -> Tensor:
    """A whole sequence [B, C, W] through all stages; empty where nothing comes out."""
    if not stages:
        return values
    inputs = values.shape[-1]
    outputs = length(stages, inputs)
    if outputs == 0:
        return values.new_zeros(values.shape[0], 1, 0)
    return apply(stages, Window(values), 0, outputs, inputs).values
