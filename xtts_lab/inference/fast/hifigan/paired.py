"""A HiFi-GAN stage on one window in float32: its residual blocks by tensor cores.

T samples, I inputs of a channel, C channels, R blocks, K taps. See `paired_kernels` for how; the
blocks go side by side, one launch a convolution for all of them. The library's convolutions of one
window leave most of a GPU idle, so those before the blocks are matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import triton
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.inference.fast.hifigan import paired_kernels as kernels
from xtts_lab.inference.fast.tuning import has_tensor_cores, stages
from xtts_lab.nn.hifigan import SLOPE, ResidualBlock

TILE = 64
"""Samples and channels of a program; what was fastest on an H200 for XTTS-v2's sizes."""


@dataclass(frozen=True, eq=False)
class _Convolutions:
    """One convolution of every block: a pair of weights [taps, C, C], biases [R, C], shapes.

    The pair takes as much room as the weights themselves, which stay where they are.
    """

    high: Tensor
    low: Tensor
    bias: Tensor
    shapes: Tensor

    @classmethod
    def of(cls, convolutions: Sequence[nn.Conv1d]) -> _Convolutions:
        weights = torch.cat([one.weight.detach().permute(2, 1, 0) for one in convolutions])
        high = weights.half()
        low = ((weights - high.float()) * kernels.FINE.value).half()
        bias = torch.stack([cast("Tensor", one.bias).detach() for one in convolutions])
        taps = [one.kernel_size[0] for one in convolutions]
        shapes = [
            (count, sum(taps[:index]), convolutions[index].dilation[0])
            for index, count in enumerate(taps)
        ]
        there = torch.tensor(shapes, dtype=torch.int32, device=weights.device)
        return cls(high.contiguous(), low.contiguous(), bias.contiguous(), there)


def can_pair(upsample: nn.ConvTranspose1d, blocks: Sequence[ResidualBlock]) -> bool:
    """Whether blocks may go side by side: as many pairs each, channels that tiles divide."""
    weight, spare = next(blocks[0].parameters()), upsample.kernel_size[0] - upsample.stride[0]
    alike = len({len(block.plain) for block in blocks}) == 1 and spare == 2 * upsample.padding[0]
    fits = alike and _tile(weight.shape[0]) >= 16
    return weight.dtype == torch.float32 and fits and has_tensor_cores(weight.device)


def _taps(block: ResidualBlock) -> int:
    return cast("nn.Conv1d", block.plain[0]).kernel_size[0]


def _tile(channels: int) -> int:
    """The greatest power of two up to TILE that divides them."""
    return min(TILE, channels & -channels)


def convolved(x: Tensor, weight: Tensor) -> Tensor:
    """A convolution of one window [1, C, 1, T] by weights [O, C, 1, K], padded: [1, O, 1, T]."""
    outputs, channels, _, taps = weight.shape
    spread = functional.pad(x[0, :, 0], (taps // 2, taps // 2)).unfold(1, taps, 1)  # [C, T, K]
    made = weight.reshape(outputs, -1) @ spread.transpose(1, 2).reshape(channels * taps, -1)
    return made[None, :, None]


class PairedBlocks:
    """Callable: an activation [1, C', 1, I] and shift [C] -> [1, C, 1, T].

    Upsampled, the shift added, the mean of the blocks, and its leaky ReLU by `slope`.
    """

    def __init__(self, upsample: nn.ConvTranspose1d, blocks: Sequence[ResidualBlock]) -> None:
        self._upsample = upsample.weight.detach().permute(0, 2, 1).contiguous()  # [C', K, C]
        self._rate, self._padding = upsample.stride[0], int(upsample.padding[0])
        # The longest first: the others fill in around it.
        ordered = sorted(blocks, key=_taps, reverse=True)
        self._steps = []
        for pair in range(len(ordered[0].plain)):
            for part in ("dilated", "plain"):
                each = [cast("nn.Conv1d", getattr(one, part)[pair]) for one in ordered]
                self._steps.append(_Convolutions.of(each))
        self._count = len(ordered)
        self._ahead = stages(self._steps[0].high.device)

    def __call__(self, active: Tensor, shift: Tensor, slope: float) -> Tensor:
        _, taps, channels = self._upsample.shape
        parts = active[0, :, 0].T @ self._upsample.flatten(1)  # [I, K C]
        samples, tile = active.shape[3] * self._rate, _tile(channels)
        sizes = (self._count, samples, channels)
        x, sums = parts.new_empty(sizes[1:]), parts.new_empty(sizes)
        pair, other = (parts.new_empty(2, *sizes, dtype=torch.float16) for _ in range(2))
        tiles = (triton.cdiv(samples, TILE), channels // tile)
        kernels.open_kernel[tiles](
            parts, shift, x, *pair, samples, channels, self._rate, self._padding, SLOPE,
            TAPS=taps, TERMS=triton.cdiv(taps, self._rate), BLOCK_T=TILE, BLOCK_C=tile,
        )  # fmt: skip
        shared, before = True, x
        for index in range(0, len(self._steps), 2):
            self._convolve(pair, self._steps[index], other, None, sums, shared)
            self._convolve(other, self._steps[index + 1], pair, before, sums, shared)
            shared, before = False, sums
        active = parts.new_empty(1, channels, 1, samples)
        kernels.close_kernel[tiles](
            sums, active, samples, channels, slope, R=self._count, BLOCK_T=TILE, BLOCK_C=tile
        )
        return active

    def _convolve(
        self, pair: Tensor, by: _Convolutions, after: Tensor, before: Tensor | None, sums: Tensor,
        shared: bool,
    ) -> None:  # fmt: skip
        """One convolution of all blocks; `shared`: they read (or add) one and the same."""
        _, samples, channels = sums.shape
        tile = _tile(channels)
        apart = samples * channels
        kernels.paired_convolution_kernel[
            (triton.cdiv(samples, TILE), channels // tile, self._count)
        ](
            *pair, by.high, by.low, by.bias, by.shapes, sums if before is None else before, sums,
            *after, samples, 0 if shared and before is None else apart, 0 if shared else apart,
            SLOPE, C=channels, ADDS=before is not None, BLOCK_T=TILE, BLOCK_O=tile, BLOCK_C=tile,
            num_warps=4, num_stages=self._ahead,
        )  # fmt: skip
