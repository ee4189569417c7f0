"""HiFi-GAN on a GPU: what stands between convolutions fused, and blocks beside each other.

B windows, C channels, F frames, T samples, E embedding.

Between two convolutions stand a bias, an activation and at times a sum: one kernel
(`settle_kernel`) reads and writes the samples once for all of them. Tensor cores read channels
last: in half precision the usual order would have a transposition before and after every
convolution. A few windows do not fill a GPU: the blocks of a stage, which do not wait for each
other, run on streams of their own (branches of a graph where one is recorded), or in float32
side by side in the kernels of `paired`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
import triton
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.inference.fast.hifigan.paired import PairedBlocks, can_pair, convolved
from xtts_lab.inference.fast.hifigan.settle_kernel import settle_kernel
from xtts_lab.nn.hifigan import SLOPE, HifiganGenerator, ResidualBlock, UpsampleStage

LAST_SLOPE = 0.01
BLOCK = 1024


@dataclass(frozen=True, eq=False)
class _Convolution:
    """A convolution without its bias: weights [O, I, 1, K], in the `order` of what it reads."""

    weight: Tensor
    bias: Tensor | None
    stride: int
    padding: int
    dilation: int
    transposed: bool
    order: torch.memory_format

    @classmethod
    def of(cls, module: nn.Module, order: torch.memory_format) -> _Convolution:
        assert isinstance(module, nn.Conv1d | nn.ConvTranspose1d)
        return cls(
            module.weight.detach().unsqueeze(2).contiguous(memory_format=order),
            None if module.bias is None else module.bias.detach(),
            module.stride[0],
            int(module.padding[0]),
            module.dilation[0],
            isinstance(module, nn.ConvTranspose1d),
            order,
        )

    def __call__(self, x: Tensor) -> Tensor:
        """[B, I, 1, W] -> [B, O, 1, W'], the bias left out."""
        if self.transposed:
            made = functional.conv_transpose2d(
                x, self.weight, None, (1, self.stride), (0, self.padding)
            )
        else:
            padding, dilation = (0, self.padding), (1, self.dilation)
            made = functional.conv2d(x, self.weight, None, 1, padding, dilation)
        return made.contiguous(memory_format=self.order)


def settle(
    made: Tensor, shift: Tensor, slope: float, before: Tensor | None = None, sums: bool = False
) -> tuple[Tensor, Tensor]:
    """(made + shift + before, its leaky ReLU), [B, C, 1, T] each; `shift` [C] or [B, C].

    The second overwrites `made`; the first is the second too unless `sums`.
    """
    last = made.is_contiguous(memory_format=torch.channels_last)
    total = torch.empty_like(made) if sums else made
    channels, size = made.shape[1], made.numel()
    settle_kernel[(triton.cdiv(size, BLOCK),)](
        made, shift, made if before is None else before, total, made, size,
        size // made.shape[0], channels, 1 if last else made.shape[3],
        channels if shift.ndim == 2 else 0, slope,
        ADDS=before is not None, SUMS=sums, BLOCK=BLOCK, num_warps=4,
    )  # fmt: skip
    return total, made


class _Branches:
    """Calls that do not wait for each other, side by side where a graph is recorded of them."""

    def __init__(self, count: int, device: torch.device) -> None:
        # Of high priority only not to be streams on which anything else is done meanwhile.
        wanted = count - 1 if device.type == "cuda" else 0
        self._streams = [torch.cuda.Stream(device, priority=-1) for _ in range(wanted)]  # type: ignore[no-untyped-call]

    def __call__(self, calls: Sequence[Callable[[], Tensor]]) -> list[Tensor]:
        first, *others = calls
        if not (self._streams and torch.cuda.is_current_stream_capturing()):
            return [call() for call in calls]
        main = torch.cuda.current_stream()
        made = []
        for stream, call in zip(self._streams, others, strict=True):
            stream.wait_stream(main)
            with torch.cuda.stream(stream):
                made.append(call())
        made.insert(0, first())
        for stream in self._streams:
            main.wait_stream(stream)
        return made


class _Block:
    """`ResidualBlock` on a sum and its activation."""

    def __init__(self, block: ResidualBlock, order: torch.memory_format) -> None:
        self.pairs = [
            (_Convolution.of(dilated, order), _Convolution.of(plain, order))
            for dilated, plain in zip(block.dilated, block.plain, strict=True)
        ]

    def __call__(self, x: Tensor, active: Tensor) -> Tensor:
        for dilated, plain in self.pairs:
            assert dilated.bias is not None
            assert plain.bias is not None
            _, inner = settle(dilated(active), dilated.bias, SLOPE)
            x, active = settle(plain(inner), plain.bias, SLOPE, before=x, sums=True)
        return x


@dataclass(frozen=True, eq=False)
class _Shift:
    """What is added after a convolution: its bias, and what a projection makes of the speaker."""

    bias: Tensor | None
    project: nn.Module | None

    def __call__(self, speaker: Tensor) -> Tensor:
        """Speakers [B, E, 1] -> [B, C], or [C] where they do not matter."""
        assert self.bias is not None
        if self.project is None:
            return self.bias
        made: Tensor = self.bias + self.project(speaker)[:, :, 0]
        return made.contiguous()


class _Stage:
    """`UpsampleStage`: from an activation to that of the mean of its blocks."""

    def __init__(self, stage: UpsampleStage, order: torch.memory_format) -> None:
        self.upsample = _Convolution.of(stage.upsample, order)
        self.shift = _Shift(self.upsample.bias, stage.speaker)
        self.blocks = [_Block(block, order) for block in stage.blocks]  # type: ignore[arg-type]
        self._beside = _Branches(len(self.blocks), self.upsample.weight.device)
        blocks = cast("Sequence[ResidualBlock]", list(stage.blocks))
        paired = can_pair(stage.upsample, blocks)
        self.paired = PairedBlocks(stage.upsample, blocks) if paired else None

    def __call__(self, active: Tensor, shift: Tensor, slope: float) -> Tensor:
        """`shift` is what `self.shift` makes of the speaker, `slope` the last activation's."""
        if self.paired is not None and active.shape[0] == 1:
            return self.paired(active, shift, slope)
        x, active = settle(self.upsample(active), shift, SLOPE, sums=True)
        calls = [partial(block, x, active) for block in self.blocks]
        # Many windows fill the GPU block by block, in a third of the memory.
        alone = active.shape[0] == 1
        total, *others = self._beside(calls) if alone else [call() for call in calls]
        for other in others:
            total = total + other
        return functional.leaky_relu(total / len(self.blocks), slope)


class WideGenerator:
    """Frames [B, C, F] and speaker vectors [B, E] -> waveform [B, T]: what the generator makes.

    Holds the generator's own weights, but for their `order`: by default channels last in half
    precision.
    """

    def __init__(
        self, generator: HifiganGenerator, order: torch.memory_format | None = None
    ) -> None:
        half = generator.output.weight.dtype != torch.float32
        order = order or (torch.channels_last if half else torch.contiguous_format)
        self._order = order
        self._input = _Convolution.of(generator.input, order)
        self.stages = [_Stage(stage, order) for stage in generator.stages]  # type: ignore[arg-type]
        self._output = _Convolution.of(generator.output, order)
        first = _Shift(self._input.bias, generator.speaker)
        self._shifts = [first, *(stage.shift for stage in self.stages)]
        self._beside = _Branches(2 + len(self.stages), generator.output.weight.device)

    def __call__(self, frames: Tensor, embedding: Tensor) -> Tensor:
        speaker = embedding.unsqueeze(-1)
        wide = frames.unsqueeze(2).contiguous(memory_format=self._order)
        # What the speaker adds takes long for how little it is; it does not wait for the frames.
        shifts = [partial(shift, speaker) for shift in self._shifts]
        alone = self.stages[0].paired is not None and wide.shape[0] == 1
        opened = partial(convolved, weight=self._input.weight) if alone else self._input
        made, first, *others = self._beside([partial(opened, wide), *shifts])
        _, active = settle(made, first, SLOPE)
        for number, (stage, shift) in enumerate(zip(self.stages, others, strict=True), start=1):
            slope = SLOPE if number < len(self.stages) else LAST_SLOPE
            active = stage(active, shift, slope)
        return torch.tanh(self._output(active))[:, 0, 0]
