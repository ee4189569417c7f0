"""Speech made harder while a recogniser learns: natural-log mels [B, M, F].

B batch, M bands, F frames.
"""

from __future__ import annotations

import torch
from torch import Tensor

BANDS, FRAMES = 10, 14
"""The widest that a masked part is."""
MASKS = 2
NOISE = (-7.0, -2.5)
"""The level of added noise against a row's mean, in nats of power."""


def masked(mel: Tensor) -> Tensor:
    """Replace parts of the bands and of the time by the row's mean (SpecAugment, 1904.08779)."""
    mean = mel.mean((1, 2), keepdim=True)
    hidden = torch.zeros_like(mel, dtype=torch.bool)
    for _ in range(MASKS):
        hidden |= _stripe(mel.shape[0], mel.shape[1], BANDS, mel.device).unsqueeze(2)
        hidden |= _stripe(mel.shape[0], mel.shape[2], FRAMES, mel.device).unsqueeze(1)
    return torch.where(hidden, mean, mel)


def noisy(mel: Tensor) -> Tensor:
    """Add an even noise floor to half of the rows, at a level drawn for each."""
    rows = torch.rand(mel.shape[0], 1, 1, device=mel.device)
    low, high = NOISE
    level = mel.mean((1, 2), keepdim=True) + low + (high - low) * torch.rand_like(rows)
    return torch.where(rows < 0.5, torch.logaddexp(mel, level), mel)


def _stripe(rows: int, size: int, widest: int, device: torch.device) -> Tensor:
    """True in one stretch of each row, up to `widest` long: [rows, size]."""
    width = torch.rand(rows, 1, device=device) * widest
    start = torch.rand(rows, 1, device=device) * size
    places = torch.arange(size, device=device)
    return (places >= start) & (places < start + width)
