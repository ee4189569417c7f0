"""Speech to listen to, beside a training run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from xtts_lab import files
from xtts_lab.training.corpora.test_set import write_wav

MOST = 4


def write_pairs(folder: Path, natural: Tensor, made: Tensor, sample_rate: int) -> None:
    """Write the first rows of two batches [B, T] for comparison."""
    for row in range(min(MOST, made.shape[0])):
        write_pair(folder, f"{row}", natural[row], made[row], sample_rate)


def write_pair(folder: Path, name: str, natural: Tensor, made: Tensor, sample_rate: int) -> None:
    """Write `NAME-natural.wav` and `NAME-made.wav` of samples [T] in [-1, 1], 16 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, samples in {"natural": natural, "made": made}.items():
        pcm = (samples.detach().float().clamp(-1, 1) * 32767).round().to(torch.int16).cpu()
        path = folder / f"{name}-{kind}.wav"
        write = partial(write_wav, samples=pcm.numpy(), sample_rate=sample_rate)
        files.write_with(path, write)
