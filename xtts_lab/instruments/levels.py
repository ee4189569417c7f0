"""Silence, clipping and level of a clip: cheap facts about the samples, with no model behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xtts_lab import audio
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.frames import (
    FLOOR_DBFS,
    HOP_S,
    SILENCE_DBFS,
    SPEECH_RANGE_DB,
    WINDOW_S,
    levels_dbfs,
    span,
    speech_span,
)
from xtts_lab.types import Failure, Json

_VERSION = 1  # raise when the output for a clip can change
CLIPPED = 0.999
"""Samples of at least this magnitude count as clipped: 16-bit audio reaches 0.99997."""


class Levels(BaseInstrument):
    """Measure a clip at its own sample rate; nothing is resampled.

    Output: `duration_s`; `silent`, the share of 10 ms frames below `SILENCE_DBFS`; `leading_s`,
    `trailing_s`, silence before the first and after the last frame that is not (both the whole
    clip where every frame is silent); `longest_pause_s`, the longest silence between those;
    `speech_s`, the time from the first to the last frame within `SPEECH_RANGE_DB` of the loudest,
    which a gain does not change; `clipped`, the share of samples at or above `CLIPPED`;
    `peak_dbfs`, `rms_dbfs`.
    """

    def __init__(self) -> None:
        """No settings: what counts as too silent is for a metric to say."""

    @property
    def identity(self) -> Mapping[str, Json]:
        return {
            "name": "levels",
            "silence_dbfs": SILENCE_DBFS,
            "speech_range_db": SPEECH_RANGE_DB,
            "clipped": CLIPPED,
            "window_s": WINDOW_S,
            "hop_s": HOP_S,
            "version": _VERSION,
        }

    def judge(self, path: Path) -> dict[str, Json] | Failure:
        """Return the output; only a clip that cannot be read is a `Failure`."""
        return _measure(path)


def _measure(path: Path) -> dict[str, Json]:
    import numpy as np

    loaded = audio.load(path)
    samples = loaded.samples.numpy().astype(np.float64)
    frames = levels_dbfs(samples, loaded.sample_rate)
    loud, speech = frames >= SILENCE_DBFS, speech_span(frames)
    peak = float(np.abs(samples).max())
    return {
        "duration_s": round(loaded.duration_s, 4),
        "silent": round(float(1.0 - loud.mean()), 6),
        **_pauses(loud, loaded.duration_s),
        "speech_s": round((speech.stop - speech.start) * HOP_S, 4) if speech else 0.0,
        "clipped": round(float((np.abs(samples) >= CLIPPED).mean()), 9),
        "peak_dbfs": _decibels(peak),
        "rms_dbfs": _decibels(float(np.sqrt(np.mean(samples**2)))),
    }


def _pauses(loud: object, duration_s: float) -> dict[str, Json]:
    """Return seconds of silence before, within and after what is loud: bool [F]."""
    import numpy as np

    flags = np.asarray(loud)
    inside = span(flags)
    if inside is None:
        whole = round(duration_s, 4)
        return {"leading_s": whole, "trailing_s": whole, "longest_pause_s": 0.0}
    (at,) = np.nonzero(flags)
    pauses = np.diff(at) - 1  # silent frames between each loud frame and the next
    return {
        "leading_s": round(inside.start * HOP_S, 4),
        "trailing_s": round((len(flags) - inside.stop) * HOP_S, 4),
        "longest_pause_s": round(float(pauses.max(initial=0)) * HOP_S, 4),
    }


def _decibels(amplitude: float) -> float:
    import math

    return round(max(FLOOR_DBFS, 20.0 * math.log10(max(amplitude, 1e-15))), 3)
