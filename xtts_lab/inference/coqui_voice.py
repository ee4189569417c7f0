"""From references to a voice as the reference implementation does it, for comparisons.

It truncates, so that later references vanish from the prefix, averages unweighted, and hears
silence as it hears speech.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch

from xtts_lab.conditioners.references import StreamResampler, WeightedMean
from xtts_lab.conditioners.silence import sound_s
from xtts_lab.inference.hearing import SILENT, ClonedVoice, source_of, too_short, unusable
from xtts_lab.model import CloningDefaults, XttsModel
from xtts_lab.nn.speaker_encoder import SpeakerEncoder
from xtts_lab.types import Voice

KNOWN_TO_COQUI = ("perceiver", "encoder_sequence")
"""The conditioners that the reference implementation has, of XTTS-v2 and v1."""


def clone_as_coqui(
    model: XttsModel, references: Sequence[Path], settings: CloningDefaults
) -> ClonedVoice:
    """Return a voice as `get_conditioning_latents` makes it; a model without a speaker encoder,
    which the reference implementation has not, gets no embedding.

    Raises `UsageError` where nothing is long enough, or all is silent: the reference goes on then.
    """
    intake, encoder = model.conditioner.intake, model.speaker_encoder
    rate = intake.sample_rate
    sources = [source_of(p, rate, settings, settings.window_s) for p in references]
    clips = [source.whole() for source in sources]
    vector = torch.zeros(0) if encoder is None else _embedding(encoder, clips, rate, model.device)
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
    silent = not any(sound_s(c, rate, s.gain) for c, s in zip(clips, sources, strict=True))
    if prefix.empty or silent:
        problem = SILENT if silent else too_short(settings.min_chunk_s)
        raise unusable([f"{path.name}: {problem}" for path in references])
    spoken_s = sum(clip.shape[0] for clip in clips) / rate
    return ClonedVoice(Voice(prefix.value(), vector), seconds, spoken_s)


def _embedding(
    encoder: SpeakerEncoder, clips: Sequence[torch.Tensor], rate: int, device: torch.device
) -> torch.Tensor:
    mean = WeightedMean()
    for clip in clips:
        resampler = StreamResampler(rate, encoder.config.sample_rate)
        samples = torch.cat([resampler.push(clip), resampler.finish()])
        mean.add(encoder(samples.to(device).unsqueeze(0))[0], 1.0)
    return mean.value()
