"""Statistics of pitch and loudness of a clip: the flat side of prosody."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from xtts_lab import audio
from xtts_lab.errors import UsageError
from xtts_lab.instruments import compiled, f0
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.frames import (
    HOP_S,
    MAX_S,
    SPEECH_RANGE_DB,
    levels_dbfs,
    speech_span,
    too_long,
)
from xtts_lab.types import Failure, Json

_VERSION = 1  # raise when the output for a clip can change
MIN_VOICED_S = 0.05
"""Statistics of F0 from less voiced speech are None."""


class Pitch(BaseInstrument):
    """Track F0 (see `f0.track`) and frame energy between the first and the last speech.

    Speech reaches from the first to the last 10 ms frame within `SPEECH_RANGE_DB` of the loudest,
    so that silence at the ends does not count.

    Output: `f0_median_hz`, `f0_median_semitones` (re 100 Hz), `f0_sd_semitones` over the voiced
    frames, None with under `MIN_VOICED_S` of them; `voiced`, their share of the speech;
    `energy_mean_dbfs`, `energy_sd_db` over the speech's frames within `SPEECH_RANGE_DB`;
    `speech_s`, pauses within included. All but the mean energy stay the same under a gain.
    """

    side_by_side = True
    prepare = staticmethod(compiled.prepare)

    def __init__(self, *, min_hz: float = f0.MIN_HZ, max_hz: float = f0.MAX_HZ) -> None:
        if not 40.0 <= min_hz < max_hz <= 2000.0:
            raise UsageError(
                f"pitch between {min_hz} and {max_hz} Hz cannot be tracked; "
                "use 40 <= min_hz < max_hz <= 2000"
            )
        self._range = {"min_hz": min_hz, "max_hz": max_hz}

    @property
    def identity(self) -> Mapping[str, Json]:
        return {
            "name": "pitch",
            **self._range,
            "speech_range_db": SPEECH_RANGE_DB,
            "library": f"librosa {version('librosa')}",
            "version": _VERSION,
        }

    def judge(self, path: Path) -> dict[str, Json] | Failure:
        """Return the output; a clip of digital silence is a `Failure`."""
        import numpy as np

        loaded = audio.load(path, f0.SAMPLE_RATE)
        if loaded.duration_s > MAX_S:
            return Failure(f"{path.name}: {too_long(loaded.duration_s, MAX_S)}")
        samples = loaded.samples.numpy()
        levels = levels_dbfs(samples, f0.SAMPLE_RATE)
        speech = speech_span(levels)
        if speech is None:
            return Failure(f"{path.name}: silent, which has no prosody")
        hertz = f0.track(samples, **self._range)[speech]
        loud = levels[speech]
        loud = loud[loud > loud.max() - SPEECH_RANGE_DB]
        return {
            **_statistics(hertz[np.isfinite(hertz)]),
            "voiced": round(float(np.isfinite(hertz).mean()), 4),
            "energy_mean_dbfs": round(float(loud.mean()), 3),
            "energy_sd_db": round(float(loud.std()), 3),
            "speech_s": round((speech.stop - speech.start) * HOP_S, 4),
        }


def _statistics(hertz: object) -> dict[str, Json]:
    """Return what describes the voiced frames' F0: [V]."""
    import numpy as np

    voiced = np.asarray(hertz)
    if len(voiced) * HOP_S < MIN_VOICED_S:
        return {"f0_median_hz": None, "f0_median_semitones": None, "f0_sd_semitones": None}
    median = float(np.median(voiced))
    return {
        "f0_median_hz": round(median, 3),
        "f0_median_semitones": round(float(f0.semitones(median)), 4),
        "f0_sd_semitones": round(float(f0.semitones(voiced).std()), 4),
    }
