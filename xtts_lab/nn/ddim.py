"""Noise schedules and the deterministic sampler of diffusion models.

Song et al. 2020 (DDIM, arXiv 2010.02502, equation 12 with sigma 0). t is a training timestep,
alpha(t) the share of the data's variance that is left at t (alpha-bar in Ho et al. 2020, plain
alpha in the DDIM paper), x0 the data, epsilon the noise: x_t = sqrt(alpha) x0 + sqrt(1 - alpha)
epsilon.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor

ScheduleName = Literal["linear", "cosine"]
Denoiser = Callable[[Tensor, int], Tensor]
"""x_t and its timestep t -> the noise in it, of the same shape."""

MAX_BETA = 0.999


def alphas(name: ScheduleName, train_steps: int) -> tuple[float, ...]:
    """Return alpha(t) for t = 0 .. train_steps - 1: within (0, 1), ever smaller.

    `linear`: betas from 1e-4 to 0.02 over 1000 steps, steeper over fewer (Ho et al. 2020, arXiv
    2006.11239, section 4). `cosine`: Nichol and Dhariwal 2021 (arXiv 2102.09672, section 3.2).
    """
    if train_steps < 1:
        raise ValueError(f"train_steps must be at least 1, not {train_steps}")
    beta = _linear_beta if name == "linear" else _cosine_beta
    kept, product = [], 1.0
    for time in range(train_steps):
        product *= 1.0 - min(beta(time, train_steps), MAX_BETA)
        kept.append(product)
    return tuple(kept)


def _linear_beta(time: int, train_steps: int) -> float:
    share = time / max(train_steps - 1, 1)
    return (1e-4 + share * (0.02 - 1e-4)) * 1000 / train_steps


def _cosine_beta(time: int, train_steps: int) -> float:
    def kept(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    return 1.0 - kept((time + 1) / train_steps) / kept(time / train_steps)


def timesteps(steps: int, train_steps: int) -> tuple[int, ...]:
    """Return `steps` timesteps from the last to the first, evenly spaced, both ends included.

    A single step is the last timestep. Raises `ValueError` outside 1 .. `train_steps`.
    """
    if not 1 <= steps <= train_steps:
        raise ValueError(f"steps must be from 1 to {train_steps}, not {steps}")
    gaps = max(steps - 1, 1)
    return tuple((train_steps - 1) * (gaps - i) // gaps for i in range(steps))


def step(
    noisy: Tensor, epsilon: Tensor, alpha: float, alpha_next: float, bounds: tuple[float, float]
) -> Tensor:
    """Go from x at `alpha` to x at `alpha_next`, 1 for the data itself; any one shape.

    The predicted x0 is clamped to `bounds`, and the noise is then what that x0 leaves of `noisy`.
    """
    clean = (noisy - math.sqrt(1.0 - alpha) * epsilon) / math.sqrt(alpha)
    clean = clean.clamp(*bounds)
    noise = (noisy - math.sqrt(alpha) * clean) / math.sqrt(1.0 - alpha)
    return math.sqrt(alpha_next) * clean + math.sqrt(1.0 - alpha_next) * noise


def sample(
    denoise: Denoiser,
    noise: Tensor,
    schedule: tuple[float, ...],
    steps: int,
    bounds: tuple[float, float],
) -> Tensor:
    """Turn noise into data within `bounds`, of the same shape, in `steps` calls of `denoise`."""
    times = timesteps(steps, len(schedule))
    targets = [*(schedule[time] for time in times[1:]), 1.0]
    x = noise
    for time, target in zip(times, targets, strict=True):
        x = step(x, denoise(x, time), schedule[time], target, bounds)
    return x
