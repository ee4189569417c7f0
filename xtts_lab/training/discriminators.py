"""Judges of waveforms that a vocoder is trained against. B batch, T samples.

Over magnitude spectrograms of several windows (UnivNet, Jang et al. 2021, arXiv 2106.07889), and
over the waveform folded at prime periods (HiFi-GAN, Kong et al. 2020, arXiv 2010.05646). Six
generators did alike under one multi-resolution discriminator (arXiv 2103.05236), so that is the
default.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

SLOPE = 0.1
RESOLUTIONS = ((1024, 256), (2048, 512), (512, 128))
"""Window and hop in samples."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """One discriminator's scores, of any shape, and its layers' outputs."""

    scores: Tensor
    features: tuple[Tensor, ...]


class SpectrogramDiscriminator(nn.Module):
    """Magnitudes [B, 1, K, F] of one window, compressed, through strided 2-D convolutions."""

    window: Tensor

    def __init__(self, n_fft: int, hop_length: int, channels: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        widths = (1, channels, channels, channels, channels)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(i, o, (9, 3), stride=(2 if at else 1, 1), padding=(4, 1)))
            for at, (i, o) in enumerate(pairwise(widths))
        )
        self.output = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, samples: Tensor) -> Verdict:
        magnitudes = self._magnitudes(samples).unsqueeze(1)
        x = magnitudes.contiguous(memory_format=torch.channels_last)
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return Verdict(self.output(x), tuple(features))

    def _magnitudes(self, samples: Tensor) -> Tensor:
        with torch.autocast(samples.device.type, enabled=False):
            spectrum = torch.stft(
                samples.float(),
                self.n_fft,
                self.hop_length,
                window=self.window,
                return_complex=True,
            )
            power = spectrum.real.square() + spectrum.imag.square()
            return (power + 1e-7).pow(0.15)  # |S|^0.3: quiet bins are seen too


class PeriodDiscriminator(nn.Module):
    """Samples folded to [B, 1, T / p, p], through convolutions along the first axis."""

    def __init__(self, period: int, channels: int) -> None:
        super().__init__()
        self.period = period
        widths = (1, channels, 2 * channels, 4 * channels, 4 * channels)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(i, o, (5, 1), stride=(3, 1), padding=(2, 0)))
            for i, o in pairwise(widths)
        )
        self.output = weight_norm(nn.Conv2d(4 * channels, 1, (3, 1), padding=(1, 0)))

    def forward(self, samples: Tensor) -> Verdict:
        over = -samples.shape[-1] % self.period
        padded = functional.pad(samples.unsqueeze(1), (0, over), "reflect")
        x = padded.view(padded.shape[0], 1, -1, self.period)
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return Verdict(self.output(x), tuple(features))


class Discriminators(nn.Module):
    """Waveforms [B, T] -> a verdict of each resolution and each period."""

    def __init__(
        self,
        channels: int = 32,
        resolutions: tuple[tuple[int, int], ...] = RESOLUTIONS,
        periods: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.judges = nn.ModuleList(
            [SpectrogramDiscriminator(n_fft, hop, channels) for n_fft, hop in resolutions]
            + [PeriodDiscriminator(period, channels) for period in periods]
        )

    def forward(self, samples: Tensor) -> list[Verdict]:
        return [judge(samples) for judge in self.judges]
