"""What every speaker encoder checks before it judges: enough speech, and how wide its band is.

An embedding of half a second is mostly about that half second's sounds, and speech without
anything above 4 kHz (telephone, 8 kHz files) is drawn towards other such speech, whoever speaks.
The first is refused, the second marked in the output, so that reports can count it. Encoders share
these checks, so that they judge the same clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xtts_lab import audio
from xtts_lab.types import Audio, Failure, Json

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE = 16_000  # of every speaker encoder here, and of its guards
MIN_SPEECH_S = 1.0
BAND_LIMIT_HZ = 5_500.0
"""Speech that ends here or below is `band_limited`.

Telephone speech ends at 4 kHz; once resampled, images that the filter lets through reach on.
"""

_FLOOR_DB = 57.0  # a band this far below the loudest one counts as empty
_BAND_HZ = 250.0
_FFT = 1024  # 64 ms
_VAD_FRAME = 480  # 30 ms, the longest that WebRTC's VAD takes
_VAD_MODE = 3  # the strictest


@dataclass(frozen=True, eq=False)
class Speech:
    """A clip that a speaker encoder may judge: 16 kHz audio and what the guards saw."""

    audio: Audio
    speech_s: float
    bandwidth_hz: float

    @property
    def outputs(self) -> dict[str, Json]:
        """The part of an encoder's output that all encoders share."""
        return shared_outputs(self.speech_s, self.bandwidth_hz)


def shared_outputs(speech_s: float, bandwidth: float) -> dict[str, Json]:
    """Return what every encoder puts beside its embedding."""
    return {
        "speech_s": round(speech_s, 3),
        "bandwidth_hz": bandwidth,
        "band_limited": is_band_limited(bandwidth),
    }


def load_speech(path: Path, least_s: float = MIN_SPEECH_S) -> Speech | Failure:
    """Load a clip for a speaker encoder; a `Failure` where it holds under `least_s` of speech.

    Raises `audio.AudioError` for a file that cannot be used at all.
    """
    loaded = audio.load(path, SAMPLE_RATE)
    speech_s = detected_speech_s(loaded.samples)
    if speech_s < least_s:
        return too_short(path, speech_s, least_s)
    return Speech(loaded, speech_s, bandwidth_hz(loaded.samples))


def too_short(path: Path, speech_s: float, least_s: float = MIN_SPEECH_S) -> Failure:
    """Say that a clip holds too little speech."""
    return Failure(f"{path.name}: too short: {speech_s:.2f} s of speech, needs {least_s:.2f} s")


def detected_speech_s(samples: Tensor) -> float:
    """Return the seconds of [T] at 16 kHz in which WebRTC's VAD finds speech, in 30 ms frames.

    The level is brought to -30 dBFS first: the VAD is deaf to quiet clips.
    """
    import torch
    import webrtcvad

    power = float(samples.square().mean()) if samples.numel() else 0.0
    if power == 0.0:
        return 0.0
    levelled = (samples * (10.0 ** (-30.0 / 20.0) / power**0.5)).clamp(-1.0, 1.0)
    pcm = (levelled * 32767.0).round().to(torch.int16).numpy()
    vad = webrtcvad.Vad(_VAD_MODE)  # it adapts to what it hears, so every clip has its own
    starts = range(0, len(pcm) - _VAD_FRAME + 1, _VAD_FRAME)
    frames = [pcm[start : start + _VAD_FRAME].tobytes() for start in starts]
    spoken = sum(bool(vad.is_speech(frame, SAMPLE_RATE)) for frame in frames)
    return spoken * _VAD_FRAME / SAMPLE_RATE


def bandwidth_hz(samples: Tensor) -> float:
    """Return the upper edge of the highest band of [T] at 16 kHz that is not empty, in Hz.

    Bands are 250 Hz wide. A band's level is the 95th percentile of its power over 64 ms frames,
    since only fricatives reach high; it is empty 57 dB below the loudest band. 0 for silence.
    """
    import torch

    padded = torch.nn.functional.pad(samples, (0, max(0, _FFT - samples.numel())))
    window = torch.hann_window(_FFT)
    spectrum = torch.stft(
        padded, _FFT, hop_length=_FFT // 2, window=window, center=False, return_complex=True
    )
    bins = round(_BAND_HZ * _FFT / SAMPLE_RATE)
    power = spectrum.abs().square()[: _FFT // 2]  # [512, frames]; the Nyquist bin is left out
    bands = power.reshape(-1, bins, power.shape[-1]).sum(dim=1)
    levels = torch.quantile(bands.double(), 0.95, dim=1)
    loudest = float(levels.max())
    if loudest == 0.0:
        return 0.0
    filled = torch.nonzero(levels > loudest * 10.0 ** (-_FLOOR_DB / 10.0))
    return (int(filled.max()) + 1) * _BAND_HZ


def is_band_limited(bandwidth: float) -> bool:
    """Say whether a bandwidth in Hz means that the speech lacks what lies above 4 kHz."""
    return bandwidth <= BAND_LIMIT_HZ


def embedding_output(path: Path, embedding: Tensor, speech: Speech) -> dict[str, Json] | Failure:
    """Return an encoder's output for a network's embedding [E], brought to unit length."""
    import torch

    unit = torch.nn.functional.normalize(embedding.double(), dim=-1)
    if not bool(torch.isfinite(unit).all()) or not bool(unit.any()):
        return Failure(f"{path.name}: the encoder finds no voice in it")
    # Six digits: the seventh depends on how many threads summed.
    return {"embedding": [round(value, 6) for value in unit.tolist()], **speech.outputs}
