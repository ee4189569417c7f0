"""MusicGen's way: the GPT draws all levels at once, each a step later than the one before.

Copet et al. 2023 (arXiv 2306.05284), the delay pattern: level l of frame i is drawn in step i + l,
so that a frame is whole after L - 1 further steps, and speech streams. B batch, n frames, L levels,
K codes, D width.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from xtts_lab.decoders.base import Decoder, several
from xtts_lab.types import ModelSizes

NOTHING = -1
"""In the pattern: no code is there."""


class DelayDecoder(Decoder):
    """All levels from the GPT, each a step later than the one before: it streams.

    The GPT's own tables are those of the first level; here are the others', without settings.
    """

    streams: ClassVar[bool] = True

    def __init__(self, sizes: ModelSizes, /) -> None:
        super().__init__()
        self.levels = self.depth = several(sizes)
        self.codes = sizes.codes
        count, width = (self.levels - 1) * (sizes.codes + 1), sizes.width
        self.embedding = nn.Embedding(count, width, _weight=torch.empty(count, width))
        self.heads = nn.Linear(width, (self.levels - 1) * sizes.codes)
        if not self.heads.weight.is_meta:
            nn.init.normal_(self.embedding.weight, std=0.02)
            nn.init.normal_(self.heads.weight, std=0.02)
            nn.init.zeros_(self.heads.bias)

    def beside(self, codes: Tensor) -> Tensor:
        """Codes [B, L - 1, M], `NOTHING` where there is none, -> [B, M, D]."""
        entries = self.codes + 1
        known = torch.where(codes < 0, torch.full_like(codes, self.codes), codes)
        levels = torch.arange(codes.shape[1], device=codes.device).view(1, -1, 1)
        summed: Tensor = self.embedding(known + entries * levels).sum(1)
        return summed

    def others(self, states: Tensor) -> Tensor:
        """States [..., D] -> logits [..., L - 1, K]."""
        logits: Tensor = self.heads(states)
        return logits.view(*states.shape[:-1], self.levels - 1, self.codes)


def delayed(codes: Tensor) -> Tensor:
    """Levels after the first, [l, n] -> [l, n + l]: the j-th from place j on, else `NOTHING`.

    Column t is what step t draws beside the first level's frame t.
    """
    levels, frames = codes.shape
    made = codes.new_full((levels, frames + levels), NOTHING)
    for level in range(levels):
        made[level, level + 1 : level + 1 + frames] = codes[level]
    return made
