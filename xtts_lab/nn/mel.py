"""Mel front ends. B batch, T samples, F frames, M bands.

The filter banks are torchaudio's (HTK scale), those that XTTS-v2 was trained with; the numbers are
in the `MelConfig` constants below. Windows and filters are constants, not weights: they are
computed on the CPU at construction and never stored in a checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.torchaudio_cpu import import_torchaudio


@dataclass(frozen=True)
class MelConfig:
    """A power mel spectrogram; lengths in samples, frequencies in Hz."""

    sample_rate: int
    n_fft: int
    win_length: int
    hop_length: int
    bands: int
    f_max: float
    window: Literal["hann", "hamming"] = "hann"
    norm: Literal["slaney"] | None = None


CONDITIONING_MEL = MelConfig(
    sample_rate=22050,
    n_fft=2048,
    win_length=1024,
    hop_length=256,
    bands=80,
    f_max=8000.0,
    window="hann",
    norm="slaney",
)
"""What the conditioning encoder of XTTS-v2 hears."""

SEQUENCE_MEL = MelConfig(
    sample_rate=22050,
    n_fft=4096,
    win_length=4096,
    hop_length=1024,
    bands=80,
    f_max=8000.0,
    window="hann",
    norm="slaney",
)
"""What the conditioning encoder of XTTS v1 hears: a frame a code."""

DVAE_MEL = MelConfig(
    sample_rate=22050,
    n_fft=1024,
    win_length=1024,
    hop_length=256,
    bands=80,
    f_max=8000.0,
    window="hann",
    norm="slaney",
)
"""What the DVAE of XTTS hears, and decodes to."""

SPEAKER_MEL = MelConfig(
    sample_rate=16000,
    n_fft=512,
    win_length=400,
    hop_length=160,
    bands=64,
    f_max=8000.0,
    window="hamming",
)
"""What the H/ASP speaker encoder hears (Heo et al. 2020, arXiv 2009.14153)."""


class PowerMel(nn.Module):
    """Samples [B, T] -> power mel [B, M, F] with F = T // hop + 1 (centred, reflected edges)."""

    window: Tensor
    filters: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        with torch.device("cpu"):  # real even where the module around it is built on `meta`
            make = torch.hann_window if config.window == "hann" else torch.hamming_window
            window = make(config.win_length)
            filters = import_torchaudio("functional").melscale_fbanks(
                config.n_fft // 2 + 1,
                0.0,
                config.f_max,
                config.bands,
                config.sample_rate,
                norm=config.norm,
            )
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        config = self.config
        spectrum = torch.stft(
            samples,
            config.n_fft,
            config.hop_length,
            config.win_length,
            self.window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )
        power = spectrum.abs().pow(2.0)
        return torch.matmul(power.transpose(1, 2), self.filters).transpose(1, 2)


class ConditioningMel(nn.Module):
    """Samples [B, T] at 22 050 Hz -> log mel [B, M, F], divided by the checkpoint's `mel_stats`.

    `mel_stats` [M] is a buffer: the published checkpoint carries it beside its weights. The DVAE
    hears the same with `DVAE_MEL`.
    """

    mel_stats: Tensor

    def __init__(self, config: MelConfig = CONDITIONING_MEL) -> None:
        super().__init__()
        self.config = config
        self.mel = PowerMel(config)
        self.register_buffer("mel_stats", torch.ones(config.bands))

    def forward(self, samples: Tensor) -> Tensor:
        power: Tensor = self.mel(samples)
        return power.clamp(min=1e-5).log() / self.mel_stats.unsqueeze(-1)


class SpeakerMel(nn.Module):
    """Samples [B, T] at 16 kHz -> log mel [B, M, F] after pre-emphasis, normalised over time."""

    def __init__(self, config: MelConfig = SPEAKER_MEL, preemphasis: float = 0.97) -> None:
        super().__init__()
        self.mel = PowerMel(config)
        self.preemphasis = preemphasis

    def forward(self, samples: Tensor) -> Tensor:
        padded = functional.pad(samples.unsqueeze(1), (1, 0), "reflect").squeeze(1)
        emphasised = padded[:, 1:] - self.preemphasis * padded[:, :-1]
        power: Tensor = self.mel(emphasised)
        return functional.instance_norm((power + 1e-6).log(), eps=1e-5)
