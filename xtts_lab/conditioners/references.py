"""References of any number and length, cut into chunks in flat memory.

T samples. A file is read block by block, resampled on the fly and cut into chunks, so that an hour
of references costs no more memory than a few seconds. The resampler is exact: its output is that of
resampling the whole file at once (each block brings the samples that the filter reaches over).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xtts_lab.audio import AudioError, require_file, resampled, unreadable

BLOCK_S = 4.0
FILTER_WIDTH = 6  # torchaudio's defaults
ROLLOFF = 0.99


class StreamResampler:
    """torchaudio's windowed-sinc resampling, fed in blocks of any size.

    `push` returns what has become certain, `finish` the rest; joined they equal
    `torchaudio.functional.resample` of the joined input, because every piece is computed with all
    the neighbours that the filter reaches and starts on a multiple of the (reduced) input rate,
    where the filter's phases repeat.
    """

    def __init__(self, sample_rate: int, new_rate: int) -> None:
        divisor = math.gcd(sample_rate, new_rate)
        self.step_in, self.step_out = sample_rate // divisor, new_rate // divisor
        self.identity = self.step_in == self.step_out
        slowest = min(self.step_in, self.step_out) * ROLLOFF
        reach = math.ceil(FILTER_WIDTH * self.step_in / slowest)
        # Context in whole steps, one more than the filter needs: its support is half-open.
        self.context = -(-reach // self.step_in) + 1
        self.held = torch.zeros(0)
        self.left = 0  # steps of already used context at the head of `held`

    def push(self, samples: Tensor) -> Tensor:
        """Take samples [T]; return those of the output [T'] that later input cannot change."""
        if self.identity:
            return samples
        self.held = torch.cat([self.held, samples])
        ready = self.held.shape[0] // self.step_in - self.left - self.context
        if ready <= 0:
            return samples[:0]
        window = self.held[: (self.left + ready + self.context) * self.step_in]
        piece = resampled(window, self.step_in, self.step_out)
        start = self.left * self.step_out
        keep = min(self.left + ready, self.context)
        self.held = self.held[(self.left + ready - keep) * self.step_in :].clone()
        self.left = keep
        return piece[start : start + ready * self.step_out]

    def finish(self) -> Tensor:
        """Return the output's end [T']; the resampler is spent."""
        if self.identity or self.held.shape[0] <= self.left * self.step_in:
            return self.held[:0]
        whole = resampled(self.held, self.step_in, self.step_out)
        return whole[self.left * self.step_out :]


class Chunker:
    """Cuts a stream of samples into chunks of one length; `rest` is what is left over."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.parts: list[Tensor] = []
        self.held = 0

    def push(self, samples: Tensor) -> Iterator[Tensor]:
        """Take samples [T]; yield the chunks [length] that they complete."""
        while self.held + samples.shape[0] >= self.length:
            head = samples[: self.length - self.held]
            yield torch.cat([*self.parts, head])
            samples = samples[head.shape[0] :]
            self.parts, self.held = [], 0
        if samples.shape[0]:
            self.parts.append(samples)
            self.held += samples.shape[0]

    def rest(self) -> Tensor:
        """Return the unfinished last chunk [T], possibly empty."""
        return torch.cat(self.parts) if self.parts else torch.zeros(0)


@dataclass(frozen=True)
class Source:
    """A reference file, read as mono at `sample_rate`; `gain` scales it before clipping."""

    path: Path
    sample_rate: int
    gain: float = 1.0
    limit_s: float = math.inf

    def blocks(self) -> Iterator[Tensor]:
        """Yield the samples [T] block by block, clipped to [-1, 1] as the reference does.

        Raises `AudioError` for a file that is absent, unreadable, empty or not finite.
        """
        left = self.limit_s * self.sample_rate
        left = left if math.isinf(left) else int(left)
        for block in _resampled(self.path, self.sample_rate):
            if block.shape[0]:
                block = block[: int(min(left, block.shape[0]))]
                left -= block.shape[0]
                yield (
                    (block.clamp(-1.0, 1.0) * self.gain) if self.gain != 1.0 else block.clamp(-1, 1)
                )
            if left <= 0:
                return

    def whole(self) -> Tensor:
        """Return all samples [T] at once: for short references only."""
        return torch.cat(list(self.blocks()))

    def peak(self) -> float:
        """Return the largest magnitude, reading the file once."""
        return max((float(block.abs().max()) for block in self.blocks()), default=0.0)


def _resampled(path: Path, sample_rate: int) -> Iterator[Tensor]:
    resampler: StreamResampler | None = None
    for block, rate in _read(path):
        if resampler is None:
            resampler = StreamResampler(rate, sample_rate)
        yield resampler.push(block)
    if resampler is None:
        raise AudioError(f"{path.name}: holds no samples")
    yield resampler.finish()


def _read(path: Path) -> Iterator[tuple[Tensor, int]]:
    import soundfile

    require_file(path)
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            rate = int(file.samplerate)
            while len(data := file.read(int(BLOCK_S * rate), dtype="float32", always_2d=True)):
                yield _mono(data, path), rate
    except (OSError, RuntimeError) as error:
        raise unreadable(path, error) from error


def _mono(data: Any, path: Path) -> Tensor:
    mono = torch.from_numpy(data).mean(dim=1)
    if not bool(torch.isfinite(mono).all()):
        raise AudioError(f"{path.name}: holds samples that are not finite")
    return mono


class WeightedMean:
    """A running mean of tensors of one shape, in float64; order changes only the last bits."""

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.weight = 0.0

    def add(self, value: Tensor, weight: float) -> None:
        scaled = value.detach().to("cpu", torch.float64) * weight
        self.total = scaled if self.total is None else self.total + scaled
        self.weight += weight

    def merge(self, other: WeightedMean) -> None:
        """Take in another mean with its weight."""
        if other.total is not None:
            self.total = other.total if self.total is None else self.total + other.total
            self.weight += other.weight

    @property
    def empty(self) -> bool:
        return self.total is None

    def value(self) -> Tensor:
        """Return the mean as float32; `ValueError` where nothing was added."""
        if self.total is None:
            raise ValueError("the mean of nothing")
        return (self.total / self.weight).float()
