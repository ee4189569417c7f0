"""HiFi-GAN as it was published: from a mel spectrogram, here the one that the DVAE decodes.

Kong et al. 2020 (arXiv 2010.05646). B batch, M bands, F frames, T samples.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from xtts_lab.nn.hifigan import HifiganConfig, HifiganGenerator
from xtts_lab.types import ModelSizes
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.vocoders.stages import Local, Stage, whole


class MelHifiganVocoder(Vocoder):
    """HiFi-GAN on the mel that the DVAE decodes from the codes; no speaker vector.

    Log mel [B, M, F] -> waveform [B, 256 F] at 22 050 Hz. What it knows of the voice is what the
    codes kept of it.
    """

    reads: ClassVar[Literal["states", "codes", "mel"]] = "mel"
    streams: ClassVar[bool] = True
    sample_rate = 22050

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
    ) -> None:
        super().__init__()
        config = HifiganConfig(
            input_width=sizes.bands,
            embedding=0,
            channels=channels,
            rates=rates,
            upsample_kernels=upsample_kernels,
            kernels=kernels,
            dilations=dilations,
        )
        self.generator = HifiganGenerator(config)

    def forward(self, mel: Tensor, embedding: Tensor, _seed: int = 0) -> Tensor:
        waveform: Tensor = whole(self.stages(embedding), mel).squeeze(1)
        return waveform

    def stages(self, embedding: Tensor) -> tuple[Stage, ...]:
        config = self.generator.config
        speak = Local(
            lambda mel: self.generator(mel, embedding).unsqueeze(1),
            config.hop_length,
            config.context_frames,
        )
        return (speak,)
