"""From prompts to waveforms, whole or in pieces. T samples, D width, E embedding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.decoding import check_decoder_streams, decode
from xtts_lab.inference.delayed import frame_steps
from xtts_lab.inference.generate import (
    NOT_FINITE,
    Generation,
    Prompt,
    Step,
    check_finite,
    steps,
)
from xtts_lab.inference.kept import Kept
from xtts_lab.inference.limits import check_count, check_speed
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.model import XttsModel
from xtts_lab.nn.dvae import Dvae
from xtts_lab.nn.rvq import RvqCodec
from xtts_lab.vocoders import stages
from xtts_lab.vocoders.stages import LinearResize, Local, Stage
from xtts_lab.vocoders.streaming import VocoderStream


@dataclass(frozen=True, eq=False)
class Spoken:
    """`samples` float32 [T] on the CPU; `codes` int64 [n]; `stop` says what ended the speech.

    `tight_steps` is `Generation`'s.
    """

    samples: Tensor
    codes: Tensor
    stop: Literal["end", "limit"]
    tight_steps: int = 0


@torch.inference_mode()
def speak(
    model: XttsModel,
    prompts: Sequence[Prompt],
    embeddings: Sequence[Tensor],
    speed: float = 1.0,
    kept: Kept | None = None,
) -> list[Spoken]:
    """Speak a batch: one speaker vector [E] a prompt. Rows do not depend on each other.

    `kept`: see `generate.generate`.
    """
    check_pace(model, speed)  # before the work, not after it
    generations = decode(model, prompts, kept)
    rows = zip(generations, embeddings, prompts, strict=True)
    return [
        Spoken(
            vocode(model, g, e, p.seed, speed, p.sampling.coqui_compat),
            g.codes.cpu(),
            g.stop,
            g.tight_steps,
        )
        for g, e, p in rows
    ]


@torch.inference_mode()
def vocode(
    model: XttsModel,
    generation: Generation,
    embedding: Tensor,
    seed: int,
    speed: float = 1.0,
    coqui_compat: bool = False,
) -> Tensor:
    """One generation and a speaker vector [E] -> samples float32 [T] on the CPU.

    Raises `UsageError` for samples that are not finite.
    """
    vector = embedding.to(model.device, model.vocoder_dtype).unsqueeze(0)
    chain = before_vocoder(model, speed, coqui_compat)
    codes = generation.codes.to(model.device)  # the engine's are on the CPU
    if model.vocoder.reads == "codes":
        inputs = codes.unsqueeze(0)
    elif model.vocoder.reads == "levels":
        levels = codes.unsqueeze(0) if generation.levels is None else generation.levels
        inputs = stages.whole(chain, levels.unsqueeze(0))
    elif model.vocoder.reads == "mel":
        inputs = stages.whole(chain, codes.view(1, 1, -1))
    else:
        states = generation.states.to(model.vocoder_dtype).unsqueeze(0).transpose(1, 2)
        inputs = stages.whole(chain, states).transpose(1, 2)
    if inputs.numel() == 0 or (generation.levels is None and generation.states.shape[0] == 0):
        return torch.zeros(0)
    waveform: Tensor = model.vocoder(inputs, vector, seed)
    return _finite(waveform[0].float().cpu())


@torch.inference_mode()
def stream(
    model: XttsModel,
    prompt: Prompt,
    embedding: Tensor,
    chunk_codes: int | Schedule = 20,
    speed: float = 1.0,
    kept: Kept | None = None,
) -> Iterator[Tensor]:
    """Speak one prompt in pieces, float32 [T] each on the CPU, that join to what `speak` returns.

    A piece is made whenever `chunk_codes` further codes are there (of XTTS-v2: 46 ms each), or as
    many as a schedule says; its cost does not grow with what has been said. Raises `UsageError` for
    a vocoder that cannot stream. Under `coqui_compat` a speed just under 1 holds speech back until
    it is certain that it gets longer.
    """
    sizes = schedule_of(model, chunk_codes).sizes()
    vector = embedding.to(model.device, model.vocoder_dtype).unsqueeze(0)
    before = before_vocoder(model, speed, prompt.sampling.coqui_compat)
    vocoder = VocoderStream((*before, *model.vocoder.stages(vector)))
    waiting: list[Tensor] = []
    asked = next(sizes)
    for heard in _arriving(model, prompt, kept):
        waiting += heard
        if len(waiting) >= asked:
            yield from _nonempty(vocoder.push(torch.stack(waiting, dim=-1)))
            waiting, asked = [], next(sizes)
    if waiting:
        yield from _nonempty(vocoder.push(torch.stack(waiting, dim=-1)))
    yield from _nonempty(vocoder.finish())


def _arriving(model: XttsModel, prompt: Prompt, kept: Kept | None) -> Iterator[list[Tensor]]:
    """What the vocoder reads, step by step, as soon as it is final."""
    if model.decoder.depth > 1:
        for made in frame_steps(model.gpt, model.decoder, [prompt]):
            yield [made.codes[0]] if bool(made.ready[0]) else []
        return
    for step in steps(model.gpt, [prompt], kept):
        check_finite(step.margins)
        yield _heard(model, step)


def schedule_of(model: XttsModel, chunk_codes: int | Schedule) -> Schedule:
    """The sizes of pieces; `UsageError` for empty ones, and as `check_streams` raises."""
    if not isinstance(chunk_codes, Schedule):
        check_count("chunk_codes", chunk_codes)
        chunk_codes = Schedule(chunk_codes, 1.0, chunk_codes)
    check_streams(model)
    return chunk_codes


def check_streams(model: XttsModel) -> None:
    """Raise `UsageError` for a decoder or vocoder that needs the whole utterance."""
    check_decoder_streams(model)
    if not model.vocoder.streams:
        name = model.config.vocoder.name
        raise UsageError(f"the vocoder '{name}' cannot stream; synthesise instead")


def check_pace(model: XttsModel, speed: float) -> None:
    """Raise `UsageError` for a speed that cannot be, or that the vocoder cannot have."""
    check_speed(speed)
    if speed != 1.0 and model.vocoder.reads in ("codes", "levels"):
        name = model.config.vocoder.name
        raise UsageError(f"speed: the vocoder '{name}' reads codes, which have no other speed")


def before_vocoder(model: XttsModel, speed: float, coqui_compat: bool = False) -> tuple[Stage, ...]:
    """From codes [1, l, n] or states [1, D, n] to what the vocoder reads, [1, C, W].

    `speed` over 1 shortens the speech by shrinking states or mel along time, as the reference does
    with its states. Where that leaves their number as it is, the reference does nothing, which is
    followed under `coqui_compat`: it makes speech of speeds like .99 depend on its length.
    """
    check_pace(model, speed)
    made: list[Stage] = []
    if model.vocoder.reads == "mel":
        dvae = _dvae(model)
        made.append(Local(partial(_log_mel, dvae), dvae.config.stride, dvae.config.context_codes))
    if model.vocoder.reads == "levels":
        codec = _codec(model)
        made.append(Local(partial(_sound, codec), codec.code_hop, codec.context_codes))
    if speed != 1.0:
        made.append(LinearResize(1.0 / speed, keeps_equal=coqui_compat))
    return tuple(made)


def _log_mel(dvae: Dvae, codes: Tensor) -> Tensor:
    """Codes [B, 1, W] -> log mel [B, M, W * stride], its scale restored."""
    return dvae.log_mel(codes[:, 0])


def _sound(codec: RvqCodec, codes: Tensor) -> Tensor:
    """Codes [B, l, W] -> samples [B, 1, W * code_hop]."""
    return codec.decode(codes.clamp(max=codec.config.codes - 1)).unsqueeze(1)


def _codec(model: XttsModel) -> RvqCodec:
    if model.codec is None:
        name = model.config.vocoder.name
        raise UsageError(f"the vocoder '{name}' needs a residual codec; the checkpoint has none")
    return model.codec


def _dvae(model: XttsModel) -> Dvae:
    if model.dvae is None:
        name = model.config.vocoder.name
        raise UsageError(f"the vocoder '{name}' needs the checkpoint's DVAE (dvae.pth)")
    return model.dvae


def _heard(model: XttsModel, step: Step) -> list[Tensor]:
    """What the vocoder reads of a step of one row: its state [D], or its code [1] but the stop."""
    if model.vocoder.reads == "states":
        return [step.states[0].to(model.vocoder_dtype)]
    return [] if int(step.codes[0]) == model.gpt.config.stop_audio else [step.codes]


def _nonempty(samples: Tensor) -> Iterator[Tensor]:
    if samples.shape[0]:
        yield _finite(samples.float().cpu())


def _finite(samples: Tensor) -> Tensor:
    if not bool(torch.isfinite(samples).all()):
        raise UsageError(NOT_FINITE)
    return samples
