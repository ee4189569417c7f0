"""How much of a reference is sound. T samples."""

from __future__ import annotations

from torch import Tensor

SILENT_PEAK = 1e-4
"""Half the range of samples, of full scale (-80 dBFS), up to which nothing is heard: three steps of
16-bit audio. Half the range, and not the magnitude, for a constant is no sound either."""

FRAME_S = 0.1
"""Shorter gaps belong to speech."""


def sound_s(samples: Tensor, sample_rate: int, gain: float = 1.0) -> float:
    """Return the seconds of samples [T], already scaled by `gain`, whose frames hold sound."""
    length = int(FRAME_S * sample_rate)
    whole = samples.shape[0] // length * length
    floor = 2.0 * SILENT_PEAK * gain
    heard = 0
    if whole:
        low, high = samples[:whole].view(-1, length).aminmax(dim=1)
        heard += int((high - low > floor).sum()) * length
    rest = samples[whole:]
    if rest.shape[0] and float(rest.max() - rest.min()) > floor:
        heard += rest.shape[0]
    return heard / sample_rate
