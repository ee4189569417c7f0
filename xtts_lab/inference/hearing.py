"""References, heard once: the means over their chunks, and which of them are of use.

T samples. A file is read block by block and cut into chunks for the conditioner and for the speaker
encoder at the same time; what they make of the chunks is averaged, weighted by seconds of sound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from xtts_lab.conditioners.references import Chunker, Source, StreamResampler, WeightedMean
from xtts_lab.conditioners.silence import SILENT_PEAK, sound_s
from xtts_lab.errors import UsageError
from xtts_lab.model import CloningDefaults, XttsModel
from xtts_lab.types import Reference, Voice

PEAK = 0.75
SILENT = f"is silent (nothing above {20 * math.log10(SILENT_PEAK):.0f} dBFS)"

LONGEST_CHUNK_S = 60.0
"""No chunk that is averaged is longer: memory stays flat."""

JUDGED_S = 1.0
"""So much of a file is read at least, to tell whether it holds sound."""


@dataclass(frozen=True, eq=False)
class ClonedVoice:
    """A voice and what it was made of: seconds of sound in prefix and embedding.

    `left_out` has a line for each reference that could not be used beside others.
    """

    voice: Voice
    prefix_s: float
    embedding_s: float
    left_out: tuple[str, ...] = ()


class Mean:
    """The mean, weighted by seconds of sound, of what a module makes of a stream's chunks."""

    def __init__(
        self,
        module: Callable[[Tensor], Tensor] | None,
        device: torch.device,
        sample_rate: int,
        chunk_s: float,
    ) -> None:
        self.module, self.device, self.sample_rate = module, device, sample_rate
        # Without a module nothing is kept, so the length does not matter.
        self.length = int(min(chunk_s, LONGEST_CHUNK_S) * sample_rate)
        self.mean = WeightedMean()

    @property
    def seconds(self) -> float:
        """Of sound in the mean."""
        return self.mean.weight

    def of_file(self, gain: float, shortest_s: float) -> FileMean:
        """Begin the part of the mean that a file is."""
        return FileMean(self, gain, shortest_s)


class FileMean:
    """A file's part of a mean, which `keep` adds to it; nothing, where there is no module."""

    def __init__(self, whole: Mean, gain: float, shortest_s: float) -> None:
        self.whole, self.gain, self.shortest_s = whole, gain, shortest_s
        self.mean = WeightedMean()
        self.heard_s = 0.0

    def add(self, chunk: Tensor) -> None:
        """Take a chunk [T]."""
        rate = self.whole.sample_rate
        seconds = sound_s(chunk, rate, self.gain)
        self.heard_s += seconds
        if self.whole.module is None or chunk.shape[0] < self.shortest_s * rate or not seconds:
            return
        self.mean.add(self.whole.module(chunk.to(self.whole.device).unsqueeze(0))[0], seconds)

    def keep(self) -> None:
        """Add the part to the whole."""
        self.whole.mean.merge(self.mean)


def hear(
    model: XttsModel,
    references: Sequence[Reference],
    prefix: Mean,
    embedding: Mean,
    settings: CloningDefaults,
) -> tuple[list[Reference], list[str]]:
    """Feed references to both means; return those that are used, and a line for each other."""
    kept: list[Reference] = []
    left_out: list[str] = []
    left_s = _needed_s(model, settings)
    for reference in references:
        if left_s <= 0.0:
            break
        judged_s = max(left_s, JUDGED_S)
        source = source_of(reference.audio, prefix.sample_rate, settings, judged_s)
        used_s, problem = _add_reference(prefix, embedding, source, settings.min_chunk_s)
        if problem is None:
            kept.append(reference)
            left_s -= used_s
        else:
            left_out.append(f"{reference.audio.name}: {problem}")
    return kept, left_out


def _needed_s(model: XttsModel, settings: CloningDefaults) -> float:
    """Return how many seconds of references matter: all, where something is a mean over them."""
    intake = model.conditioner.intake
    averaged = intake.reads == "audio" and intake.pooling == "mean"
    if averaged or intake.reads == "speaker" or model.vocoder.uses_speaker:
        return math.inf
    return settings.window_s if intake.reads == "nothing" else intake.max_s


def _add_reference(
    prefix: Mean, embedding: Mean, source: Source, shortest_s: float
) -> tuple[float, str | None]:
    """Feed one file to both means, reading it once; return its seconds, and why it is of no use."""
    resampler = StreamResampler(prefix.sample_rate, embedding.sample_rate)
    chunks, windows = Chunker(prefix.length), Chunker(embedding.length)
    of_prefix = prefix.of_file(source.gain, shortest_s)
    of_embedding = embedding.of_file(source.gain, shortest_s)
    length = 0
    for block in source.blocks():
        length += block.shape[0]
        for chunk in chunks.push(block):
            of_prefix.add(chunk)
        for window in windows.push(resampler.push(block)):
            of_embedding.add(window)
    for window in windows.push(resampler.finish()):
        of_embedding.add(window)
    of_prefix.add(chunks.rest())
    of_embedding.add(windows.rest())
    seconds = length / prefix.sample_rate
    problem = _problem(of_prefix, of_embedding, seconds)
    if problem is None:
        of_prefix.keep()
        of_embedding.keep()
    return seconds, problem


def _problem(prefix: FileMean, embedding: FileMean, seconds: float) -> str | None:
    shortest_s = prefix.shortest_s
    if prefix.heard_s == 0.0 and seconds >= shortest_s:
        return SILENT
    means = [part.mean for part in (prefix, embedding) if part.whole.module is not None]
    if any(mean.empty for mean in means) or prefix.heard_s < shortest_s:
        return too_short(shortest_s)
    return None


def too_short(shortest_s: float) -> str:
    """Say in a phrase what is wrong with a file of less sound than that."""
    return f"nothing is as long as {shortest_s} s"


def source_of(
    path: Path, rate: int, settings: CloningDefaults, limit_s: float = math.inf
) -> Source:
    """Return a file as cloning reads it: its first `limit_s`, the peak normalised if asked for."""
    source = Source(path, rate, limit_s=limit_s)
    if not settings.normalise_peak:
        return source
    return Source(path, rate, gain=PEAK / max(source.peak(), 1e-9), limit_s=limit_s)


def unusable(lines: Sequence[str]) -> UsageError:
    """Return what to raise where no reference is of use; one line says why of each."""
    return UsageError(f"references: {'; '.join(lines)}; give recordings of speech")
