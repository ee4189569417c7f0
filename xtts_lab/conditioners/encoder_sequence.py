"""XTTS v1's conditioner: the mel encoder's whole output, one vector a frame.

B batch, T samples, F frames, D width.
"""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from xtts_lab.conditioners.base import Conditioner, Intake, widened
from xtts_lab.nn.conditioning_encoder import ConditioningEncoder
from xtts_lab.nn.mel import SEQUENCE_MEL, ConditioningMel
from xtts_lab.types import ModelSizes


class EncoderSequenceConditioner(Conditioner):
    """XTTS v1: the mel encoder's output at every frame, 21.5 a second, without resampling.

    Audio [B, T] at 22 050 Hz -> prefix [B, T // 1024 + 1, D]. References are joined in their order
    and cut at `max_s`. The encoder has no positions, but the GPT reads its output from left to
    right, so that order does matter. T must exceed 2048 samples (half a mel window).
    `encoder_width`: where it is not the GPT's.
    """

    inference_settings: ClassVar[frozenset[str]] = frozenset({"max_s"})

    def __init__(
        self,
        sizes: ModelSizes,
        /,
        *,
        max_s: float = 30.0,
        encoder_width: int | None = None,
        encoder_blocks: int = 6,
        encoder_heads: int = 16,
    ) -> None:
        super().__init__()
        self._max_s = max_s
        self.mel = ConditioningMel(SEQUENCE_MEL)
        inner, self.widen = widened(encoder_width, sizes.width)
        self.encoder = ConditioningEncoder(
            self.mel.config.bands, inner, encoder_heads, encoder_blocks
        )

    @property
    def intake(self) -> Intake:
        return Intake(
            reads="audio",
            sample_rate=self.mel.config.sample_rate,
            chunk_s=math.inf,
            max_s=self._max_s,
            pooling="concatenate",
        )

    def forward(self, samples: Tensor) -> Tensor:
        sequence: Tensor = self.widen(self.encoder(self.mel(samples)).transpose(1, 2))
        return sequence
