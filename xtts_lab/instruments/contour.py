"""F0 and mel cepstra over time, compact: what comparing with a natural recording needs."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import audio
from xtts_lab.instruments import cepstrum, compiled, f0
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.frames import HOP_S, levels_dbfs, speech_span, too_long
from xtts_lab.types import Failure, Json

if TYPE_CHECKING:
    import numpy as np

_VERSION = 1  # raise when the output for a clip can change
MIN_S = 0.1
MAX_S = 60.0
"""Alignment takes memory with the product of two clips' lengths: 300 MB at a minute each."""
CEPSTRUM_STEP = 1.0 / 4096.0
SEMITONE_STEP = 0.01
UNVOICED = -32768


class Contour(BaseInstrument):
    """Follow a clip from its first to its last speech in steps of 10 ms.

    About 3.7 kB a second, so metrics ask for it only where there is something to compare with.
    Every field stays the same under a gain and under silence before and after.

    Output: `frames`, `hop_s`; `f0_semitones` re 100 Hz in steps of 0.01, -32768 where unvoiced, and
    `cepstra`, c_1..c_13 (see `cepstrum`) frame by frame in steps of 1/4096: little-endian int16 in
    base64, as [frames] and [frames, 13].
    """

    side_by_side = True
    prepare = staticmethod(compiled.prepare)

    def __init__(self) -> None:
        """No settings."""

    @property
    def identity(self) -> Mapping[str, Json]:
        return {
            "name": "contour",
            "bands": cepstrum.BANDS,
            "order": cepstrum.ORDER,
            "range_db": cepstrum.RANGE_DB,
            "library": f"librosa {version('librosa')}",
            "version": _VERSION,
        }

    def judge(self, path: Path) -> dict[str, Json] | Failure:
        """Return the output; a clip without `MIN_S` of sound is a `Failure`."""
        return _measure(path)


def _measure(path: Path) -> dict[str, Json] | Failure:
    import numpy as np

    loaded = audio.load(path, f0.SAMPLE_RATE)
    if loaded.duration_s > MAX_S:
        return Failure(f"{path.name}: {too_long(loaded.duration_s, MAX_S)}")
    samples = loaded.samples.numpy()
    speech = speech_span(levels_dbfs(samples, f0.SAMPLE_RATE))
    if speech is None or (speech.stop - speech.start) * HOP_S < MIN_S:
        return Failure(f"{path.name}: silent, or under {MIN_S} s of sound")
    tones = f0.semitones(f0.track(samples)[speech]) / SEMITONE_STEP
    cepstra = cepstrum.mel_cepstra(samples)[speech] / CEPSTRUM_STEP
    return {
        "frames": len(tones),
        "hop_s": HOP_S,
        "f0_semitones": pack(np.where(np.isfinite(tones), tones, UNVOICED)),
        "cepstra": pack(cepstra),
    }


def pack(values: Any) -> str:
    """Return numbers rounded to int16, little-endian, in base64; what does not fit is clipped."""
    import numpy as np

    whole: np.ndarray[Any, Any] = np.rint(np.clip(values, -32768, 32767)).astype("<i2")
    return base64.b64encode(whole.tobytes()).decode("ascii")
