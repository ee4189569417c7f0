"""Audio files of unknown origin, read within bounds: for systems whose audio others wrote.

A hostile or broken file costs no more memory than one of `max_duration_s`. T samples, C channels.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab.audio import AudioError
from xtts_lab.types import Audio

if TYPE_CHECKING:
    from torch import Tensor

MIN_DURATION_S = 0.02  # one analysis window of speech; a lone sample is no utterance
MAX_CHANNELS = 16
MIN_RATE, MAX_RATE = 4_000, 384_000
BLOCK_S = 10.0


def read_bounded(path: Path, max_duration_s: float) -> Audio:
    """Read a file as mono float32 [T] at its own rate; channels are averaged.

    Raises `AudioError`, one line that names the file, for what is absent, no regular file,
    unreadable, empty, not finite, shorter than `MIN_DURATION_S` or longer than `max_duration_s`,
    and for rates or channels that no speech file has.
    """
    if not os.path.isfile(path):  # noqa: PTH113  a name too long for a file is no error there
        raise AudioError(f"{path.name}: no such file")
    return _read_bounded(path.name, os.fsencode(path), max_duration_s)


def read_bounded_bytes(name: str, content: bytes, max_duration_s: float) -> Audio:
    """Read what a file would hold, as `read_bounded` does; `name` stands in the errors."""
    return _read_bounded(name, io.BytesIO(content), max_duration_s)


def _read_bounded(name: str, source: bytes | io.BytesIO, max_duration_s: float) -> Audio:
    import soundfile

    try:
        with soundfile.SoundFile(source) as file:
            _check_header(name, file, max_duration_s)
            samples = _read(file, max_duration_s)
    except (OSError, RuntimeError) as error:
        reason = str(error).rsplit(": ", 1)[-1].rstrip(".") or type(error).__name__
        raise AudioError(f"{name}: cannot be read as audio ({reason})") from error
    return _checked(name, Audio(samples, int(file.samplerate)), max_duration_s)


def _check_header(name: str, file: Any, max_duration_s: float) -> None:
    rate, channels = int(file.samplerate), int(file.channels)
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(f"{name}: sampled at {rate} Hz, not at {MIN_RATE} to {MAX_RATE}")
    if channels > MAX_CHANNELS:
        raise AudioError(f"{name}: has {channels} channels, more than {MAX_CHANNELS}")
    if file.seekable() and file.frames > max_duration_s * rate:
        raise AudioError(_too_long(name, f"{file.frames / rate:.0f} s", max_duration_s))


def _read(file: Any, max_duration_s: float) -> Tensor:
    """Read at most a block more than the limit, whatever the header said."""
    import torch

    blocks: list[Tensor] = []
    size, left = int(BLOCK_S * file.samplerate), int(max_duration_s * file.samplerate) + 1
    while left > 0:
        block = file.read(min(size, left), dtype="float32", always_2d=True)
        if not len(block):
            break
        blocks.append(torch.from_numpy(block).mean(dim=1))
        left -= len(block)
    return torch.cat(blocks) if blocks else torch.zeros(0)


def _checked(name: str, audio: Audio, max_duration_s: float) -> Audio:
    if audio.samples.numel() == 0:
        raise AudioError(f"{name}: holds no samples")
    if not bool(audio.samples.isfinite().all()):
        raise AudioError(f"{name}: holds samples that are not finite")
    if audio.duration_s > max_duration_s:
        raise AudioError(_too_long(name, "longer", max_duration_s))
    if audio.duration_s < MIN_DURATION_S:
        raise AudioError(
            f"{name}: lasts {1e3 * audio.duration_s:.2g} ms, less than {1e3 * MIN_DURATION_S:g}"
        )
    return audio


def _too_long(name: str, found: str, max_duration_s: float) -> str:
    return f"{name}: lasts {found}, over the limit of {max_duration_s:g} s (max_duration_s)"
