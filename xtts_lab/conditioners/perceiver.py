"""XTTS-v2's conditioner: mel encoder and Perceiver resampler.

B batch, T samples, M mel bands, F frames, N latents, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from xtts_lab.nn.conditioning_encoder import ConditioningEncoder
from xtts_lab.nn.mel import CONDITIONING_MEL, ConditioningMel, MelConfig
from xtts_lab.nn.perceiver import PerceiverResampler


@dataclass(frozen=True)
class PerceiverConfig:
    """Sizes of the conditioner; the defaults are XTTS-v2's."""

    mel: MelConfig = CONDITIONING_MEL
    width: int = 1024
    encoder_heads: int = 16
    encoder_blocks: int = 6
    latents: int = 32
    depth: int = 2
    heads: int = 8
    head_width: int = 64


class PerceiverConditioner(nn.Module):
    """A chunk of reference audio [B, T] at 22 050 Hz -> prefix [B, N, D].

    Chunks of a batch are of one length. T must exceed 1024 samples (half a mel window); the
    reference implementation drops chunks under 0.33 s, and so does `inference.voice`.
    """

    prefix_kind: ClassVar[Literal["latents", "codes"]] = "latents"
    needs_text: ClassVar[bool] = False

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.config = config
        self.mel = ConditioningMel(config.mel)
        self.encoder = ConditioningEncoder(
            config.mel.bands, config.width, config.encoder_heads, config.encoder_blocks
        )
        self.resampler = PerceiverResampler(
            config.width, config.latents, config.depth, config.heads, config.head_width
        )

    @property
    def sample_rate(self) -> int:
        return self.config.mel.sample_rate

    def forward(self, samples: Tensor) -> Tensor:
        return self.encode(self.mel(samples))

    def encode(self, mel: Tensor) -> Tensor:
        """Normalised log mel [B, M, F] -> prefix [B, N, D]."""
        prefix: Tensor = self.resampler(self.encoder(mel).transpose(1, 2))
        return prefix
