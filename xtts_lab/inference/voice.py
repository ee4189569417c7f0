"""From references to a voice. T samples, N prefix, D width, E embedding.

Each reference is cut into chunks, and both halves of the voice are means over the chunks of all
references, weighted by seconds of sound, whatever their number, length and order (`hearing`). The
reference implementation does otherwise (`coqui_voice`). Conditioners whose prefix is no mean get
references joined, up to a declared maximum (see `conditioners.base.Intake`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from xtts_lab.conditioners.references import WeightedMean
from xtts_lab.errors import UsageError
from xtts_lab.inference.coqui_voice import KNOWN_TO_COQUI, clone_as_coqui
from xtts_lab.inference.hearing import ClonedVoice, Mean, hear, source_of, too_short, unusable
from xtts_lab.inference.transcripts import first_part
from xtts_lab.model import CloningDefaults, XttsModel
from xtts_lab.nn.dvae import Dvae
from xtts_lab.nn.rvq import RvqCodec
from xtts_lab.types import Reference, Voice


@torch.inference_mode()
def clone(
    model: XttsModel,
    given: Sequence[Path | Reference],
    settings: CloningDefaults | None = None,
    coqui_compat: bool = False,
) -> ClonedVoice:
    """Make a voice of references (audio files of any format, rate and length).

    Memory does not grow with their length, and nothing is read beyond what is used. Silence does
    not weigh in a mean. References that are silent, or too short, are left out beside others
    (`coqui_compat` keeps them: the reference implementation does). Raises `AudioError` for files
    that cannot be read and `UsageError` where nothing is left to use, or a text is missing that the
    model reads.
    """
    references = [r if isinstance(r, Reference) else Reference(r) for r in given]
    if not references:
        if model.conditioner.intake.reads == "nothing" and not model.vocoder.uses_speaker:
            return _voice_of_nobody(model)
        raise UsageError("references: none given; name at least one audio file")
    settings = settings or model.config.cloning
    if coqui_compat and model.config.conditioner.name in KNOWN_TO_COQUI:
        return clone_as_coqui(model, [reference.audio for reference in references], settings)
    return _clone(model, references, settings)


def _voice_of_nobody(model: XttsModel) -> ClonedVoice:
    prefix = _condition(model, torch.zeros(1, 0, device=model.device))
    nobody = torch.zeros(model.config.sizes.embedding)
    return ClonedVoice(Voice(prefix, nobody), 0.0, 0.0)


def _with_text(voice: Voice, references: Sequence[Reference], seconds: float) -> Voice:
    """Add what the audio behind the codes says: transcripts up to where the codes end."""
    text = first_part(references, seconds)
    return replace(voice, text=text, language=references[0].language)


def blend(voices: Sequence[tuple[Voice, float]]) -> Voice:
    """Mix voices by weights (any scale, none negative).

    The prefix is the weighted mean; the embedding has the direction of the weighted mean and the
    weighted mean of the lengths, for a mean of unit vectors is shorter than any of them and the
    vocoder has been trained on unit vectors.
    """
    if not voices:
        raise UsageError("voices: none given to blend")
    total = sum(weight for _, weight in voices)
    if not (0.0 < total < math.inf and all(weight >= 0.0 for _, weight in voices)):
        raise UsageError("voices: the weights must be numbers from 0 up, and one must be over 0")
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


def _unit(vector: Tensor) -> Tensor:
    return _scaled(vector, torch.ones(()))


def _scaled(vector: Tensor, length: Tensor) -> Tensor:
    """Return the vector of that direction and length."""
    scale: Tensor = length / torch.linalg.vector_norm(vector).clamp(min=1e-12)
    return vector * scale


def _clone(
    model: XttsModel, references: Sequence[Reference], settings: CloningDefaults
) -> ClonedVoice:
    intake = model.conditioner.intake
    averaged = intake.reads == "audio" and intake.pooling == "mean"
    rate = intake.sample_rate
    encoder = model.speaker_encoder
    heard_at = rate if encoder is None else encoder.config.sample_rate
    embedding = Mean(encoder, model.device, heard_at, settings.window_s)
    chunk_s = settings.chunk_s if intake.chunk_s is None else intake.chunk_s
    if not chunk_s >= settings.min_chunk_s:
        raise UsageError(f"chunks of {chunk_s:g} s: must be at least {settings.min_chunk_s:g} s")
    prefix = Mean(model.conditioner if averaged else None, model.device, rate, chunk_s)
    kept, left_out = hear(model, references, prefix, embedding, settings)
    if not kept:
        raise unusable(left_out)
    vector = torch.zeros(0) if encoder is None else _unit(embedding.mean.value())
    if averaged:
        made = prefix.mean.value(), prefix.seconds
    elif intake.reads == "speaker":
        made = _condition(model, vector.unsqueeze(0)), embedding.seconds
    elif intake.reads == "nothing":
        made = _condition(model, torch.zeros(1, 0)), 0.0
    else:
        made = _of_joined(model, [r.audio for r in kept], settings, chunk_s)
    voice = Voice(made[0], vector, left_out=tuple(left_out))
    if model.conditioner.continues:
        voice = _with_text(voice, kept, made[1])
    return ClonedVoice(voice, made[1], embedding.seconds, tuple(left_out))


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
) -> tuple[Tensor, float]:
    """The prefix of references one after the other, up to the maximum; with its seconds."""
    intake = model.conditioner.intake
    coder = _coder(model) if intake.reads == "codes" else None
    rate = intake.sample_rate if coder is None else coder.sample_rate
    joined = _joined(references, rate, settings, intake.max_s)
    whole = math.isinf(chunk_s) or coder is not None
    chunks = [joined] if whole else torch.split(joined, int(chunk_s * rate))
    used = [chunk for chunk in chunks if chunk.shape[0] >= settings.min_chunk_s * rate]
    if not used:
        raise unusable([f"{path.name}: {too_short(settings.min_chunk_s)}" for path in references])
    parts = [chunk.to(model.device, model.dtype).unsqueeze(0) for chunk in used]
    if coder is not None:
        parts = [coder(part) for part in parts]
    seconds = sum(chunk.shape[0] for chunk in used) / rate
    return torch.cat([_condition(model, part) for part in parts]), seconds


def _coder(model: XttsModel) -> Dvae | RvqCodec:
    if model.coder is None:
        raise UsageError(
            f"the conditioner '{model.config.conditioner.name}' needs the checkpoint's DVAE "
            "(dvae.pth)"
        )
    return model.coder


def _joined(
    references: Sequence[Path], rate: int, settings: CloningDefaults, max_s: float
) -> Tensor:
    """The first `max_s` seconds of references one after the other; the rest is not read."""

    def clips() -> Iterator[Tensor]:
        left_s = max_s
        for path in references:
            if left_s <= 0.0:
                return
            clip = source_of(path, rate, settings, left_s).whole()
            left_s -= clip.shape[0] / rate
            yield clip

    return torch.cat(list(clips()))
