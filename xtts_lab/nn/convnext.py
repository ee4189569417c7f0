"""The block of Vocos, of the recogniser and of a DVAE's stronger form. B batch, W width, F frames.

ConvNeXt (Liu et al. 2022, arXiv 2201.03545) in one dimension: a convolution a channel mixes over
time, two linear layers over channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6  # of the norms


class ConvNextBlock(nn.Module):
    """Mixing over time, then over channels, added to the input. [B, W, F] -> [B, W, F].

    `inner`: the width between the linear layers; `kernel`, odd, whose frames lie `dilation` apart.
    `scale`: where the layer scale begins, one factor a channel; None: there is none. `drop`: the
    share of what is added that training leaves out.
    """

    def __init__(
        self,
        width: int,
        inner: int,
        kernel: int,
        *,
        dilation: int = 1,
        scale: float | None = None,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        reach = dilation * (kernel // 2)
        self.depthwise = nn.Conv1d(
            width, width, kernel, padding=reach, groups=width, dilation=dilation
        )
        self.norm = nn.LayerNorm(width, EPSILON)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.scale = None if scale is None else nn.Parameter(torch.full((width,), scale))
        self.drop = drop

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask` [B, 1, F]: 0 where nothing is to be heard."""
        heard = x if mask is None else x * mask
        mixed = self.norm(self.depthwise(heard).transpose(1, 2))
        branch = self.down(functional.gelu(self.up(mixed)))
        if self.scale is not None:
            branch = self.scale * branch
        if self.drop > 0:
            branch = functional.dropout(branch, self.drop, self.training)
        added: Tensor = x + branch.transpose(1, 2)
        return added
