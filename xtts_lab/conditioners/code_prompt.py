"""A code prompt: what the references sound like in the DVAE's codes, as a prefix.

B batch, N codes, D width.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from xtts_lab.conditioners.base import Conditioner, Intake
from xtts_lab.errors import UsageError
from xtts_lab.types import ModelSizes


class CodePromptConditioner(Conditioner):
    """The DVAE's codes of the references as a prefix, with an embedding of its own; no text.

    Codes [B, N] -> the same codes; `embed` makes the prefix [N, D] of them. References are joined
    in their order and cut at `max_s`. XTTS's checkpoints once carried such a table
    (`prompt_embedding`), which nothing calls.
    """

    prefix_kind: ClassVar[Literal["latents", "codes"]] = "codes"

    def __init__(self, sizes: ModelSizes, /, *, max_s: float = 3.0) -> None:
        super().__init__()
        self._max_s = max_s
        width = sizes.width
        # Two more than the codes: room for what rounding to whole chunks adds.
        self.positions = int(max_s * sizes.codes_per_s) + 2
        self.embedding = nn.Embedding(sizes.codes, width, _weight=torch.empty(sizes.codes, width))
        self.position = nn.Embedding(
            self.positions, width, _weight=torch.empty(self.positions, width)
        )
        if not self.embedding.weight.is_meta:
            nn.init.normal_(self.embedding.weight, std=0.02)
            nn.init.normal_(self.position.weight, std=0.02)

    @property
    def intake(self) -> Intake:
        return Intake("codes", max_s=self._max_s)

    def forward(self, codes: Tensor) -> Tensor:
        return codes

    def embed(self, codes: Tensor) -> Tensor:
        """Codes [N] -> prefix [N, D]; `UsageError` for more codes than `max_s` has."""
        if codes.shape[0] > self.positions:
            raise UsageError(
                f"voice: its prompt of {codes.shape[0]} codes is longer than the "
                f"{self.positions} that this model has positions for: clone it with this model"
            )
        positions = torch.arange(codes.shape[0], device=codes.device)
        embedded: Tensor = self.embedding(codes) + self.position(positions)
        return embedded
