"""Speech to listen to, beside a training run."""

from __future__ import annotations

import wave
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from xtts_lab import files


def write_pair(folder: Path, name: str, natural: Tensor, made: Tensor, sample_rate: int) -> None:
    """Write `NAME-natural.wav` and `NAME-made.wav` of samples [T] in [-1, 1], 16 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, samples in {"natural": natural, "made": made}.items():
        pcm = (samples.detach().float().clamp(-1, 1) * 32767).round().to(torch.int16).cpu()
        path = folder / f"{name}-{kind}.wav"
        files.write_with(path, partial(_write, pcm.numpy().tobytes(), sample_rate))


def _write(content: bytes, sample_rate: int, path: Path) -> None:
    # The standard library's writer: training machines need not have libsndfile.
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(content)
