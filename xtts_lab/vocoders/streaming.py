"""A waveform made while its inputs arrive. C channels, T samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from xtts_lab.vocoders import stages as chain
from xtts_lab.vocoders.stages import Stage, Window

Mark: TypeAlias = "tuple[Window | None, int]"


class VocoderStream:
    """Stages in a row, fed in pieces; the pieces joined are what the stages make of the whole.

    Each piece is computed with the inputs around it that the stages reach over, which are then cut
    off: nothing is cross-faded, and a piece costs the same early and late.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = tuple(stages)
        self.window: Window | None = None
        self.done = 0  # samples that have been given out

    def mark(self) -> Mark:
        """Where the stream stands, to `go_back` to."""
        return self.window, self.done

    def go_back(self, mark: Mark) -> None:
        """Forget what came after a mark."""
        self.window, self.done = mark

    def push(self, inputs: Tensor) -> Tensor:
        """Take inputs [C, n]; return the samples [T] that have become certain, maybe none."""
        self._append(inputs)
        if self.window is None:
            return torch.zeros(0)
        return self._speak(chain.settled(self.stages, self.window.stop), None)

    def finish(self) -> Tensor:
        """Return the remaining samples [T]; the stream is spent."""
        if self.window is None:
            return torch.zeros(0)
        total = self.window.stop
        return self._speak(chain.length(self.stages, total), total)

    def _append(self, inputs: Tensor) -> None:
        if inputs.shape[-1] == 0:
            return
        values = inputs.unsqueeze(0)
        if self.window is None:
            self.window = Window(values)
        else:
            joined = torch.cat([self.window.values, values], dim=-1)
            self.window = Window(joined, self.window.start)

    def _speak(self, stop: int, inputs: int | None) -> Tensor:
        """Samples from `done` to `stop`; `inputs` counts all, None while more may come."""
        assert self.window is not None
        if stop <= self.done:
            return torch.zeros(0)
        made = chain.apply(self.stages, self.window, self.done, stop, inputs)
        self.done = stop
        self._forget()
        return made.values[0, 0]

    def _forget(self) -> None:
        """Drop the inputs that no sample still to come can reach."""
        assert self.window is not None
        needed, _ = chain.inputs_of(self.stages, self.done, self.done + 1)
        drop = min(max(needed - self.window.start, 0), self.window.values.shape[-1])
        if drop:
            self.window = Window(self.window.values[..., drop:].clone(), self.window.start + drop)
