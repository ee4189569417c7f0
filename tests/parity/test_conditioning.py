"""Voices: prefix and speaker embedding equal the reference's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from tests.parity.conftest import Pair
from xtts_lab.inference.voice import clone
from xtts_lab.model import CloningDefaults


def relative(ours: Tensor, reference: Tensor) -> float:
    return float((ours - reference).abs().max() / reference.abs().max())


def write_voice(path: Path, seconds: float, rate: int, seed: int, channels: int = 1) -> Path:
    """A wandering buzz with noise: full of harmonics, never stationary."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * time + seed)
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / rate)) * 0.2
    samples = buzz[:, None] + 0.05 * random.standard_normal((len(time), channels))
    soundfile.write(path, samples.astype(np.float32), rate)
    return path


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Rates that need resampling, two channels, a remainder too short for a chunk."""
    return [
        write_voice(tmp_path / "a.wav", 9.3, 44100, 1),
        write_voice(tmp_path / "b.wav", 6.85, 16000, 2, channels=2),
        write_voice(tmp_path / "c.flac", 4.1, 22050, 3),
    ]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.usefixtures("decoder")
def test_cloning_as_the_reference(pair: Pair, clips: list[Path], count: int) -> None:
    paths = clips[:count]
    prefix, embedding = pair.reference.get_conditioning_latents(
        [str(path) for path in paths], max_ref_length=30, gpt_cond_len=30, gpt_cond_chunk_len=4
    )
    cloned = clone(pair.ours.model, paths, coqui_compat=True)
    assert relative(cloned.voice.prefix, prefix[0]) < 1e-5
    assert relative(cloned.voice.embedding, embedding[0, :, 0]) < 1e-5


@pytest.mark.usefixtures("decoder")
def test_truncation_as_the_reference(pair: Pair, clips: list[Path]) -> None:
    settings = CloningDefaults(chunk_s=3, window_s=5, limit_s=7, normalise_peak=True)
    prefix, embedding = pair.reference.get_conditioning_latents(
        [str(path) for path in clips],
        max_ref_length=5,
        gpt_cond_len=7,
        gpt_cond_chunk_len=3,
        sound_norm_refs=True,
    )
    cloned = clone(pair.ours.model, clips, settings, coqui_compat=True)
    assert relative(cloned.voice.prefix, prefix[0]) < 1e-5
    assert relative(cloned.voice.embedding, embedding[0, :, 0]) < 1e-5
    assert cloned.prefix_s == pytest.approx(7.0)


def test_one_whole_number_of_chunks_is_the_same_either_way(pair: Pair, tmp_path: Path) -> None:
    clip = write_voice(tmp_path / "eight.wav", 8.0, 22050, 5)
    theirs = clone(pair.ours.model, [clip], coqui_compat=True).voice
    ours = clone(pair.ours.model, [clip]).voice
    torch.testing.assert_close(ours.prefix, theirs.prefix, rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.embedding, theirs.embedding, rtol=0, atol=1e-6)


@pytest.mark.usefixtures("decoder")
def test_full_width(wide_pair: Pair, clips: list[Path]) -> None:
    path = clips[2]
    prefix, embedding = wide_pair.reference.get_conditioning_latents(
        [str(path)], max_ref_length=30, gpt_cond_len=30, gpt_cond_chunk_len=4
    )
    cloned = clone(wide_pair.ours.model, [path], coqui_compat=True)
    assert relative(cloned.voice.prefix, prefix[0]) < 1e-5
    assert relative(cloned.voice.embedding, embedding[0, :, 0]) < 1e-5


def test_studio_voices(pair: Pair) -> None:
    theirs = pair.reference.speaker_manager.speakers["Ana"]
    ours = pair.ours.voices["Ana"]
    torch.testing.assert_close(ours.prefix, theirs["gpt_cond_latent"][0], rtol=0, atol=0)
    torch.testing.assert_close(ours.embedding, theirs["speaker_embedding"][0, :, 0], rtol=0, atol=0)
