"""From references to a voice. T samples, N prefix, D width, E embedding.

Ours: each reference is cut into chunks, and both halves of the voice are means over the chunks of
all references, weighted by duration, whatever their number, length and order. The reference
implementation truncates instead, so that later references vanish from the prefix, and averages
unweighted; `coqui_compat` does that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from xtts_lab.conditioners.references import Chunker, Source, StreamResampler, WeightedMean
from xtts_lab.errors import UsageError
from xtts_lab.model import CloningDefaults, XttsModel
from xtts_lab.types import Voice

PEAK = 0.75


@dataclass(frozen=True, eq=False)
class ClonedVoice:
    """A voice and what it was made of: seconds of reference audio in prefix and embedding."""

    voice: Voice
    prefix_s: float
    embedding_s: float


@torch.inference_mode()
def clone(
    model: XttsModel,
    references: Sequence[Path],
    settings: CloningDefaults | None = None,
    coqui_compat: bool = False,
) -> ClonedVoice:
    """Make a voice of references (audio files of any format, rate and length).

    Memory does not grow with their length. Raises `AudioError` for files that cannot be read and
    `UsageError` where nothing is long enough to use.
    """
    if not references:
        raise UsageError("references: none given; name at least one audio file")
    settings = settings or model.config.cloning
    cloned = (_clone_as_coqui if coqui_compat else _clone)(model, references, settings)
    if cloned is None:
        raise UsageError(
            f"references: {', '.join(path.name for path in references)}: nothing is as long as "
            f"{settings.min_chunk_s} s; give longer recordings"
        )
    return cloned


def blend(voices: Sequence[tuple[Voice, float]]) -> Voice:
    """Mix voices by weights (any scale, none negative).

    The prefix is the weighted mean; the embedding has the direction of the weighted mean and the
    weighted mean of the lengths, for a mean of unit vectors is shorter than any of them and the
    vocoder has been trained on unit vectors.
    """
    if not voices:
        raise UsageError("voices: none given to blend")
    total = sum(weight for _, weight in voices)
    if not (total > 0.0 and all(weight >= 0.0 for _, weight in voices)):
        raise UsageError("voices: the weights must not be negative, and one must be over 0")
    shapes = {tuple(voice.prefix.shape) for voice, _ in voices}
    if len(shapes) > 1 or any(not voice.prefix.is_floating_point() for voice, _ in voices):
        raise UsageError(f"voices: prefixes of shapes {sorted(shapes)} cannot be averaged")
    prefix, embedding, length = WeightedMean(), WeightedMean(), WeightedMean()
    for voice, weight in voices:
        prefix.add(voice.prefix, weight)
        embedding.add(voice.embedding, weight)
        length.add(torch.linalg.vector_norm(voice.embedding), weight)
    return Voice(prefix.value(), _scaled(embedding.value(), length.value()))


def _scaled(vector: Tensor, length: Tensor) -> Tensor:
    scale: Tensor = length / torch.linalg.vector_norm(vector).clamp(min=1e-12)
    return vector * scale


class _Mean:
    """The duration-weighted mean of what a module makes of a stream's chunks."""

    def __init__(
        self,
        module: Callable[[Tensor], Tensor],
        device: torch.device,
        sample_rate: int,
        chunk_s: float,
    ) -> None:
        self.module, self.device, self.sample_rate = module, device, sample_rate
        self.length = int(chunk_s * sample_rate)
        self.mean = WeightedMean()
        self.seconds = 0.0

    def add(self, chunk: Tensor, shortest_s: float) -> None:
        if chunk.shape[0] < shortest_s * self.sample_rate:
            return
        seconds = chunk.shape[0] / self.sample_rate
        self.mean.add(self.module(chunk.to(self.device).unsqueeze(0))[0], seconds)
        self.seconds += seconds


def _clone(
    model: XttsModel, references: Sequence[Path], settings: CloningDefaults
) -> ClonedVoice | None:
    rate = model.conditioner.sample_rate
    speaker_rate = model.speaker_encoder.config.sample_rate
    prefix = _Mean(model.conditioner, model.device, rate, settings.chunk_s)
    embedding = _Mean(model.speaker_encoder, model.device, speaker_rate, settings.window_s)
    for path in references:
        _add_reference(prefix, embedding, _source(path, rate, settings), settings.min_chunk_s)
    if prefix.mean.empty or embedding.mean.empty:
        return None
    vector = embedding.mean.value()
    voice = Voice(prefix.mean.value(), _scaled(vector, torch.ones(())))
    return ClonedVoice(voice, prefix.seconds, embedding.seconds)


def _add_reference(prefix: _Mean, embedding: _Mean, source: Source, shortest_s: float) -> None:
    """Feed one file to both means, reading it once."""
    resampler = StreamResampler(prefix.sample_rate, embedding.sample_rate)
    chunks, windows = Chunker(prefix.length), Chunker(embedding.length)
    for block in source.blocks():
        for chunk in chunks.push(block):
            prefix.add(chunk, shortest_s)
        for window in windows.push(resampler.push(block)):
            embedding.add(window, shortest_s)
    for window in windows.push(resampler.finish()):
        embedding.add(window, shortest_s)
    prefix.add(chunks.rest(), shortest_s)
    embedding.add(windows.rest(), shortest_s)


def _source(
    path: Path, rate: int, settings: CloningDefaults, limit_s: float | None = None
) -> Source:
    source = Source(path, rate, limit_s=limit_s)
    if not settings.normalise_peak:
        return source
    return Source(path, rate, gain=PEAK / max(source.peak(), 1e-9), limit_s=limit_s)


def _clone_as_coqui(
    model: XttsModel, references: Sequence[Path], settings: CloningDefaults
) -> ClonedVoice | None:
    """The reference implementation's way, truncation and unweighted means included."""
    rate = model.conditioner.sample_rate
    clips = [_source(p, rate, settings, settings.window_s).whole() for p in references]
    embedding = WeightedMean()
    for clip in clips:
        resampler = StreamResampler(rate, model.speaker_encoder.config.sample_rate)
        samples = torch.cat([resampler.push(clip), resampler.finish()])
        embedding.add(model.speaker_encoder(samples.to(model.device).unsqueeze(0))[0], 1.0)
    joined = torch.cat(clips)
    if settings.limit_s > 0:
        joined = joined[: int(settings.limit_s * rate)]
    prefix, seconds = WeightedMean(), 0.0
    for chunk in torch.split(joined, int(settings.chunk_s * rate)):
        if chunk.shape[0] >= settings.min_chunk_s * rate:
            prefix.add(model.conditioner(chunk.to(model.device).unsqueeze(0))[0], 1.0)
            seconds += chunk.shape[0] / rate
    if prefix.empty:
        return None
    spoken_s = sum(clip.shape[0] for clip in clips) / rate
    return ClonedVoice(Voice(prefix.value(), embedding.value()), seconds, spoken_s)
