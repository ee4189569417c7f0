"""Tortoise's conditioner: one latent a clip, averaged over clips.

Betker 2023 (arXiv 2305.07243, section 3.2) and its code: the mel encoder's output at the first
frame, which has attended to all others, is the clip's latent. B batch, T samples, F frames,
S slots, D width.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.conditioners.base import Conditioner, Intake, widened
from xtts_lab.nn.conditioning_encoder import ConditioningEncoder
from xtts_lab.nn.mel import ConditioningMel
from xtts_lab.types import ModelSizes


class SlotMlp(nn.Module):
    """A latent [B, D] -> S distinct slots [B, S, D], so that prefix length and size can match."""

    def __init__(self, width: int, slots: int, hidden: int) -> None:
        super().__init__()
        self.slots = slots
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, slots * width)

    def forward(self, latent: Tensor) -> Tensor:
        slots: Tensor = self.down(functional.gelu(self.up(latent)))
        return slots.view(latent.shape[0], self.slots, -1)


class TortoiseConditioner(Conditioner):
    """Tortoise: the mel encoder's output at the first frame, averaged over clips; one latent.

    A clip [B, T] at 22 050 Hz -> prefix [B, `slots` or 1, D]. `pool: mean` takes the mean over
    frames instead. With `slots` an MLP (`hidden` wide) spreads the latent over that many positions.
    Blocks add to their plain input, as Tortoise's do (XTTS's add to the normalised one). The mel is
    XTTS's (Tortoise's has a window of 1024), so that an ablation changes the encoder alone; clips
    are cut at `clip_s`, and a shorter one is not padded with silence. `encoder_width`: where it is
    not the GPT's.
    """

    inference_settings: ClassVar[frozenset[str]] = frozenset({"clip_s"})

    def __init__(
        self,
        sizes: ModelSizes,
        /,
        *,
        pool: Literal["first", "mean"] = "first",
        slots: int | None = None,
        hidden: int = 1024,
        clip_s: float = 6.0,
        encoder_width: int | None = None,
        encoder_blocks: int = 6,
        encoder_heads: int = 16,
    ) -> None:
        super().__init__()
        self._pool, self._clip_s = pool, clip_s
        self.mel = ConditioningMel()
        inner, self.widen = widened(encoder_width, sizes.width)
        self.encoder = ConditioningEncoder(
            self.mel.config.bands,
            inner,
            encoder_heads,
            encoder_blocks,
            residual_from_norm=False,
        )
        self.spread = None if slots is None else SlotMlp(sizes.width, slots, hidden)

    @property
    def intake(self) -> Intake:
        return Intake(reads="audio", sample_rate=self.mel.config.sample_rate, chunk_s=self._clip_s)

    def forward(self, samples: Tensor) -> Tensor:
        frames = self.encoder(self.mel(samples))
        pooled = frames[:, :, 0] if self._pool == "first" else frames.mean(dim=-1)
        latent: Tensor = self.widen(pooled)
        if self.spread is None:
            return latent.unsqueeze(1)
        spread: Tensor = self.spread(latent)
        return spread
