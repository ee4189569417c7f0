"""Vocos on GPT states: no upsampling in time, an inverse STFT at the end.

Siuzdak 2023 (arXiv 2306.00814). B batch, N states, D width, E embedding, T samples.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from xtts_lab.nn.vocos import VocosConfig, VocosGenerator
from xtts_lab.types import ModelSizes
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.vocoders.hifigan import to_frames
from xtts_lab.vocoders.stages import Local, Stage, whole


class VocosVocoder(Vocoder):
    """Vocos: ConvNeXt blocks on the interpolated states, and an inverse STFT instead of upsampling.

    States [B, N, D] and speaker vectors [B, E] -> waveform [B, T] in [-1, 1], at the frame rate
    and with the interpolation of `hifigan`. `code_stride` is the samples of a code at
    `input_sample_rate` (Hz).
    """

    reads: ClassVar[Literal["states", "codes", "mel"]] = "states"
    streams: ClassVar[bool] = True
    uses_speaker: ClassVar[bool] = True

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
        input_sample_rate: int = 22050,
        sample_rate: int = 24000,
        code_stride: int = 1024,
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.generator = VocosGenerator(
            VocosConfig(
                input_width=sizes.width,
                embedding=sizes.embedding,
                width=width,
                inner=inner,
                layers=layers,
                kernel=kernel,
                n_fft=n_fft,
                hop_length=hop_length,
            )
        )
        self._resize = to_frames(hop_length, code_stride, input_sample_rate, sample_rate)

    def forward(self, states: Tensor, embedding: Tensor, _seed: int = 0) -> Tensor:
        waveform: Tensor = whole(self.stages(embedding), states.transpose(1, 2)).squeeze(1)
        return waveform

    def stages(self, embedding: Tensor) -> tuple[Stage, ...]:
        """Interpolation, then the generator with speaker vectors [B, E]."""
        generator = self.generator
        speak = Local(
            lambda frames: generator(frames, embedding).clamp(-1.0, 1.0).unsqueeze(1),
            generator.hop_length,
            generator.context_frames,
        )
        return (*self._resize, speak)
