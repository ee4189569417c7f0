"""Vocos as it was published, from a mel spectrogram: here the one that the DVAE decodes.

Siuzdak 2023 (arXiv 2306.00814). B batch, M bands, F frames, E embedding, T samples.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from xtts_lab.nn.mel import DVAE_MEL
from xtts_lab.nn.vocos import VocosConfig, VocosGenerator
from xtts_lab.types import ModelSizes
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.vocoders.hifigan import to_frames
from xtts_lab.vocoders.stages import Local, Stage, whole


class MelVocosVocoder(Vocoder):
    """Vocos on the mel that the DVAE decodes from the codes; no speaker vector.

    Log mel [B, M, F] -> waveform [B, T] in [-1, 1] at `sample_rate` (Hz), whatever the frames a
    code: the mel's frames, 86 a second, are interpolated to those of the generator. What it knows
    of the voice is what the codes kept of it.
    """

    reads: ClassVar[Literal["states", "codes", "mel"]] = "mel"
    streams: ClassVar[bool] = True

    def __init__(
        self,
        sizes: ModelSizes,
        /,
        *,
        width: int = VocosConfig.width,
        inner: int = VocosConfig.inner,
        layers: int = VocosConfig.layers,
        kernel: int = VocosConfig.kernel,
        n_fft: int = VocosConfig.n_fft,
        hop_length: int = VocosConfig.hop_length,
        sample_rate: int = 24000,
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.generator = VocosGenerator(
            VocosConfig(
                input_width=sizes.bands,
                embedding=0,
                width=width,
                inner=inner,
                layers=layers,
                kernel=kernel,
                n_fft=n_fft,
                hop_length=hop_length,
            )
        )
        resizes = to_frames(hop_length, DVAE_MEL.hop_length, DVAE_MEL.sample_rate, sample_rate)
        self._resize = tuple(resize for resize in resizes if resize.scale != 1.0)

    def forward(self, mel: Tensor, embedding: Tensor, _seed: int = 0) -> Tensor:
        waveform: Tensor = whole(self.stages(embedding), mel).squeeze(1)
        return waveform

    def stages(self, embedding: Tensor) -> tuple[Stage, ...]:
        generator = self.generator
        speak = Local(
            lambda mel: generator(mel, embedding).clamp(-1.0, 1.0).unsqueeze(1),
            generator.hop_length,
            generator.context_frames,
        )
        return (*self._resize, speak)
