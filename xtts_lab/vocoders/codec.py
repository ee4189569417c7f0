"""A residual codec's own way back to a waveform, as a vocoder. B batch, T samples, E embedding."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from xtts_lab.types import ModelSizes
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.vocoders.stages import Stage


class CodecVocoder(Vocoder):
    """What the checkpoint's residual codec decodes of the levels that there are.

    It has no weights beside the codec's and hears no speaker vector; it streams.
    """

    reads: ClassVar[Literal["states", "codes", "mel", "levels"]] = "levels"
    streams: ClassVar[bool] = True

    def __init__(self, _sizes: ModelSizes, /, *, sample_rate: int = 24000) -> None:
        super().__init__()
        self.sample_rate = sample_rate

    def forward(self, samples: Tensor, _embedding: Tensor, _seed: int = 0) -> Tensor:
        """What the codec decoded, [B, 1, T] -> [B, T]: nothing is left to do."""
        return samples.squeeze(1)

    def stages(self, _embedding: Tensor) -> tuple[Stage, ...]:
        return ()
