"""The mel encoder shared by XTTS and Tortoise: a 1x1 convolution and attention blocks.

B batch, M mel bands, F frames, D width. There are no positions: the order of frames cannot matter.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def norm_groups(channels: int) -> int:
    """The number of groups that the reference's normalisation picks for a width."""
    groups = 8 if channels <= 16 else 16 if channels <= 64 else 32
    while channels % groups:
        groups //= 2
    return groups


class EncoderBlock(nn.Module):
    """Self-attention over frames, added to the block's normalised input.

    Tortoise adds it to the plain input (`residual_from_norm=False`).
    """

    def __init__(self, width: int, heads: int, residual_from_norm: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.residual_from_norm = residual_from_norm
        self.norm = nn.GroupNorm(norm_groups(width), width)
        self.qkv = nn.Conv1d(width, 3 * width, 1)
        self.out = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, D, F] -> [B, D, F]."""
        batch, width, frames = x.shape
        normed = self.norm(x)
        # A head's query, key and value lie side by side in the channels.
        split = _pointwise(self.qkv, normed.mT).view(batch, frames, self.heads, 3, -1)
        query, key, value = split.permute(3, 0, 2, 1, 4).unbind(0)
        heads = functional.scaled_dot_product_attention(query, key, value)
        attended = _pointwise(self.out, heads.transpose(1, 2).reshape(batch, frames, width))
        return attended.mT + (normed if self.residual_from_norm else x)


def _pointwise(convolution: nn.Conv1d, x: Tensor) -> Tensor:
    """A convolution of width 1 as the product that it is: [B, F, C] -> [B, F, O].

    Attention wants the channels last, and a GPU's convolutions turn them around, there and back.
    """
    return functional.linear(x, convolution.weight[:, :, 0], convolution.bias)


class ConditioningEncoder(nn.Module):
    """Log mel [B, M, F] -> one vector a frame, [B, D, F]."""

    def __init__(
        self,
        bands: int,
        width: int,
        heads: int,
        blocks: int,
        residual_from_norm: bool = True,
    ) -> None:
        super().__init__()
        self.input = nn.Conv1d(bands, width, 1)
        self.blocks = nn.ModuleList(
            EncoderBlock(width, heads, residual_from_norm) for _ in range(blocks)
        )

    def forward(self, mel: Tensor) -> Tensor:
        x: Tensor = self.input(mel)
        for block in self.blocks:
            x = block(x)
        return x
