"""Mels back to samples: how near, how long, deterministic, row by row."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from xtts_lab.nn.griffin_lim import MelInverter
from xtts_lab.nn.mel import MelConfig, PowerMel

MEL = MelConfig(
    sample_rate=22050,
    n_fft=1024,
    win_length=1024,
    hop_length=256,
    bands=80,
    f_max=8000.0,
    window="hann",
    norm="slaney",
)


def voice(seed: int, frames: int = 86) -> Tensor:
    """Harmonics of a wandering pitch that swell and fade, with a little noise; [T]."""
    time = torch.arange(frames * MEL.hop_length) / MEL.sample_rate
    pitch = 120 + 40 * seed + 30 * torch.sin(2 * math.pi * 0.7 * time + seed)
    phase = 2 * math.pi * torch.cumsum(pitch, 0) / MEL.sample_rate
    buzz = torch.stack([torch.sin(k * phase) / k for k in range(1, 40)]).sum(0)
    swell = 0.6 + 0.4 * torch.sin(2 * math.pi * 3 * time)
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(seed))
    return 0.15 * buzz * swell + 0.003 * noise


def mel_of(samples: Tensor) -> Tensor:
    """The mel of [B, T] without the centred transform's last frame, [B, M, T / hop]."""
    mel: Tensor = PowerMel(MEL)(samples)
    return mel[..., :-1]


def distance(ours: Tensor, theirs: Tensor) -> float:
    """Spectral convergence: |ours - theirs| / |theirs|."""
    return float((ours - theirs).norm() / theirs.norm())


def test_the_mel_of_the_waveform_is_near_the_mel() -> None:
    samples = torch.stack([voice(seed) for seed in range(3)])
    mel = mel_of(samples)
    waveform = MelInverter(MEL)(mel)
    assert waveform.shape == samples.shape
    again = mel_of(waveform)
    assert distance(again.sqrt(), mel.sqrt()) < 0.12
    decibels = 10 * (again.clamp(min=1e-5) / mel.clamp(min=1e-5)).log10().abs()
    assert float(decibels.mean()) < 1.6


def test_the_powers_come_nearer_than_a_clamped_pseudo_inverse() -> None:
    samples, inverter = voice(1).unsqueeze(0), MelInverter(MEL)
    window = inverter.mel.window
    spectrum = torch.stft(samples, 1024, 256, 1024, window, return_complex=True).abs()[..., :-1]
    mel = mel_of(samples)
    ours = inverter.power(mel)
    clamped = (torch.linalg.pinv(inverter.mel.filters.t()) @ mel).clamp(min=0.0)
    assert float(ours.min()) >= 0.0
    assert distance(inverter.mel.filters.t() @ ours, mel) < 0.01
    assert distance(ours.sqrt(), spectrum) < 0.75 * distance(clamped.sqrt(), spectrum)


def test_more_iterations_come_nearer() -> None:
    mel = mel_of(voice(0).unsqueeze(0))
    distances = [distance(mel_of(MelInverter(MEL, n)(mel)).sqrt(), mel.sqrt()) for n in (0, 8, 32)]
    assert distances == sorted(distances, reverse=True)


@settings(max_examples=15)
@given(st.integers(0, 12), st.floats(1e-6, 1e6))
def test_any_mel_gives_a_hop_a_frame_within_1(frames: int, loudness: float) -> None:
    random = torch.Generator().manual_seed(frames)
    mel = torch.randn(2, MEL.bands, frames, generator=random) * loudness
    waveform = MelInverter(MEL, 4)(mel)
    assert waveform.shape == (2, frames * MEL.hop_length)
    assert bool((waveform.abs() <= 1.0).all())
    assert torch.equal(waveform, MelInverter(MEL, 4)(mel))


def test_silence_stays_silent() -> None:
    assert not MelInverter(MEL)(torch.zeros(1, MEL.bands, 10)).any()


def test_rows_are_independent_of_their_company() -> None:
    mel = mel_of(torch.stack([voice(seed, 30) for seed in range(3)]))
    inverter = MelInverter(MEL, iterations=2)
    together, powers = inverter(mel), inverter.power(mel)
    for row in range(3):
        alone, power = inverter(mel[row : row + 1])[0], inverter.power(mel[row : row + 1])[0]
        torch.testing.assert_close(powers[row], power, rtol=1e-3, atol=1e-6)
        # Phases multiply rounding, which another processor's products may bring.
        torch.testing.assert_close(together[row], alone, rtol=0, atol=1e-3)


def test_nothing_is_stored() -> None:
    with torch.device("meta"):
        inverter = MelInverter(MEL)
    assert not inverter.state_dict()
    assert inverter(torch.rand(1, MEL.bands, 4, device="cpu")).device.type == "cpu"


@pytest.mark.parametrize("wrong", [{"iterations": -1}, {"updates": -1}, {"momentum": 1.0}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        MelInverter(MEL, **wrong)  # type: ignore[arg-type]
