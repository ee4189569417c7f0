"""What a model's parts cost: parameters, floating-point operations, prefix length.

Counted on modules without weights, so that it is cheap. A multiplication and an addition are two
operations; only products and convolutions count (torch's `FlopCounterMode`), not the Fourier
transforms of mel front ends and inverse STFTs, which are small beside them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from xtts_lab.conditioners.base import Conditioner
from xtts_lab.model import XttsModel
from xtts_lab.nn.gpt import Gpt, GptConfig
from xtts_lab.nn.weightless import weightless

REFERENCE_S = 6.0
"""Seconds of reference that a conditioner's operations and prefix length are stated for."""

CONTEXT = 200
"""Positions before the code whose decoding step is counted."""


@dataclass(frozen=True)
class ConditionerCost:
    """`flops` and `prefix_length` for `reference_s` seconds in one file; parameters of its own."""

    parameters: int
    flops: int
    prefix_length: int
    reference_s: float


def conditioner_cost(model: XttsModel, default_chunk_s: float) -> ConditionerCost:
    """Count a model on `meta`. The DVAE's operations count where the conditioner reads codes."""
    conditioner = model.conditioner
    intake = conditioner.intake
    chunks = _chunks(conditioner, default_chunk_s)
    flops, length = 0, 0
    for seconds in chunks:
        inputs = _inputs(model, seconds)
        with _counting(model) as count:
            if intake.reads == "codes" and model.coder is not None:
                inputs = model.coder(inputs)
            prefix = conditioner(inputs)
        flops += count()
        last = prefix.shape[1]
        length = length + last if intake.pooling == "concatenate" else last
    heard = 0.0 if intake.reads == "nothing" else sum(chunks)
    return ConditionerCost(_parameters(conditioner), flops, length, heard)


@lru_cache(maxsize=8)
def gpt_cost(config: GptConfig) -> tuple[int, int]:
    """Return the GPT's parameters, and the operations of one code with `CONTEXT` before it."""
    with weightless():
        gpt = Gpt(config)
    cache = gpt.empty_cache(1, CONTEXT + 1)
    x = torch.zeros(1, config.width, device="meta")
    with _counting(gpt) as count:
        gpt.audio_head(gpt.decode(x, torch.zeros(1, dtype=torch.long, device="meta"), cache))
    return _parameters(gpt), count()


def vocoder_cost(model: XttsModel) -> tuple[int, int]:
    """Return the vocoder's parameters, and its operations for a second of speech.

    The DVAE's decoding counts where the vocoder reads its mel.
    """
    config, vocoder = model.config, model.vocoder
    codes = round(2 * config.sizes.codes_per_s)
    embedding = torch.zeros(1, config.sizes.embedding, device="meta")
    with _counting(model) as count:
        if vocoder.reads == "states":
            inputs = torch.zeros(1, codes, config.gpt.width, device="meta")
        else:
            inputs = torch.zeros(1, codes, dtype=torch.long, device="meta")
        if vocoder.reads == "mel" and model.dvae is not None:
            inputs = model.dvae.decode(inputs)
        if vocoder.reads == "levels" and model.codec is not None:
            inputs = model.codec.decode(inputs.unsqueeze(1)).unsqueeze(1)
        vocoder(inputs, embedding)
    seconds = codes / config.sizes.codes_per_s
    return _parameters(vocoder), round(count() / seconds)


def _chunks(conditioner: Conditioner, default_chunk_s: float) -> list[float]:
    """How `REFERENCE_S` of audio reach a conditioner, in seconds."""
    intake = conditioner.intake
    if intake.reads in ("speaker", "nothing"):
        return [REFERENCE_S]
    left = min(REFERENCE_S, intake.max_s)
    size = default_chunk_s if intake.chunk_s is None else intake.chunk_s
    if intake.reads == "codes" or math.isinf(size):
        return [left]
    whole = int(left // size)
    rest = left - whole * size
    return [size] * whole + ([rest] if rest > 1e-9 else [])


def _inputs(model: XttsModel, seconds: float) -> Tensor:
    intake = model.conditioner.intake
    if intake.reads == "speaker":
        return torch.zeros(1, model.config.sizes.embedding, device="meta")
    rate = 0 if intake.reads == "nothing" else intake.sample_rate
    return torch.zeros(1, int(seconds * rate), device="meta")


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@contextmanager
def _counting(module: nn.Module) -> Iterator[Callable[[], int]]:
    from torch.utils.flop_counter import FlopCounterMode  # imports triton

    module.requires_grad_(False)  # the counter follows gradients where there are any
    mode: Any = FlopCounterMode(display=False)
    with torch.no_grad(), mode:
        yield lambda: int(mode.get_total_flops())
