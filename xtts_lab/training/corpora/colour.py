"""A speaker's own colour: formants apart from pitch, and the tilt and bends of the spectrum.

What mixing the published voices and playing them faster or slower cannot give. It belongs to the
speaker: every utterance of one has the same.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xtts_lab.training.corpora.folder import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMANTS = 0.13
"""Formants move by up to this, as a natural logarithm."""
BENDS_DB = (6.0, 4.5, 3.5)
"""The largest tilt over the whole mel scale, then of a bend in it, and of two."""

WINDOW, HOP = 1024, 256
LIFTER = 44
"""Quefrencies, in samples, that make the envelope: below the period of a voice of 500 Hz."""
MOST_GAIN = 4.0


@dataclass(frozen=True)
class Colour:
    """`formants`: factor of their frequencies; `bends_db`: see `BENDS_DB`."""

    formants: float
    bends_db: tuple[float, ...]


def drawn(source: random.Random) -> Colour:
    """Draw the colour of a speaker."""

    def around_zero(most: float) -> float:
        return most * (2 * source.random() - 1)

    formants = round(math.exp(around_zero(FORMANTS)), 5)
    return Colour(formants, tuple(round(around_zero(most), 3) for most in BENDS_DB))


def coloured(samples: NDArray[np.float32], colour: Colour) -> NDArray[np.float32]:
    """Return float32 [T] at 24 kHz in another colour: each frame's envelope is moved and bent."""
    import numpy as np
    import scipy.fft

    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    padded = np.pad(samples, (WINDOW, 2 * WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * window
    spectra = scipy.fft.rfft(frames)
    envelope = _log_envelope(spectra)
    bins = np.arange(envelope.shape[1])
    sources = np.clip(bins / colour.formants, 0, bins[-1])
    below = np.minimum(sources.astype(int), bins[-1] - 1)
    part = (sources - below).astype(np.float32)
    moved = envelope[:, below] * (1 - part) + envelope[:, below + 1] * part
    gain = np.clip(moved - envelope, -MOST_GAIN, MOST_GAIN) + _bends(colour.bends_db)
    changed = scipy.fft.irfft(spectra * np.exp(gain), n=WINDOW).astype(np.float32) * window
    return _overlapped(changed)[WINDOW : WINDOW + len(samples)]


def _log_envelope(spectra: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the smooth natural log magnitude [frames, bins], by its low quefrencies."""
    import numpy as np
    import scipy.fft

    magnitude = np.log(np.abs(spectra) + 1e-5).astype(np.float32)
    cepstrum = scipy.fft.irfft(magnitude, n=WINDOW)
    cepstrum[:, LIFTER + 1 : WINDOW - LIFTER] = 0
    return np.asarray(scipy.fft.rfft(cepstrum).real, np.float32)


def _bends(bends_db: tuple[float, ...]) -> NDArray[np.float32]:
    """Return a gain [bins], natural logarithm: cosines over the mel scale."""
    import numpy as np

    mel = np.log1p(np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE) / 700)
    place = mel / mel[-1]
    decibels = sum(b * np.cos(np.pi * (k + 1) * place) for k, b in enumerate(bends_db))
    return np.asarray(decibels * (math.log(10) / 20), np.float32)


def _overlapped(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add frames, windowed twice, at their places; squared Hann windows add to 1.5 there."""
    import numpy as np

    count = len(frames)
    total = np.zeros(HOP * (count + WINDOW // HOP), np.float32)
    for part in range(WINDOW // HOP):
        piece = frames[:, part * HOP : (part + 1) * HOP].reshape(-1)
        total[part * HOP : part * HOP + count * HOP] += piece
    return total / np.float32(1.5)
