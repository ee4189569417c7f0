"""HiFi-GAN for many windows at a time: channels last, and what stands between convolutions fused.

B windows, C channels, F frames, T samples, E embedding.

Tensor cores read channels last: in the usual order every convolution is preceded and followed by a
transposition. Between two convolutions stand a bias, an activation and at times a sum: one kernel
(`settle_kernel`) reads and writes the samples once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.inference.fast.vocoder_kernel import settle_kernel
from xtts_lab.nn.hifigan import SLOPE, HifiganGenerator, ResidualBlock, UpsampleStage

LAST_SLOPE = 0.01
BLOCK = 1024


@dataclass(frozen=True, eq=False)
class _Convolution:
    """A convolution without its bias: weights [O, I, 1, K], channels last."""

    weight: Tensor
    bias: Tensor | None
    stride: int
    padding: int
    dilation: int
    transposed: bool

    @classmethod
    def of(cls, module: nn.Module, dtype: torch.dtype) -> _Convolution:
        assert isinstance(module, nn.Conv1d | nn.ConvTranspose1d)
        weight = module.weight.detach().to(dtype).unsqueeze(2)
        return cls(
            weight.contiguous(memory_format=torch.channels_last),
            None if module.bias is None else module.bias.detach().to(dtype),
            module.stride[0],
            int(module.padding[0]),
            module.dilation[0],
            isinstance(module, nn.ConvTranspose1d),
        )

    def __call__(self, x: Tensor) -> Tensor:
        """[B, I, 1, W] -> [B, O, 1, W'], channels last, the bias left out."""
        if self.transposed:
            return functional.conv_transpose2d(
                x, self.weight, None, (1, self.stride), (0, self.padding)
            )
        return functional.conv2d(x, self.weight, None, 1, (0, self.padding), (1, self.dilation))


def settle(
    made: Tensor, shift: Tensor, slope: float, before: Tensor | None = None, sums: bool = False
) -> tuple[Tensor, Tensor]:
    """(made + shift + before, its leaky ReLU), [B, C, 1, T] each; `shift` [C] or [B, C].

    The second overwrites `made`; the first is the second too unless `sums`.
    """
    made = made.contiguous(memory_format=torch.channels_last)
    total = torch.empty_like(made) if sums else made
    channels, size = made.shape[1], made.numel()
    settle_kernel[(triton.cdiv(size, BLOCK),)](
        made, shift, made if before is None else before, total, made, size,
        size // made.shape[0], channels, channels if shift.ndim == 2 else 0, slope,
        ADDS=before is not None, SUMS=sums, BLOCK=BLOCK, num_warps=4,
    )  # fmt: skip
    return total, made


class _Block:
    """`ResidualBlock` on a sum and its activation."""

    def __init__(self, block: ResidualBlock, dtype: torch.dtype) -> None:
        self.pairs = [
            (_Convolution.of(dilated, dtype), _Convolution.of(plain, dtype))
            for dilated, plain in zip(block.dilated, block.plain, strict=True)
        ]

    def __call__(self, x: Tensor, active: Tensor) -> Tensor:
        for dilated, plain in self.pairs:
            assert dilated.bias is not None
            assert plain.bias is not None
            _, inner = settle(dilated(active), dilated.bias, SLOPE)
            x, active = settle(plain(inner), plain.bias, SLOPE, before=x, sums=True)
        return x


class _Stage:
    """`UpsampleStage`: from an activation to the mean of its blocks."""

    def __init__(self, stage: UpsampleStage, dtype: torch.dtype) -> None:
        self.upsample = _Convolution.of(stage.upsample, dtype)
        self.speaker = None if stage.speaker is None else stage.speaker
        self.blocks = [_Block(block, dtype) for block in stage.blocks]  # type: ignore[arg-type]

    def __call__(self, active: Tensor, speaker: Tensor) -> Tensor:
        shift = self.upsample.bias
        assert shift is not None
        if self.speaker is not None:
            shift = shift + self.speaker(speaker)[:, :, 0]
        x, active = settle(self.upsample(active), shift.contiguous(), SLOPE, sums=True)
        total = self.blocks[0](x, active)
        for block in self.blocks[1:]:
            total = total + block(x, active)
        return total / len(self.blocks)


class WideGenerator:
    """Frames [B, C, F] and speaker vectors [B, E] -> waveform [B, T]: what the generator makes.

    Holds the generator's own weights where they have `dtype` already, but for their order.
    """

    def __init__(self, generator: HifiganGenerator) -> None:
        dtype = generator.output.weight.dtype
        self._input = _Convolution.of(generator.input, dtype)
        self._speaker = generator.speaker
        self._stages = [_Stage(stage, dtype) for stage in generator.stages]  # type: ignore[arg-type]
        self._output = _Convolution.of(generator.output, dtype)

    def __call__(self, frames: Tensor, embedding: Tensor) -> Tensor:
        speaker = embedding.unsqueeze(-1)
        wide = frames.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        shift = self._input.bias
        assert shift is not None
        if self._speaker is not None:
            shift = shift + self._speaker(speaker)[:, :, 0]
        _, active = settle(self._input(wide), shift.contiguous(), SLOPE)
        for number, stage in enumerate(self._stages, start=1):
            x = stage(active, speaker)
            slope = SLOPE if number < len(self._stages) else LAST_SLOPE
            active = functional.leaky_relu(x, slope)
        return torch.tanh(self._output(active))[:, 0, 0]
