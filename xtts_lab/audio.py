"""Audio files in and out, resampling and content hashes. T samples, C channels."""

from __future__ import annotations

import io
import math
import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import files
from xtts_lab.files import sha256 as sha256
from xtts_lab.types import Audio

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MOST_KEPT = 1_000_000
"""Elements of a filter that is kept; two rates that share no divisor take gigabytes."""


class AudioError(ValueError):
    """An audio file that cannot be used; the message is one line and names the file."""


def load(path: Path, sample_rate: int | None = None) -> Audio:
    """Read WAV, FLAC, Ogg (Vorbis, Opus) or MP3 as mono float32 [T], resampled to `sample_rate`.

    Channels are averaged. Raises `AudioError` for what is absent, unreadable, empty or not finite.
    """
    import soundfile
    import torch

    require_file(path)
    try:
        samples, rate = soundfile.read(os.fsencode(path), dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise unreadable(path, error) from error
    if samples.shape[0] == 0:
        raise AudioError(f"{path.name}: holds no samples")
    mono = torch.from_numpy(samples).mean(dim=1)
    if not bool(torch.isfinite(mono).all()):
        raise AudioError(f"{path.name}: holds samples that are not finite")
    audio = Audio(mono, int(rate))
    return audio if sample_rate is None else resample(audio, sample_rate)


def duration_s(path: Path) -> float:
    """Return the seconds of a file as its header has them; `AudioError` where it has none."""
    import soundfile

    require_file(path)
    try:
        return float(soundfile.info(os.fsencode(path)).duration)
    except (OSError, RuntimeError) as error:
        raise unreadable(path, error) from error


def resample(audio: Audio, sample_rate: int) -> Audio:
    """Resample with torchaudio's windowed sinc, as the published models were trained with."""
    if audio.sample_rate == sample_rate:
        return audio
    return Audio(resampled(audio.samples, audio.sample_rate, sample_rate), sample_rate)


def resampled(samples: Tensor, source: int, target: int) -> Tensor:
    """Return float32 samples [T] at `source` Hz as [T'] at `target` Hz.

    To the bit as `torchaudio.functional.resample`, whose filter is made once for usual rates.
    """
    divisor = math.gcd(source, target)
    steps = (source // divisor, target // divisor)
    make = _filter if steps[0] * steps[1] <= MOST_KEPT else _filter.__wrapped__
    converted: Tensor = make(*steps, samples.device)(samples)
    return converted


@lru_cache(maxsize=32)
def _filter(source: int, target: int, device: torch.device) -> Any:
    import torch

    from xtts_lab.torchaudio_cpu import import_torchaudio

    # The type is that of the samples: by default, the filter is more precise than functional's.
    made = import_torchaudio("transforms").Resample(source, target, dtype=torch.float32)
    return made.to(device)


def save(path: Path, audio: Audio, comment: str = "", title: str = "") -> None:
    """Write 16-bit WAV atomically: the file is there whole or not at all.

    See `pcm16` for the samples. `comment` and `title` go into the WAV's INFO chunk.
    Raises `AudioError` for samples that are not a finite, non-empty [T].
    """
    import soundfile
    import torch

    samples = audio.samples.detach().to("cpu", torch.float32)
    if samples.ndim != 1 or samples.numel() == 0 or not bool(torch.isfinite(samples).all()):
        raise AudioError(
            f"audio of shape {tuple(samples.shape)} is empty, not mono, or not finite: not written"
        )
    pcm = pcm16(samples).numpy()

    # By way of memory: libsndfile waits for the disk when it closes a file, milliseconds a trial.
    made = io.BytesIO()
    with soundfile.SoundFile(
        made, "w", audio.sample_rate, 1, subtype="PCM_16", format="WAV"
    ) as file:
        if comment:
            file.comment = comment
        if title:
            file.title = title
        file.write(pcm)
    files.write_bytes(path, made.getvalue())


def pcm16(samples: Tensor) -> Tensor:
    """Return samples as int16, clipped to [-1, 1): what `load` read of 16-bit audio, exactly."""
    import torch

    return (samples * 32768.0).round().clamp(-32768.0, 32767.0).to(torch.int16)


def comment_of(path: Path) -> str:
    """Return the comment in an audio file's metadata, empty where there is none.

    Raises `AudioError` for a file that cannot be read.
    """
    import soundfile

    require_file(path)
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            return str(file.comment)
    except (OSError, RuntimeError) as error:
        raise unreadable(path, error) from error


def require_file(path: Path) -> None:
    """Raise `AudioError` for what is no regular file: a pipe would block, a device never end."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = _reason(error)
    else:
        if stat.S_ISREG(mode):
            return
        reason = "it is a folder" if stat.S_ISDIR(mode) else "it is no regular file"
    raise AudioError(f"{_short(path.name)}: cannot be read as audio ({reason})")


def unreadable(path: Path, error: BaseException) -> AudioError:
    """Return what to raise where libsndfile could not read a file."""
    return AudioError(f"{path.name}: cannot be read as audio ({_reason(error)})")


def _reason(error: BaseException) -> str:
    # libsndfile's messages repeat the absolute path, which would differ from run to run.
    absent = isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError)
    if absent or "System error" in str(error):
        return "no such file, or no right to read it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = str(error)
    return text.rsplit(": ", 1)[-1].rstrip(".") or type(error).__name__


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:77]}..."


def content_of(path: Path) -> str:
    """Return what a recording is known by: its SHA-256, for a file may be replaced."""
    require_file(path)
    return sha256(path)
