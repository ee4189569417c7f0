"""XTTS-v2's vocoder: GPT states -> frames -> HiFi-GAN.

B batch, N states, D width, E embedding, T samples.

States come at 22 050 / 1024 Hz, frames at 24 000 / 256 Hz: linear interpolation by 4 and then by
24000 / 22050, as in the reference implementation.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from xtts_lab.nn.hifigan import HifiganConfig, HifiganGenerator
from xtts_lab.types import ModelSizes
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.vocoders.stages import LinearResize, Local, Stage, whole


def to_frames(
    hop_length: int, code_stride: int, input_sample_rate: int, sample_rate: int
) -> tuple[LinearResize, ...]:
    """The interpolations from states to a generator's frames, as the reference does them."""
    first = LinearResize(code_stride / hop_length, keeps_equal=True)
    if sample_rate == input_sample_rate:
        return (first,)
    return first, LinearResize(sample_rate / input_sample_rate, keeps_equal=True)


class HifiganVocoder(Vocoder):
    """XTTS-v2: HiFi-GAN on the GPT's states, with a speaker vector at every stage.

    States [B, N, D] and speaker vectors [B, E] -> waveform [B, T] in [-1, 1]. `code_stride` is the
    samples of a code at `input_sample_rate` (Hz).
    """

    reads: ClassVar[Literal["states", "codes", "mel"]] = "states"
    streams: ClassVar[bool] = True
    uses_speaker: ClassVar[bool] = True

    def __init__(
        self,
        sizes: ModelSizes,
        /,
        *,
        channels: int = HifiganConfig.channels,
        rates: tuple[int, ...] = HifiganConfig.rates,
        upsample_kernels: tuple[int, ...] = HifiganConfig.upsample_kernels,
        kernels: tuple[int, ...] = HifiganConfig.kernels,
        dilations: tuple[tuple[int, ...], ...] = HifiganConfig.dilations,
        speaker_in_every_stage: bool = HifiganConfig.speaker_in_every_stage,
        input_sample_rate: int = 22050,
        sample_rate: int = 24000,
        code_stride: int = 1024,
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        config = HifiganConfig(
            input_width=sizes.width,
            embedding=sizes.embedding,
            channels=channels,
            rates=rates,
            upsample_kernels=upsample_kernels,
            kernels=kernels,
            dilations=dilations,
            speaker_in_every_stage=speaker_in_every_stage,
        )
        self.generator = HifiganGenerator(config)
        self._resize = to_frames(config.hop_length, code_stride, input_sample_rate, sample_rate)

    def forward(self, states: Tensor, embedding: Tensor, _seed: int = 0) -> Tensor:
        waveform: Tensor = whole(self.stages(embedding), states.transpose(1, 2)).squeeze(1)
        return waveform

    def stages(self, embedding: Tensor) -> tuple[Stage, ...]:
        """Interpolation, then the generator with speaker vectors [B, E]."""
        config = self.generator.config
        speak = Local(
            lambda frames: self.generator(frames, embedding).unsqueeze(1),
            config.hop_length,
            config.context_frames,
        )
        return (*self._resize, speak)
