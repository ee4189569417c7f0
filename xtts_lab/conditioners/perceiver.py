"""XTTS-v2's conditioner: mel encoder and Perceiver resampler.

B batch, T samples, M mel bands, F frames, N latents, D width, L layers, H heads.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from torch import Tensor

from xtts_lab.conditioners.base import Conditioner, Intake, widened
from xtts_lab.nn.conditioning_encoder import ConditioningEncoder
from xtts_lab.nn.mel import ConditioningMel
from xtts_lab.nn.perceiver import PerceiverResampler
from xtts_lab.types import ModelSizes


class PerceiverConditioner(Conditioner):
    """XTTS-v2: a mel encoder and a Perceiver resampler, any audio to a few latents.

    A chunk [B, T] at 22 050 Hz -> prefix [B, `latents`, D]. Chunks of a batch are of one length. T
    must exceed 1024 samples (half a mel window); the reference implementation drops chunks under
    0.33 s, and so does `inference.voice`. `pooling`: the mean over chunks, as the reference does
    it, or all chunks' latents one after the other, of the first `max_s` seconds. `encoder_width`:
    of encoder and resampler, where it is not the GPT's.
    """

    inference_settings: ClassVar[frozenset[str]] = frozenset({"pooling", "max_s"})

    def __init__(
        self,
        sizes: ModelSizes,
        /,
        *,
        latents: int = 32,
        pooling: Literal["mean", "concatenate"] = "mean",
        max_s: float = 30.0,
        encoder_width: int | None = None,
        encoder_blocks: int = 6,
        encoder_heads: int = 16,
        depth: int = 2,
        heads: int = 8,
        head_width: int = 64,
    ) -> None:
        super().__init__()
        self._pooling = pooling
        self._max_s = max_s if pooling == "concatenate" else math.inf
        self.mel = ConditioningMel()
        inner, self.widen = widened(encoder_width, sizes.width)
        self.encoder = ConditioningEncoder(
            self.mel.config.bands, inner, encoder_heads, encoder_blocks
        )
        self.resampler = PerceiverResampler(inner, latents, depth, heads, head_width)

    @property
    def intake(self) -> Intake:
        return Intake(
            reads="audio",
            sample_rate=self.mel.config.sample_rate,
            pooling=self._pooling,
            max_s=self._max_s,
        )

    def forward(self, samples: Tensor) -> Tensor:
        prefix: Tensor = self.widen(self.resampler(self._frames(samples)))
        return prefix

    def attention(self, samples: Tensor) -> Tensor:
        """Samples [B, T] -> the shares [B, L, H, N, N + F] of latents and frames in what each of
        the N latents takes in, for each of L layers and H heads."""
        return self.resampler.attention(self._frames(samples))

    def _frames(self, samples: Tensor) -> Tensor:
        frames: Tensor = self.encoder(self.mel(samples)).transpose(1, 2)
        return frames
