"""Finite scalar quantisation: a codebook that is a grid, and so cannot collapse.

Mentzer et al. 2023 (arXiv 2309.15505). B batch, D dimensions, N codes, K = product of the levels.

Each of D numbers is bounded and rounded to one of its few levels; the code is the number that these
levels spell, the first dimension counting fastest. There is nothing to learn and no codebook loss:
the gradient passes through the rounding as if it were not there.
"""

from __future__ import annotations

import math
from itertools import accumulate
from operator import mul

import torch
from torch import Tensor, nn
from torch.nn import functional

MARGIN = 1e-3
"""How far beyond the outermost levels the bound lies, so that they are reached with a gradient."""


RANGE = 2.0
"""Where 96 % of the grid's span is reached; a number far beyond feels no gradient."""


def beyond_range(vectors: Tensor) -> Tensor:
    """Mean square of how far vectors [B, D, N] reach beyond `RANGE`: a loss against saturation."""
    return functional.relu(vectors.float().abs() - RANGE).square().mean()


class Fsq(nn.Module):
    """Vectors [B, D, N] -> codes [B, N] in 0 to K - 1, and a code's entry [D] in [-1, 1].

    Raises `ValueError` without levels, or where a dimension has fewer than two.
    """

    grid: Tensor
    basis: Tensor

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        if not levels or min(levels) < 2:
            raise ValueError(f"FSQ needs two levels or more in each dimension, not {levels}")
        self.levels = levels
        with torch.device("cpu"):  # constants, real even where the module is built on `meta`
            grid = torch.tensor(levels, dtype=torch.int64)
            basis = torch.tensor([1, *accumulate(levels[:-1], mul)], dtype=torch.int64)
        self.register_buffer("grid", grid, persistent=False)
        self.register_buffer("basis", basis, persistent=False)

    @property
    def codes(self) -> int:
        """How many codes there are, K."""
        return math.prod(self.levels)

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [B, D, N] -> codes [B, N], int64."""
        digits = self._bounded(vectors).round().long() + self._column(self.grid // 2)
        return (digits * self._column(self.basis)).sum(1)

    def vectors(self, codes: Tensor) -> Tensor:
        """Codes [B, N] -> their entries [B, D, N], float32."""
        digits = (codes.unsqueeze(1) // self._column(self.basis)) % self._column(self.grid)
        half = self._column(self.grid // 2)
        return (digits - half).float() / half.float()

    def softly(self, vectors: Tensor, dither: Tensor) -> Tensor:
        """Vectors [B, D, N] -> entries before quantisation is learned: [B, D, N], float32.

        Noise in place of the rounding, as wide as the share `dither` (a scalar tensor) of a level;
        from 1 on, the rounding itself, which the gradient skips. What is learned with such noise
        uses the whole grid, so that little is lost when the rounding comes.
        """
        bounded = self._bounded(vectors)
        noise = dither * (torch.rand_like(bounded) - 0.5)
        added = torch.where(dither < 1.0, noise, (bounded.round() - bounded).detach())
        return (bounded + added) / self._column(self.grid // 2)

    def _bounded(self, vectors: Tensor) -> Tensor:
        """Squash each dimension to the span of its levels, the paper's `bound`."""
        half = (self._column(self.grid) - 1).float() * (1.0 + MARGIN) / 2.0
        offset = 0.5 * (1 - self._column(self.grid) % 2).float()  # even: levels lie beside zero
        shift = (offset / half).atanh()
        return (vectors.float() + shift).tanh() * half - offset

    @staticmethod
    def _column(values: Tensor) -> Tensor:
        return values.view(1, -1, 1)
