"""Levels of short frames of audio: where a clip speaks, and how loud. T samples, F frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

HOP_S = 0.01
WINDOW_S = 0.025
FLOOR_DBFS = -120.0
SILENCE_DBFS = -50.0
"""Frames below this are silence in absolute terms; room noise of a good recording lies there."""
INAUDIBLE_DBFS = -80.0
"""A clip without a frame that reaches this is no speech at any gain: it is little but 16-bit steps.

Far below `SILENCE_DBFS`, since recordings of people may be very quiet: many of FLEURS have an RMS
of -63 dBFS.
"""
SPEECH_RANGE_DB = 40.0
"""Frames within this range below the loudest are speech in relative terms, at any gain."""

MAX_S = 600.0
"""Longer clips are refused by instruments whose time or memory they would exhaust."""


def levels_dbfs(samples: Any, sample_rate: int) -> np.ndarray[Any, Any]:
    """Return the RMS level of each frame in dB re amplitude 1: float64 [F], F = 1 + T // hop.

    Frame i is the 25 ms centred at i * 10 ms; beyond the clip's ends it is zeros. A full-scale sine
    has -3.01 dBFS; nothing is below `FLOOR_DBFS`.
    """
    import numpy as np

    hop, window = round(HOP_S * sample_rate), round(WINDOW_S * sample_rate)
    squares = np.square(np.asarray(samples, dtype=np.float64))
    padded = np.pad(squares, (window // 2, window))
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    starts = np.arange(1 + len(squares) // hop) * hop
    # A difference of sums can be a rounding error below zero.
    power = np.maximum(sums[starts + window] - sums[starts], 0.0) / window
    levels: np.ndarray[Any, Any] = 10.0 * np.log10(np.maximum(power, 1e-30))
    return np.asarray(np.maximum(levels, FLOOR_DBFS))


def span(loud: Any) -> slice | None:
    """Return the frames from the first to the last loud one: bool [F] -> slice; None if none."""
    import numpy as np

    (where,) = np.nonzero(np.asarray(loud))
    return slice(int(where[0]), int(where[-1]) + 1) if len(where) else None


def speech_span(levels: Any) -> slice | None:
    """Return the frames from first to last speech, by `SPEECH_RANGE_DB`: [F] -> slice.

    Neither a gain nor silence before and after moves it. None for digital silence.
    """
    peak = float(max(levels, default=FLOOR_DBFS))
    return span(levels > peak - SPEECH_RANGE_DB) if peak > FLOOR_DBFS else None


def unusable(samples: Any, sample_rate: int, *, min_s: float) -> str | None:
    """Say why an instrument cannot judge a clip: too short, too long, silent; None if it can."""
    duration_s = len(samples) / sample_rate
    if duration_s < min_s:
        return f"too short: {duration_s:.3f} s of audio, needs {min_s} s"
    if duration_s > MAX_S:
        return too_long(duration_s, MAX_S)
    if float(levels_dbfs(samples, sample_rate).max()) < INAUDIBLE_DBFS:
        return f"silent: no frame reaches {INAUDIBLE_DBFS:.0f} dBFS"
    return None


def too_long(duration_s: float, max_s: float) -> str:
    """Say that a clip is longer than an instrument takes."""
    return f"too long: {duration_s:.0f} s of audio, takes up to {max_s:.0f} s"
