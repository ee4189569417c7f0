"""Muon, with all matrices of one shape moved at once.

`torch.optim.Muon` moves matrix after matrix in some 25 small kernels each; where the whole step of
a model takes milliseconds, launching those takes longer. Here a stack takes what a matrix takes.
What is computed is the same (tests hold it): Jordan et al. 2024, kellerjordan.github.io/posts/muon.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM, ITERATIONS = 0.95, 5
COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of the iteration's x, x^3 and x^5, chosen by Jordan et al. to rise steeply at 0."""


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal by Newton and Schulz's iteration, moves matrices [R, C].

    The rate is multiplied by sqrt(max(1, R / C)); weights decay by rate x `weight_decay`.
    """

    def __init__(self, matrices: Sequence[nn.Parameter], lr: float, weight_decay: float) -> None:
        wrong = [tuple(p.shape) for p in matrices if p.ndim != 2]
        if wrong:
            raise ValueError(f"Muon moves matrices only, not {wrong[0]}")
        super().__init__(list(matrices), {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move what has a gradient; `closure` is none: the loop computes the loss."""
        assert closure is None
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    alike.setdefault(weight.shape, []).append(weight)
            for weights in alike.values():
                self._move(weights, group["lr"], group["weight_decay"])

    def _move(self, weights: list[Tensor], lr: float, weight_decay: float) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        momenta = [self._momentum(weight) for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1.0 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, MOMENTUM)
        moves = orthogonal(torch.stack(ahead)).to(weights[0].dtype).unbind()
        rows, columns = weights[0].shape
        torch._foreach_mul_(weights, 1.0 - lr * weight_decay)
        torch._foreach_add_(weights, moves, alpha=-lr * math.sqrt(max(1.0, rows / columns)))

    def _momentum(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        kept: Tensor = state["momentum_buffer"]
        return kept


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices [K, R, C] -> bfloat16 of the same singular vectors, all singular values about 1."""
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-7)
    first, third, fifth = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = x @ x.mT
        factor = torch.baddbmm(square, square, square, beta=third, alpha=fifth)
        x = torch.baddbmm(x, factor, x, beta=first)
    return x.mT if tall else x
