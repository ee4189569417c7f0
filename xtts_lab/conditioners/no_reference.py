"""The floor of every comparison of conditioners: a GPT that hears no reference.

B batch, S slots, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xtts_lab.conditioners.base import Conditioner, Intake
from xtts_lab.types import ModelSizes


class NoReferenceConditioner(Conditioner):
    """A learned constant: the GPT hears nothing of the references.

    Anything [B, ...] -> prefix [B, `slots`, D], the same for all. A vocoder that takes a speaker
    vector still hears them: choose one that does not (`mel_hifigan`, say) for a floor of the whole.
    """

    def __init__(self, sizes: ModelSizes, /, *, slots: int = 1) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.empty(slots, sizes.width))
        if not self.constant.is_meta:  # there, it would only import torch's compiler
            nn.init.normal_(self.constant, std=0.02)

    @property
    def intake(self) -> Intake:
        return Intake("nothing")

    def forward(self, batch: Tensor) -> Tensor:
        return self.constant.expand(batch.shape[0], -1, -1)
