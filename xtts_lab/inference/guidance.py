"""Classifier-free guidance: away from what would be said without the condition.

Ho & Salimans 2022 (arXiv 2207.12598), on logits, as Koel-TTS (2502.05236) decodes speech. Beside
each guided row runs one that says the same text after the same codes, and never heard a reference:
no prefix, no prompt. Models learn that from batches without a condition (`drop_condition`).
B rows, G of them guided, V codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from xtts_lab.inference.generate import Prompt


class Guide:
    """Which rows are guided, and by how much; a guidance of 1 is none."""

    def __init__(self, prompts: Sequence[Prompt], device: torch.device) -> None:
        strengths = [prompt.sampling.guidance for prompt in prompts]
        chosen = [row for row, strength in enumerate(strengths) if strength != 1.0]
        self.count = len(prompts)
        self.beside = [prompts[row].unconditioned() for row in chosen]
        self.rows = torch.tensor(chosen, dtype=torch.long, device=device)
        self.excess = torch.tensor([strengths[row] - 1.0 for row in chosen], device=device)

    def steer(self, logits: Tensor) -> Tensor:
        """Logits [B + G, V] -> those that codes are drawn from, [B, V]."""
        own = logits[: self.count]
        if not self.beside:
            return own
        heard = own[self.rows].float()
        away = heard - logits[self.count :].float()
        steered = heard + self.excess.unsqueeze(-1) * away
        return own.float().index_copy(0, self.rows, steered)

    def spread(self, values: Tensor) -> Tensor:
        """What is the same for a row and the one beside it: [B, ...] -> [B + G, ...]."""
        return torch.cat([values, values[self.rows]]) if self.beside else values
