"""Speech made harder while a recogniser learns: natural-log mels [B, M, F].

B batch, M bands, F frames.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from xtts_lab.training.speech.listener import NOISE

BANDS, FRAMES = 10, 14
"""The widest that a masked part is."""


def masked(mel: Tensor, masks: int) -> Tensor:
    """Replace `masks` parts of the bands, and as many of the time, by the row's mean (SpecAugment,
    1904.08779)."""
    mean = mel.mean((1, 2), keepdim=True)
    hidden = torch.zeros_like(mel, dtype=torch.bool)
    for _ in range(masks):
        hidden |= _stripe(mel.shape[0], mel.shape[1], BANDS, mel.device).unsqueeze(2)
        hidden |= _stripe(mel.shape[0], mel.shape[2], FRAMES, mel.device).unsqueeze(1)
    return torch.where(hidden, mean, mel)


def warped(mel: Tensor, frames: Tensor, tempo: float, bands: float) -> tuple[Tensor, Tensor]:
    """Speak each row faster or slower by up to the share `tempo`, and shift its bands by up to the
    share `bands` of their number; return it, longer by room for the slowest, and its frames [B].

    As if other speakers had said it: what a recogniser would else learn by heart.
    """
    rows, count, size = mel.shape
    drawn = 2.0 * torch.rand(2, rows, 1, device=mel.device) - 1.0
    speed, scale = 1.0 + tempo * drawn[0], 1.0 + bands * drawn[1]
    longer = math.ceil((size - 1) / (1.0 - tempo)) + 1
    across = torch.arange(longer, device=mel.device) * speed * (2.0 / max(size - 1, 1)) - 1.0
    down = torch.arange(count, device=mel.device) * scale * (2.0 / max(count - 1, 1)) - 1.0
    places = torch.stack(
        [
            across.unsqueeze(1).expand(-1, count, -1),
            down.unsqueeze(2).expand(-1, -1, longer),
        ],
        dim=-1,
    )
    found = functional.grid_sample(
        mel.unsqueeze(1), places, padding_mode="border", align_corners=True
    )
    return found.squeeze(1), ((frames - 1) / speed.squeeze(1)).long() + 1


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
