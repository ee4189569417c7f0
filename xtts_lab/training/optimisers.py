"""Optimisers and their schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from xtts_lab.training.muon import Muon
from xtts_lab.training.spec import LoopSpec
from xtts_lab.training.stage import OptimiserGroup


def factor(step: int, spec: LoopSpec) -> float:
    """What the peak learning rate is multiplied by at a step (from 0): a trapezium.

    Linear warm-up, constant, then linear decay over the last part (nanochat's schedule).
    """
    rising = min(1.0, (step + 1) / (spec.warmup + 1))
    length = spec.decay * spec.steps
    falling = min(1.0, (spec.steps - step) / length) if length > 0 else 1.0
    return rising * (spec.floor + (1.0 - spec.floor) * falling)


class Optimiser:
    """AdamW and, for matrices, Muon, as one."""

    def __init__(self, group: OptimiserGroup) -> None:
        self.group = group
        self.parts: list[tuple[Any, float]] = []
        if group.parameters:
            self.parts.append((_adamw(group), group.lr))
        if group.matrices:
            muon = Muon(group.matrices, group.matrix_lr, group.weight_decay)
            self.parts.append((muon, group.matrix_lr))

    def step(self, scale: float) -> None:
        """Clip what is in the parameters' gradients and move, at `scale` times the peak rate."""
        if self.group.clip is not None:
            nn.utils.clip_grad_norm_(self.group.all, self.group.clip, foreach=_foreach(self.group))
        for optimiser, peak in self.parts:
            for group in optimiser.param_groups:
                group["lr"] = peak * scale
            optimiser.step()

    def clear(self) -> None:
        for optimiser, _ in self.parts:
            optimiser.zero_grad(set_to_none=True)

    def state(self) -> list[Any]:
        return [optimiser.state_dict() for optimiser, _ in self.parts]

    def restore(self, states: list[Any]) -> None:
        for (optimiser, _), state in zip(self.parts, states, strict=True):
            optimiser.load_state_dict(state)


def _adamw(group: OptimiserGroup) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        list(group.parameters),
        lr=group.lr,
        betas=group.betas,
        weight_decay=group.weight_decay,
        fused=True,  # one pass over memory, on a CPU as well
    )


def _foreach(group: OptimiserGroup) -> bool:
    return bool(group.all) and group.all[0].is_cuda


class Averages:
    """Exponential averages of parameters (Polyak); `swap` exchanges them with the weights."""

    def __init__(self, groups: Mapping[str, OptimiserGroup], decay: float) -> None:
        self.decay = decay
        chosen = [group for group in groups.values() if group.averaged] if decay > 0 else []
        self.live: list[Tensor] = [p.data for group in chosen for p in group.all]
        self.kept = [tensor.clone() for tensor in self.live]

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Move towards the weights after step `step` (from 0)."""
        if self.live:
            weight = 1.0 - min(self.decay, (1.0 + step) / (10.0 + step))
            torch._foreach_lerp_(self.kept, self.live, weight)

    @torch.no_grad()
    def swap(self) -> None:
        for live, kept in zip(self.live, self.kept, strict=True):
            held = live.clone()
            live.copy_(kept)
            kept.copy_(held)

    def state(self) -> list[Tensor]:
        return self.kept

    @torch.no_grad()
    def restore(self, state: list[Tensor]) -> None:
        for kept, value in zip(self.kept, state, strict=True):
            kept.copy_(value)
