"""Layers with weights of 8 bits, for few rows at a time on a CPU. O outputs, D inputs, K rows."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

STEPS, FINER = 127, 254
"""Of a number of 8 bits, either way from zero, and of what it leaves over."""


class GuessingLinear(nn.Module):
    """A layer with weights of 8 bits, one scale an output, and inputs rounded to 8 bits."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        self.bias = linear.bias.detach().float()
        self.scale = weight.abs().amax(dim=1).clamp_(min=1e-12) / STEPS
        self.packed = _packed((weight / self.scale[:, None]).round_())

    def forward(self, rows: Tensor, bias: Tensor) -> Tensor:
        """Rows [K, D] -> [K, O] and `bias` [O] or [K, O], in place of the layer's own."""
        made = torch.ops.quantized.linear_dynamic(rows, self.packed, False)
        return torch.addcmul(bias, made, self.scale)


class PairedLinear(nn.Module):
    """A layer whose weights and inputs are numbers of 8 bits and what those leave over.

    Together 16 bits: nearer to float32 than half precision is, for two readings of 8 bits, of
    which the first is the guessing layer's own. What goes in and out is float32.
    """

    def __init__(self, linear: nn.Linear, guessing: GuessingLinear) -> None:
        super().__init__()
        self.bias, self.scale, self.packed = guessing.bias, guessing.scale, guessing.packed
        steps = linear.weight.detach().float() / guessing.scale[:, None]
        self.left = _packed(_left_over(steps).round_())

    def forward(self, rows: Tensor, bias: Tensor) -> Tensor:
        """Rows [K, D] -> [K, O] and `bias` [O] or [K, O], in place of the layer's own."""
        most = rows.abs().amax(dim=1, keepdim=True).clamp_(min=1e-30)
        rows = rows / most
        left = _left_over(rows * STEPS).div_(STEPS)
        coarse, fine = _product(torch.cat([rows, left]), self.packed).chunk(2)
        made = coarse.add_(fine.add_(_product(rows, self.left)), alpha=1 / FINER)
        return torch.addcmul(bias, made.mul_(self.scale), most)


def _left_over(steps: Tensor) -> Tensor:
    """What rounding leaves, in finer steps, in place."""
    return steps.sub_(steps.round()).mul_(FINER)


def _packed(rounded: Tensor) -> Any:
    """Whole numbers of 8 bits [O, D] as products read them fastest.

    Scales stay outside: the library would look at them one by one, for seconds.
    """
    with warnings.catch_warnings():
        # torch is to lose its quantised tensors. Until then these products are its fastest.
        warnings.simplefilter("ignore", UserWarning)
        held = torch._make_per_tensor_quantized_tensor(rounded.to(torch.int8), 1.0, 0)
        return torch.ops.quantized.linear_prepack(held, None)


def _product(x: Tensor, packed: Any) -> Tensor:
    """Numbers from -1 to 1 [K, D], rounded to 8 bits, by weights of 8 bits."""
    product = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32
    made: Tensor = product(x, 1 / STEPS, STEPS + 1, packed)
    return made
