"""Tiny XTTS models with random weights, shared by the tests of the model and of inference."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import torch

from xtts_lab.checkpoint.random_weights import randomise
from xtts_lab.model import ModelConfig, XttsModel, part

FEW_BLOCKS = part("vocoders", "hifigan", channels=32, kernels=[3, 7], dilations=[[1, 3], [1]])
"""A generator with all kinds of its layers and a third of the convolutions."""


@cache
def tiny_model(seed: int = 0) -> XttsModel:
    model = XttsModel(ModelConfig.tiny())
    randomise(model, torch.Generator().manual_seed(seed))
    return model.eval().requires_grad_(False)


def write_voice(path: Path, seconds: float, rate: int = 22050, seed: int = 0) -> Path:
    """A buzz of wandering pitch with noise: full of harmonics, never stationary."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    pitch = 120 + 10 * seed + 30 * np.sin(2 * np.pi * 0.7 * time + seed)
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / rate)) * 0.2
    samples = buzz + 0.05 * random.standard_normal(len(time))
    soundfile.write(path, samples.astype(np.float32), rate)
    return path
