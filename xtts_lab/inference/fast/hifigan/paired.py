"""The residual blocks of a HiFi-GAN stage on one window in float32, by tensor cores.

T samples, C channels, R blocks. See `paired_kernels` for how; the blocks go side by side, one
launch a convolution for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import triton
from torch import Tensor, nn

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


def can_pair(blocks: Sequence[ResidualBlock]) -> bool:
    """Whether blocks may go side by side: as many pairs each, channels that tiles divide."""
    weight = next(blocks[0].parameters())
    alike = len({len(block.plain) for block in blocks}) == 1
    fits = alike and _tile(weight.shape[0]) >= 16
    return weight.dtype == torch.float32 and fits and has_tensor_cores(weight.device)


def _taps(block: ResidualBlock) -> int:
    return cast("nn.Conv1d", block.plain[0]).kernel_size[0]


def _tile(channels: int) -> int:
    """The greatest power of two up to TILE that divides them."""
    return min(TILE, channels & -channels)


class PairedBlocks:
    """Callable: made [1, C, 1, T] and shift [C] -> the mean of the blocks of their sum, alike.

    What comes out is its leaky ReLU, by `slope`.
    """

    def __init__(self, blocks: Sequence[ResidualBlock]) -> None:
        # The longest first: the others fill in around it.
        ordered = sorted(blocks, key=_taps, reverse=True)
        self._steps = []
        for pair in range(len(ordered[0].plain)):
            for part in ("dilated", "plain"):
                each = [cast("nn.Conv1d", getattr(one, part)[pair]) for one in ordered]
                self._steps.append(_Convolutions.of(each))
        self._count = len(ordered)
        self._ahead = stages(self._steps[0].high.device)

    def __call__(self, made: Tensor, shift: Tensor, slope: float) -> Tensor:
        channels, samples = made.shape[1], made.shape[3]
        tile = _tile(channels)
        made, sizes = made.contiguous(), (self._count, samples, channels)
        x = made.new_empty(sizes[1:])
        sums = made.new_empty(sizes)
        pair, other = (made.new_empty(2, *sizes, dtype=torch.float16) for _ in range(2))
        tiles = (triton.cdiv(samples, TILE), channels // tile)
        kernels.open_kernel[tiles](
            made, shift, x, *pair, samples, channels, SLOPE, BLOCK_T=TILE, BLOCK_C=tile
        )
        shared, before = True, x
        for index in range(0, len(self._steps), 2):
            self._convolve(pair, self._steps[index], other, None, sums, shared)
            self._convolve(other, self._steps[index + 1], pair, before, sums, shared)
            shared, before = False, sums
        active = torch.empty_like(made)
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
