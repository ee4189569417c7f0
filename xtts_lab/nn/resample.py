"""Resampling as a module: torchaudio's windowed sinc, its filter computed once and kept on device.

The same samples as `audio.resample` gives.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from xtts_lab.torchaudio_cpu import import_torchaudio


class Resampler(nn.Module):
    """Samples [..., T] at `source` Hz -> [..., ceil(T * target / source)] at `target` Hz."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.source, self.target = source, target
        transforms = import_torchaudio("transforms")
        self.filter: nn.Module = transforms.Resample(source, target)

    def forward(self, samples: Tensor) -> Tensor:
        resampled: Tensor = self.filter(samples)
        return resampled

    def lengths(self, samples: Tensor) -> Tensor:
        """How many samples so many [B] become."""
        shared = math.gcd(self.source, self.target)
        source, target = self.source // shared, self.target // shared
        return (samples * target + source - 1) // source
