"""The HiFi-GAN generator with a speaker vector (Kong et al. 2020, arXiv 2010.05646).

B batch, C channels, F frames, T samples = F * product of rates, E embedding.

Convolutions are plain: a checkpoint's weight normalisation is folded into them when it is read.
Sums and activations overwrite what a convolution has just made: on a CPU new memory costs more
than the sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.1


@dataclass(frozen=True)
class HifiganConfig:
    """Sizes of the generator; the defaults are XTTS-v2's. `embedding` 0: no speaker vectors."""

    input_width: int = 1024
    embedding: int = 512
    channels: int = 512
    rates: tuple[int, ...] = (8, 8, 2, 2)
    upsample_kernels: tuple[int, ...] = (16, 16, 4, 4)
    kernels: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    speaker_in_every_stage: bool = True

    @property
    def hop_length(self) -> int:
        """Samples a frame."""
        hop = 1
        for rate in self.rates:
            hop *= rate
        return hop

    @property
    def context_frames(self) -> int:
        """How many frames on either side an output sample can depend on (an upper bound)."""
        reach = 3  # the last convolution, in samples
        blocks = max(
            sum((kernel - 1) // 2 * (dilation + 1) for dilation in dilations)
            for kernel, dilations in zip(self.kernels, self.dilations, strict=True)
        )
        for rate, kernel in zip(reversed(self.rates), reversed(self.upsample_kernels), strict=True):
            reach = -(-(reach + blocks + kernel) // rate)
        return reach + 3


def convolve(module: nn.Module, x: Tensor) -> Tensor:
    """A convolution of [B, C, T], or of [B, C, 1, T] that lies channels last."""
    assert isinstance(module, nn.Conv1d | nn.ConvTranspose1d)
    if x.ndim == 3:
        made: Tensor = module(x)
        return made
    weight, padding = module.weight.unsqueeze(2), (0, int(module.padding[0]))
    if isinstance(module, nn.ConvTranspose1d):
        stride = (1, module.stride[0])
        return functional.conv_transpose2d(x, weight, module.bias, stride, padding)
    dilation = (1, module.dilation[0])
    return functional.conv2d(x, weight, module.bias, 1, padding, dilation)


class ResidualBlock(nn.Module):
    """Pairs of a dilated and a plain convolution, each pair added to its input."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        half = (kernel - 1) // 2
        self.dilated = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=half * d) for d in dilations
        )
        self.plain = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, padding=half) for _ in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        for dilated, plain in zip(self.dilated, self.plain, strict=True):
            inner = convolve(dilated, functional.leaky_relu(x, SLOPE))
            x = convolve(plain, functional.leaky_relu_(inner, SLOPE)).add_(x)
        return x


class UpsampleStage(nn.Module):
    """A transposed convolution, the speaker vector, and the mean of parallel residual blocks."""

    def __init__(self, config: HifiganConfig, index: int) -> None:
        super().__init__()
        channels = config.channels >> (index + 1)
        rate, kernel = config.rates[index], config.upsample_kernels[index]
        self.upsample = nn.ConvTranspose1d(
            config.channels >> index, channels, kernel, rate, padding=(kernel - rate) // 2
        )
        self.speaker = (
            nn.Conv1d(config.embedding, channels, 1)
            if config.speaker_in_every_stage and config.embedding
            else None
        )
        self.blocks = nn.ModuleList(
            ResidualBlock(channels, k, d)
            for k, d in zip(config.kernels, config.dilations, strict=True)
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        x = convolve(self.upsample, functional.leaky_relu(x, SLOPE))
        if self.speaker is not None:
            x += convolve(self.speaker, embedding)
        total = self.blocks[0](x)
        for block in list(self.blocks)[1:]:
            total += block(x)
        mean: Tensor = total.div_(len(self.blocks))
        return mean


class HifiganGenerator(nn.Module):
    """Frames [B, C, F] and speaker vectors [B, E] -> waveform [B, T] in [-1, 1].

    With an `embedding` of 0 the vectors are not looked at. The stages may be of another dtype than
    what stands before and behind them.
    """

    def __init__(self, config: HifiganConfig) -> None:
        super().__init__()
        self.config = config
        self.input = nn.Conv1d(config.input_width, config.channels, 7, padding=3)
        self.speaker = nn.Conv1d(config.embedding, config.channels, 1) if config.embedding else None
        self.stages = nn.ModuleList(UpsampleStage(config, i) for i in range(len(config.rates)))
        self.output = nn.Conv1d(config.channels >> len(config.rates), 1, 7, padding=3, bias=False)

    def forward(self, frames: Tensor, embedding: Tensor) -> Tensor:
        speaker = embedding.unsqueeze(-1)
        if not (frames.is_cuda or torch.is_grad_enabled()):
            # On a CPU convolutions of channels last take half the time.
            frames = frames.unsqueeze(2).to(memory_format=torch.channels_last)
            speaker = speaker.unsqueeze(2)
        x: Tensor = convolve(self.input, frames)
        if self.speaker is not None:
            x += convolve(self.speaker, speaker)
        between = next(self.stages.parameters()).dtype
        x, speaker = x.to(between), speaker.to(between)
        for stage in self.stages:
            x = stage(x, speaker)
        x = x.to(self.output.weight.dtype)
        # The last activation has torch's default slope, not SLOPE: so it is in the original.
        return torch.tanh(convolve(self.output, functional.leaky_relu(x))).flatten(1)
