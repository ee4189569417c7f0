"""Tortoise's second stage: a diffusion decoder from GPT states to a mel spectrogram.

Betker 2023 (arXiv 2305.07243, section 3.3). Tortoise's mel goes through UnivNet; ours through
Griffin-Lim or HiFi-GAN.

B batch, N states, D width, M bands, F frames (4 a state, as published), T samples.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.nn.diffusion import DiffusionConfig, DiffusionDecoder
from xtts_lab.nn.hifigan import HifiganConfig
from xtts_lab.nn.mel import DVAE_MEL
from xtts_lab.types import ModelSizes
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.vocoders.griffin_lim import GriffinLimVocoder
from xtts_lab.vocoders.mel_hifigan import MelHifiganVocoder

LOG_MEL_MIN, LOG_MEL_MAX = -11.512925, 2.3143386
"""The log mel that -1 and 1 stand for: Tortoise's range, from the floor of 1e-5 upwards."""


class DiffusionVocoder(Vocoder):
    """Tortoise-style: a diffusion decoder makes a mel of the states in `steps`, then a waveform.

    States [B, N, D] -> waveform [B, code stride * N] at 22 050 Hz. Noise comes from the seed alone,
    on the CPU. `waveform` makes sound of the mel. The decoder attends to the whole utterance, so it
    does not stream. DDIM, without noise between steps.
    """

    reads: ClassVar[Literal["states", "codes", "mel"]] = "states"
    sample_rate = 22050
    inference_settings: ClassVar[frozenset[str]] = frozenset({"steps", "iterations"})

    def __init__(
        self,
        sizes: ModelSizes,
        /,
        *,
        steps: int = 30,
        width: int = DiffusionConfig.width,
        heads: int = DiffusionConfig.heads,
        layers: int = DiffusionConfig.layers,
        train_steps: int = DiffusionConfig.train_steps,
        waveform: Literal["griffin_lim", "hifigan"] = "griffin_lim",
        iterations: int = 32,
        channels: int = HifiganConfig.channels,
    ) -> None:
        super().__init__()
        if not 1 <= steps <= train_steps:
            raise UsageError(f"steps: {steps} does not work; 1 to {train_steps} do")
        self._steps, self._bands = steps, sizes.bands
        self._ratio = sizes.code_stride // DVAE_MEL.hop_length
        self.decoder = DiffusionDecoder(
            DiffusionConfig(
                input_width=sizes.width,
                bands=sizes.bands,
                width=width,
                heads=heads,
                layers=layers,
                train_steps=train_steps,
                ratio=self._ratio,
            )
        )
        self.waveform: Vocoder = (
            GriffinLimVocoder(sizes, iterations=iterations)
            if waveform == "griffin_lim"
            else MelHifiganVocoder(sizes, channels=channels)
        )

    def forward(self, states: Tensor, embedding: Tensor, seed: int = 0) -> Tensor:
        noise = self._noise(states.shape[1], seed).to(states).expand(states.shape[0], -1, -1)
        scaled = self.decoder.sample(states, self._steps, noise).clamp(-1.0, 1.0)
        mel = LOG_MEL_MIN + (scaled + 1.0) / 2.0 * (LOG_MEL_MAX - LOG_MEL_MIN)
        waveform: Tensor = self.waveform(mel, embedding, seed)
        return waveform

    def _noise(self, states: int, seed: int) -> Tensor:
        """Noise [M, F] of a seed: frame by frame, so that longer speech begins with the same."""
        generator = torch.Generator(device="cpu").manual_seed(seed)
        return torch.randn(states * self._ratio, self._bands, generator=generator).t()
