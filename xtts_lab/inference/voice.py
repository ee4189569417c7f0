"""From references to a voice. T samples, N prefix, D width, E embedding.

Ours: each reference is cut into chunks, and both halves of the voice are means over the chunks of
all references, weighted by duration, whatever their number, length and order. The reference
implementation truncates instead, so that later references vanish from the prefix, and averages
unweighted; `coqui_compat` does that. Conditioners whose prefix is no mean get references joined,
up to a declared maximum (see `conditioners.base.Intake`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from xtts_lab.conditioners.references import Chunker, Source, StreamResampler, WeightedMean
from xtts_lab.errors import UsageError
from xtts_lab.inference.transcripts import first_part
from xtts_lab.model import CloningDefaults, XttsModel
from xtts_lab.nn.dvae import Dvae
from xtts_lab.types import Reference, Voice

PEAK = 0.75
KNOWN_TO_COQUI = ("perceiver", "encoder_sequence")
"""The conditioners that the reference implementation has, of XTTS-v2 and v1."""

LONGEST_CHUNK_S = 60.0
"""No chunk that is averaged is longer: memory stays flat."""


@dataclass(frozen=True, eq=False)
class ClonedVoice:
    """A voice and what it was made of: seconds of reference audio in prefix and embedding."""

    voice: Voice
    prefix_s: float
    embedding_s: float


@torch.inference_mode()
def clone(
    model: XttsModel,
    given: Sequence[Path | Reference],
    settings: CloningDefaults | None = None,
    coqui_compat: bool = False,
) -> ClonedVoice:
    """Make a voice of references (audio files of any format, rate and length).

    Memory does not grow with their length. Raises `AudioError` for files that cannot be read and
    `UsageError` where nothing is long enough to use, or a text is missing that the model reads.
    """
    references = [r if isinstance(r, Reference) else Reference(r) for r in given]
    if not references:
        if model.conditioner.intake.reads == "nothing" and not model.vocoder.uses_speaker:
            return _voice_of_nobody(model)
        raise UsageError("references: none given; name at least one audio file")
    settings = settings or model.config.cloning
    paths = [reference.audio for reference in references]
    as_coqui = coqui_compat and model.config.conditioner.name in KNOWN_TO_COQUI
    cloned = (_clone_as_coqui if as_coqui else _clone)(model, paths, settings)
    if cloned is None:
        raise UsageError(
            f"references: {', '.join(path.name for path in paths)}: nothing is as long as "
            f"{settings.min_chunk_s} s; give longer recordings"
        )
    return _with_text(cloned, references) if model.conditioner.continues else cloned


def _voice_of_nobody(model: XttsModel) -> ClonedVoice:
    prefix = _condition(model, torch.zeros(1, 0, device=model.device))
    nobody = torch.zeros(model.config.sizes.embedding)
    return ClonedVoice(Voice(prefix, nobody), 0.0, 0.0)


def _with_text(cloned: ClonedVoice, references: Sequence[Reference]) -> ClonedVoice:
    """Add what the audio behind the codes says: transcripts up to where the codes end."""
    text = first_part(references, cloned.prefix_s)
    voice = Voice(cloned.voice.prefix, cloned.voice.embedding, None, text, references[0].language)
    return ClonedVoice(voice, cloned.prefix_s, cloned.embedding_s)


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
    if any(not voice.prefix.is_floating_point() for voice, _ in voices):
        raise UsageError("voices: a prefix of codes cannot be blended; use another conditioner")
    shapes = {tuple(voice.prefix.shape) for voice, _ in voices}
    if len(shapes) > 1:
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
    """The duration-weighted mean of what a module makes of a stream's chunks; idle without one."""

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
        self.seconds = 0.0

    def add(self, chunk: Tensor, shortest_s: float) -> None:
        if self.module is None or chunk.shape[0] < shortest_s * self.sample_rate:
            return
        seconds = chunk.shape[0] / self.sample_rate
        self.mean.add(self.module(chunk.to(self.device).unsqueeze(0))[0], seconds)
        self.seconds += seconds


def _clone(
    model: XttsModel, references: Sequence[Path], settings: CloningDefaults
) -> ClonedVoice | None:
    intake = model.conditioner.intake
    encoder = model.speaker_encoder
    embedding = _Mean(encoder, model.device, encoder.config.sample_rate, settings.window_s)
    averaged = intake.reads == "audio" and intake.pooling == "mean"
    rate = intake.sample_rate
    chunk_s = settings.chunk_s if intake.chunk_s is None else intake.chunk_s
    prefix = _Mean(model.conditioner if averaged else None, model.device, rate, chunk_s)
    for path in references:
        _add_reference(prefix, embedding, _source(path, rate, settings), settings.min_chunk_s)
    if embedding.mean.empty or (averaged and prefix.mean.empty):
        return None
    vector = _scaled(embedding.mean.value(), torch.ones(()))
    if averaged:
        made = prefix.mean.value(), prefix.seconds
    elif intake.reads == "speaker":
        made = _condition(model, vector.unsqueeze(0)), embedding.seconds
    elif intake.reads == "nothing":
        made = _condition(model, torch.zeros(1, 0)), 0.0
    else:
        found = _of_joined(model, references, settings, chunk_s)
        if found is None:
            return None
        made = found
    return ClonedVoice(Voice(made[0], vector), made[1], embedding.seconds)


def _condition(model: XttsModel, inputs: Tensor) -> Tensor:
    """Inputs of one row -> its prefix [N, D], or codes [N], on the CPU."""
    given = inputs.to(model.device)
    given = given.to(model.dtype) if given.is_floating_point() else given
    made: Tensor = model.conditioner(given)[0]
    # A copy: what a conditioner returns may be a view of its weights.
    made = made.detach().clone()
    return made.float().cpu() if made.is_floating_point() else made.cpu()


def _of_joined(
    model: XttsModel, references: Sequence[Path], settings: CloningDefaults, chunk_s: float
) -> tuple[Tensor, float] | None:
    """The prefix of references one after the other, up to the maximum; with its seconds."""
    intake = model.conditioner.intake
    dvae = _dvae(model) if intake.reads == "codes" else None
    rate = intake.sample_rate if dvae is None else dvae.sample_rate
    joined = _joined(references, rate, settings, intake.max_s)
    whole = math.isinf(chunk_s) or dvae is not None
    chunks = [joined] if whole else torch.split(joined, int(chunk_s * rate))
    used = [chunk for chunk in chunks if chunk.shape[0] >= settings.min_chunk_s * rate]
    if not used:
        return None
    parts = [chunk.to(model.device, model.dtype).unsqueeze(0) for chunk in used]
    if dvae is not None:
        parts = [dvae(part) for part in parts]
    seconds = sum(chunk.shape[0] for chunk in used) / rate
    return torch.cat([_condition(model, part) for part in parts]), seconds


def _dvae(model: XttsModel) -> Dvae:
    if model.dvae is None:
        raise UsageError(
            f"the conditioner '{model.config.conditioner.name}' needs the checkpoint's DVAE "
            "(dvae.pth)"
        )
    return model.dvae


def _joined(
    references: Sequence[Path], rate: int, settings: CloningDefaults, max_s: float
) -> Tensor:
    """The first `max_s` seconds of references one after the other; the rest is not read."""

    def clips() -> Iterator[Tensor]:
        left_s = max_s
        for path in references:
            if left_s <= 0.0:
                return
            clip = _source(path, rate, settings, left_s).whole()
            left_s -= clip.shape[0] / rate
            yield clip

    return torch.cat(list(clips()))


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
    intake = model.conditioner.intake
    rate = intake.sample_rate
    clips = [_source(p, rate, settings, settings.window_s).whole() for p in references]
    embedding = WeightedMean()
    for clip in clips:
        resampler = StreamResampler(rate, model.speaker_encoder.config.sample_rate)
        samples = torch.cat([resampler.push(clip), resampler.finish()])
        embedding.add(model.speaker_encoder(samples.to(model.device).unsqueeze(0))[0], 1.0)
    joined = torch.cat(clips)
    if settings.limit_s > 0:
        joined = joined[: int(settings.limit_s * rate)]
    chunk_s = settings.chunk_s if intake.chunk_s is None else intake.chunk_s
    length = joined.shape[0] if math.isinf(chunk_s) else int(chunk_s * rate)
    prefix, seconds = WeightedMean(), 0.0
    for chunk in torch.split(joined, max(length, 1)):
        if chunk.shape[0] >= settings.min_chunk_s * rate:
            prefix.add(model.conditioner(chunk.to(model.device).unsqueeze(0))[0], 1.0)
            seconds += chunk.shape[0] / rate
    if prefix.empty:
        return None
    spoken_s = sum(clip.shape[0] for clip in clips) / rate
    return ClonedVoice(Voice(prefix.value(), embedding.value()), seconds, spoken_s)
