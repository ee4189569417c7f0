"""What differs from one recording of a speaker to the next, and says nothing of the speaker.

Drawn for each utterance apart: rate, pitch, level, noise, room, band limit. All of it is mild, and
half of the utterances have neither noise nor room nor band limit.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from xtts_lab.training.corpora.folder import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLEAN = 0.5
PEAK = 0.97


@dataclass(frozen=True)
class Nuisance:
    """Of one utterance; 0 means none for `snr_db`, `room_s` and `band_hz`.

    `rate`: tempo, 1 is the speaker's own; `pitch`: factor of all frequencies; `level_db`: RMS to
    full scale; `snr_db`: pink noise below the speech; `room_s`: time in which the reverberation
    falls by 60 dB; `band_hz`: what lies above is gone.
    """

    rate: float
    pitch: float
    level_db: float
    snr_db: float
    room_s: float
    band_hz: float


COLUMNS = tuple(Nuisance.__dataclass_fields__)


def draw(source: random.Random) -> Nuisance:
    """Return the circumstances of one utterance."""

    def between(low: float, high: float) -> float:
        return round(low + (high - low) * source.random(), 4)

    clean = source.random() < CLEAN
    noisy, roomy, narrow = (source.random() < share for share in (0.6, 0.45, 0.3))
    snr_db, room_s, band_hz = between(34, 55), between(0.06, 0.25), between(6000, 11000)
    return Nuisance(
        rate=between(0.88, 1.12),
        pitch=between(0.98, 1.02),
        level_db=between(-30, -18),
        snr_db=snr_db if noisy and not clean else 0.0,
        room_s=room_s if roomy and not clean else 0.0,
        band_hz=band_hz if narrow and not clean else 0.0,
    )


def apply(samples: NDArray[np.float32], nuisance: Nuisance, name: str) -> NDArray[np.int16]:
    """Return int16 [T'] of float32 [T] speech, both at `SAMPLE_RATE`.

    `name` (an item's id) decides the noise and the room. `rate` is up to who speaks.
    """
    import numpy as np

    source = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    speech = resampled(samples, nuisance.pitch)
    if nuisance.room_s:
        speech = _in_room(speech, nuisance.room_s, source)
    if nuisance.band_hz:
        speech = _low_pass(speech, nuisance.band_hz)
    rms = max(1e-5, float(np.sqrt(np.mean(np.square(speech, dtype=np.float64)))))
    if nuisance.snr_db:
        noise = _pink(len(speech), source)
        speech = speech + noise * (rms * 10 ** (-nuisance.snr_db / 20))
    gain = min(10 ** (nuisance.level_db / 20) / rms, PEAK / max(1e-5, float(np.abs(speech).max())))
    return pcm16(speech * np.float32(gain))


def pcm16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return float32 samples within -1 and 1 as int16."""
    import numpy as np

    pcm: NDArray[np.int16] = np.round(samples * np.float32(32767)).astype(np.int16)
    return pcm


def details(nuisance: Nuisance) -> dict[str, float]:
    """Return the columns of a plan."""
    return asdict(nuisance)


def resampled(samples: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Return the samples played `factor` times as fast, band-limited: [T] to [T / factor].

    Through the spectrum of the whole, which takes any factor and never folds back.
    """
    import numpy as np
    import scipy.fft

    length = max(1, round(len(samples) / factor))
    if length == len(samples):
        return samples
    # Silence up to lengths that have a fast transform; at most 1 in 10^4 of the factor moves.
    size = scipy.fft.next_fast_len(len(samples) + 64, real=True)
    wanted = round(size * length / len(samples))
    spectrum = scipy.fft.rfft(np.pad(samples, (0, size - len(samples))))
    kept = scipy.fft.irfft(spectrum[: wanted // 2 + 1], n=wanted)
    stretched: NDArray[np.float32] = (kept[:length] * (wanted / size)).astype(np.float32)
    return stretched


def _in_room(
    speech: NDArray[np.float32], seconds: float, source: np.random.Generator
) -> NDArray[np.float32]:
    """Add reverberation: noise that decays by 60 dB in `seconds`, 15 dB below the direct sound."""
    import numpy as np
    import scipy.signal

    count = int(seconds * SAMPLE_RATE)
    tail = source.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail *= 10 ** (-15 / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    wet: NDArray[np.float32] = scipy.signal.oaconvolve(speech, tail.astype(np.float32))
    return wet[: len(speech)]


def _low_pass(speech: NDArray[np.float32], hertz: float) -> NDArray[np.float32]:
    import numpy as np
    import scipy.signal

    sections = scipy.signal.butter(6, hertz, fs=SAMPLE_RATE, output="sos")
    return np.asarray(scipy.signal.sosfilt(sections, speech), dtype=np.float32)


def _pink(count: int, source: np.random.Generator) -> NDArray[np.float32]:
    """Return noise [count] of RMS 1 whose power falls by 3 dB an octave above 50 Hz."""
    import numpy as np
    import scipy.fft

    size = scipy.fft.next_fast_len(count, real=True)
    spectrum = scipy.fft.rfft(source.standard_normal(size, dtype=np.float32))
    hertz = np.maximum(50.0, np.fft.rfftfreq(size, 1 / SAMPLE_RATE)).astype(np.float32)
    noise = scipy.fft.irfft(spectrum / np.sqrt(hertz), n=size)[:count]
    scaled: NDArray[np.float32] = (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return scaled
