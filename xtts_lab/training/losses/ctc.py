"""Connectionist temporal classification (Graves et al. 2006).

B batch, N steps, V symbols, L symbols of a target, S = 2 L + 1 states: symbols between blanks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from xtts_lab.nn.ctc import BLANK

RESCALED = 4
"""So many steps apart are the sums of paths scaled to 1: doubles hold what lies between."""


def ctc_loss(log_probabilities: Tensor, steps: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    """Mean over the rows of the negative log-likelihood of a target symbol, in nats a symbol.

    `log_probabilities` [B, N, V + 1] with the blank first, of which `steps` [B] count; `targets`
    [B, L] count symbols from 0, of which `lengths` [B] count. A row with more symbols than steps
    adds nothing.
    """
    if log_probabilities.is_cuda and torch.cuda.is_current_stream_capturing():
        return recordable_ctc_loss(log_probabilities, steps, targets, lengths)
    return functional.ctc_loss(
        log_probabilities.float().transpose(0, 1),
        targets + 1,
        steps,
        lengths,
        BLANK,
        zero_infinity=True,
    )


def recordable_ctc_loss(
    log_probabilities: Tensor, steps: Tensor, targets: Tensor, lengths: Tensor
) -> Tensor:
    """The same in operations that a CUDA graph can record: PyTorch's own waits for the lengths."""
    given = log_probabilities.float(), steps, targets + 1, lengths
    with torch.autocast(log_probabilities.device.type, enabled=False):
        rows: Tensor = _RowLosses.apply(*given)  # type: ignore[no-untyped-call]
    return (rows / lengths.clamp(min=1)).mean()


@dataclass(frozen=True, eq=False)
class _Lattice:
    """States of the rows, and of the same rows read backwards below them: [2B, ...].

    `symbols` [B, S] of the states; `places` [B, S] and `times` [B, N] of the reverse reading;
    `told` [N, 2B, S] probabilities; `skips` [2B, S]: 1 where the blank before may be left out.
    """

    symbols: Tensor
    places: Tensor
    times: Tensor
    told: Tensor
    skips: Tensor

    @classmethod
    def of(cls, logs: Tensor, steps: Tensor, targets: Tensor, lengths: Tensor) -> _Lattice:
        (rows, count, _), most = logs.shape, targets.shape[1]
        state = torch.arange(2 * most + 1, device=logs.device)
        symbols = torch.full((rows, 2 * most + 1), BLANK, device=logs.device)
        symbols[:, 1::2] = targets
        last = 2 * lengths.unsqueeze(1)
        places = (last - state).clamp(min=0)
        time = torch.arange(count, device=logs.device)
        times = torch.where(
            time < steps.unsqueeze(1), steps.unsqueeze(1) - 1 - time, time.expand(rows, -1)
        )
        there = (state <= last).unsqueeze(1)
        told = logs.double().exp().gather(2, symbols.unsqueeze(1).expand(-1, count, -1))
        # Beyond its steps a row stays as it is.
        told = torch.where((time < steps.unsqueeze(1)).unsqueeze(2), told, 1.0) * there
        back = _reversed(told, places, times) * there
        both = torch.cat([symbols, symbols.gather(1, places)])
        skips = torch.zeros(both.shape, dtype=torch.double, device=logs.device)
        skips[:, 3::2] = (both[:, 3::2] != both[:, 1:-2:2]).double()
        return cls(
            symbols, places, times, torch.cat([told, back]).transpose(0, 1).contiguous(), skips
        )


def _reversed(values: Tensor, places: Tensor, times: Tensor) -> Tensor:
    """Values [B, N, S] read from the last step and state on."""
    turned = values.gather(1, times.unsqueeze(2).expand_as(values))
    return turned.gather(2, places.unsqueeze(1).expand_as(values))


def _arrivals(lattice: _Lattice) -> tuple[Tensor, Tensor]:
    """The sum over the paths that come to a state, before it speaks, [N, 2B, S], each time but for
    a factor; and the logarithm of that factor, [N, 2B]."""
    told = lattice.told
    count, rows, states = told.shape
    arrived, factors = torch.empty_like(told), told.new_zeros(count, rows)
    held = told.new_zeros(rows, states + 2)  # two states that nothing comes from
    held[:, 2] = 1.0
    for step in range(count):
        here = torch.add(held[:, 2:], held[:, 1:-1], out=arrived[step])
        here.addcmul_(held[:, :-2], lattice.skips)
        if step % RESCALED == 0:
            total = here.sum(1, keepdim=True).clamp_(min=1e-300)
            here.div_(total)
            factors[step] = total.squeeze(1)
        torch.mul(here, told[step], out=held[:, 2:])
    factors = torch.where(factors > 0, factors, 1.0).log().cumsum(0)
    return arrived, factors


class _RowLosses(torch.autograd.Function):
    """Negative log-likelihoods [B], forwards and backwards over the lattice at once."""

    @staticmethod
    def forward(ctx: Any, logs: Tensor, steps: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        lattice = _Lattice.of(logs, steps, targets, lengths)
        arrived, factors = _arrivals(lattice)
        rows = logs.shape[0]
        ending = (steps - 1).clamp(min=0)
        each = torch.arange(rows, device=logs.device)
        through = arrived[:, :rows] * lattice.told[:, :rows]
        last = through[ending, each]
        final = last.gather(1, 2 * lengths.unsqueeze(1)).squeeze(1)
        before = last.gather(1, (2 * lengths - 1).clamp(min=0).unsqueeze(1)).squeeze(1)
        likelihood = final + torch.where(lengths > 0, before, 0.0)
        found = likelihood > 0
        losses = -(likelihood.clamp(min=1e-300).log() + factors[ending, each])
        if ctx.needs_input_grad[0]:
            back = _reversed(arrived[:, rows:].transpose(0, 1), lattice.places, lattice.times)
            shares = through.transpose(0, 1) * back
            shares = shares / shares.sum(2, keepdim=True).clamp(min=1e-300)
            inside = torch.arange(logs.shape[1], device=logs.device) < steps.unsqueeze(1)
            shares = (shares * (inside & found.unsqueeze(1)).unsqueeze(2)).float()
            gradient = torch.zeros_like(logs)
            gradient[..., BLANK] = -shares[..., 0::2].sum(2)
            spoken = shares[..., 1::2]
            at = targets.unsqueeze(1).expand_as(spoken)
            gradient.scatter_add_(2, at, -spoken)
            ctx.save_for_backward(gradient)
        return torch.where(found, losses, 0.0).float()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream[0].view(-1, 1, 1), None, None, None
