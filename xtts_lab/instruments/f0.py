"""Fundamental frequency over time. T samples, F frames, V voiced frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from xtts_lab.instruments.frames import HOP_S
from xtts_lab.instruments.pyin import tracking

if TYPE_CHECKING:
    import numpy as np

SAMPLE_RATE = 16_000
WINDOW = 1024  # 64 ms: two periods of 60 Hz and room for the lag
_BINS = 5  # pYIN's states a semitone; what lies between is found afterwards
MIN_HZ = 60.0
MAX_HZ = 600.0
_REACH = 3  # lags to either side that are looked at; half a state at 60 Hz is 1.6
REFERENCE_HZ = 100.0
"""Semitones are re 100 Hz, so that steps mean the same for low and high voices."""


def track(samples: Any, *, min_hz: float = MIN_HZ, max_hz: float = MAX_HZ) -> np.ndarray[Any, Any]:
    """Return F0 in Hz of each frame, NaN where unvoiced: 16 kHz float [T] -> float64 [F].

    F = 1 + T // 160, frame i centred at i * 10 ms. Voicing and the path are those of librosa's pYIN
    (Mauch and Dixon 2014; see `pyin.tracking`) with states of 0.2 semitones, which is a quarter of
    its default's work; each frame's value is then moved to the nearest minimum of the squared
    difference between the signal and itself one period later, found to a fraction of a sample by a
    parabola.
    A gain does not change it.
    """
    import numpy as np

    samples = np.asarray(samples, dtype=np.float64)
    hop, longest = round(HOP_S * SAMPLE_RATE), math.ceil(SAMPLE_RATE / min_hz) + _REACH
    grid = tracking.Grid(SAMPLE_RATE, WINDOW, hop, min_hz, max_hz, _BINS)
    found, voiced = tracking.track(samples, grid)
    result = np.where(voiced, found, np.nan)
    (at,) = np.nonzero(voiced)
    padded = np.pad(samples, (WINDOW // 2, WINDOW))
    result[at] = _refined(padded, at * hop, result[at], longest)
    return result


def semitones(hertz: Any) -> np.ndarray[Any, Any]:
    """Return semitones re 100 Hz; NaN stays."""
    import numpy as np

    return np.asarray(12.0 * np.log2(np.asarray(hertz, dtype=np.float64) / REFERENCE_HZ))


def _refined(samples: Any, at: Any, hertz: Any, longest: int) -> np.ndarray[Any, Any]:
    """Move each F0 to the bottom of the difference function near its lag: [V] -> [V].

    The frames begin at [V] in `samples`. The two stretches compared, `WINDOW - longest` samples a
    lag apart, lie around the frame's middle. Values whose neighbourhood has no minimum inside keep
    what they have.
    """
    import numpy as np

    from xtts_lab.instruments.pyin import kernels

    near = np.rint(SAMPLE_RATE / hertz).astype(np.int64)
    parts = kernels.parts_of(WINDOW - longest)
    difference = kernels.nearby(samples, at, near, _REACH, WINDOW, parts)
    best = difference[:, 1:-1].argmin(axis=1) + 1
    index = np.arange(len(at))
    left, middle, right = (difference[index, best + step] for step in (-1, 0, 1))
    curve = left - 2.0 * middle + right
    inside = (middle <= left) & (middle <= right) & (curve > 0.0)
    shift = np.where(inside, 0.5 * (left - right) / np.where(inside, curve, 1.0), 0.0)
    lags = near + best - _REACH
    return np.asarray(np.where(inside, SAMPLE_RATE / (lags + shift), hertz))
