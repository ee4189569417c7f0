"""From prompts to waveforms, whole or in pieces. T samples, D width, E embedding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from xtts_lab.inference.generate import Generation, Prompt, generate, steps
from xtts_lab.model import XttsModel


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
    model: XttsModel, prompts: Sequence[Prompt], embeddings: Sequence[Tensor], speed: float = 1.0
) -> list[Spoken]:
    """Speak a batch: one speaker vector [E] a prompt. Rows do not depend on each other."""
    generations = generate(model.gpt, prompts)
    pairs = zip(generations, embeddings, strict=True)
    return [
        Spoken(vocode(model, g, e, speed), g.codes.cpu(), g.stop, g.tight_steps) for g, e in pairs
    ]


@torch.inference_mode()
def vocode(
    model: XttsModel, generation: Generation, embedding: Tensor, speed: float = 1.0
) -> Tensor:
    """States of one generation and a speaker vector [E] -> samples float32 [T] on the CPU."""
    if generation.states.shape[0] == 0:
        return torch.zeros(0)
    states = generation.states.unsqueeze(0)
    waveform: Tensor = model.vocoder(states, embedding.to(states).unsqueeze(0), speed)
    return waveform[0].float().cpu()


@torch.inference_mode()
def stream(
    model: XttsModel,
    prompt: Prompt,
    embedding: Tensor,
    chunk_codes: int = 20,
    speed: float = 1.0,
) -> Iterator[Tensor]:
    """Speak one prompt in pieces, float32 [T] each on the CPU, that join to what `speak` returns.

    A piece is made whenever `chunk_codes` further codes (46 ms each) are there; its cost does not
    grow with what has been said.
    """
    vocoder = model.vocoder.stream(embedding.to(model.device, model.dtype), speed)
    waiting: list[Tensor] = []
    for step in steps(model.gpt, [prompt]):
        waiting.append(step.states)
        if len(waiting) >= chunk_codes:
            yield from _nonempty(vocoder.push(torch.cat(waiting)))
            waiting = []
    if waiting:
        yield from _nonempty(vocoder.push(torch.cat(waiting)))
    yield from _nonempty(vocoder.finish())


def _nonempty(samples: Tensor) -> Iterator[Tensor]:
    if samples.shape[0]:
        yield samples.float().cpu()
