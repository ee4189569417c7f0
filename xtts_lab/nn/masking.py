"""Masked parallel decoding: how many codes are settled in a pass, and which.

MaskGIT's schedule (Chang et al. 2022, arXiv 2202.04200), as SoundStorm decodes each level with it
(arXiv 2305.09636, section 3.3). M frames, K codes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

MASKED = -1
"""Stands for a code that is not known."""


def still_masked(frames: int, passes: int) -> list[int]:
    """How many of so many frames are still masked after each pass: a quarter of a cosine.

    The last entry is 0. At least one more is settled in each pass, so that a sequence shorter than
    `passes` takes as many passes as it has frames. Raises `ValueError` for no pass.
    """
    if passes < 1:
        raise ValueError(f"{passes} passes settle nothing")
    left, counts = frames, []
    for done in range(1, passes + 1):
        if left == 0:
            break
        share = 0.0 if done == passes else math.cos(0.5 * math.pi * done / passes)
        left = min(left - 1, math.floor(share * frames))
        counts.append(left)
    return counts


def least_certain(certainty: Tensor, masked: Tensor, count: int) -> Tensor:
    """Which `count` of the `masked` [M] stay so: those of the least `certainty` [M]; bool [M].

    Of equally certain ones the later stay.
    """
    order = torch.where(masked, certainty, math.inf).flip(0).argsort(stable=True)
    return torch.zeros_like(masked).index_fill(0, masked.shape[0] - 1 - order[:count], True)


def fill(
    codes: Tensor,
    predict: Callable[[Tensor], Tensor],
    passes: int,
    temperature: float,
    hesitation: float,
    noise: Tensor,
) -> Tensor:
    """Settle the masked ones of codes [M] (`MASKED`), the most certain first; returns [M].

    `predict` gives logits [M, K] of codes as far as they are settled; those once settled stay. A
    pass draws with `noise` [passes, 2, M], numbers in [0, 1), at a `temperature` that falls in even
    steps to 0 in the last pass: what is drawn last is the most likely. `hesitation`, falling
    alike, blurs the order of certainty by Gumbel noise.
    """
    masked = codes == MASKED
    for at, left in enumerate(still_masked(int(masked.sum()), passes)):
        # Short sequences end early: the temperature is of the passes that there are to be.
        heat = 1.0 - (at + 1) / passes if left else 0.0
        logits = predict(codes).float()
        drawn = draw(logits, noise[at, 0], temperature * heat)
        settled = logits.log_softmax(-1).gather(-1, drawn.unsqueeze(-1)).squeeze(-1)
        blur = -(-noise[at, 1].clamp(1e-9, 1 - 1e-9).log()).log()
        keep = least_certain(settled + hesitation * heat * blur.to(settled), masked, left)
        codes = torch.where(masked & ~keep, drawn, codes)
        masked = keep
    return codes


def draw(logits: Tensor, noise: Tensor, temperature: float) -> Tensor:
    """One code of each of logits [M, K] with numbers [M] in [0, 1); the most likely at 0."""
    if temperature <= 0.0:
        return logits.argmax(-1)
    cumulated = (logits / temperature).softmax(-1).double().cumsum(-1)
    threshold = (noise.to(cumulated) * cumulated[:, -1]).unsqueeze(-1)
    return (cumulated <= threshold).sum(-1).clamp(max=logits.shape[-1] - 1)
