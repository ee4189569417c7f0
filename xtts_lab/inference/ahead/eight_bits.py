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
        self.product = Vectors((weight / self.scale[:, None]).round_(), self.scale)

    def forward(self, rows: Tensor, bias: Tensor) -> Tensor:
        """Rows [K, D] -> [K, O] and `bias` [O] or [K, O], in place of the layer's own."""
        return self.product.rounding(rows, bias)


class PairedLinear(nn.Module):
    """A layer whose weights and inputs are numbers of 8 bits and what those leave over.

    Together 16 bits: nearer to float32 than half precision is, for two readings of 8 bits. What
    goes in and out is float32. Without `tiles` the first of them is the guessing layer's own.
    """

    def __init__(self, linear: nn.Linear, guessing: GuessingLinear, tiles: bool) -> None:
        super().__init__()
        self.bias, scale = guessing.bias, guessing.scale
        steps = linear.weight.detach().float() / scale[:, None]
        whole = steps.round()
        left = steps.sub_(whole).mul_(FINER).round_()
        self.coarse = Tiles(whole, scale) if tiles else guessing.product
        self.fine = Tiles(left, scale) if tiles else Vectors(left, scale)

    def forward(self, rows: Tensor, bias: Tensor) -> Tensor:
        """Rows [K, D] -> [K, O] and `bias` [O] or [K, O], in place of the layer's own."""
        numbers, most = _numbers(rows)
        whole, left = self.coarse(numbers).chunk(2)
        left = self.fine(numbers[: len(rows)]).add_(left)
        return torch.addcmul(bias, whole.add_(left, alpha=1 / FINER), most)


def _numbers(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows [K, D] in steps of each row, whole and left over: int8 [2 K, D]; steps [K, 1]."""
    count, width = rows.shape
    most = rows.abs().amax(dim=1, keepdim=True).clamp_(min=1e-30).div_(STEPS)
    steps, pairs = rows / most, rows.new_empty(2 * count, width)
    whole, left = pairs[:count], pairs[count:]
    torch.round(steps, out=whole)
    torch.sub(steps, whole, out=left).mul_(FINER).round_()
    return pairs.to(torch.int8), most


class Tiles:
    """Whole numbers of 8 bits [O, D], times `scale` [O], as AMX has them.

    Up to 16 rows take the time of one, which is the memory's.
    """

    def __init__(self, rounded: Tensor, scale: Tensor) -> None:
        self._packed = torch.ops.onednn.qlinear_prepack(rounded.to(torch.int8), None)
        self._scale, self._zeros = scale, torch.zeros(len(scale), dtype=torch.int)

    def __call__(self, numbers: Tensor) -> Tensor:
        """Numbers of 8 bits [K, D] -> [K, O]."""
        # Of what goes in scale and zero; weights; no bias; of what comes out scale, zero and kind.
        made: Tensor = torch.ops.onednn.qlinear_pointwise.default(
            numbers, 1.0, 0, self._packed, self._scale, self._zeros,
            None, 1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        return made


class Vectors:
    """The same as VNNI has them, where each row takes time."""

    def __init__(self, rounded: Tensor, scale: Tensor) -> None:
        self._scale = scale
        with warnings.catch_warnings():
            # torch is to lose its quantised tensors. Until then these products are its fastest.
            warnings.simplefilter("ignore", UserWarning)
            # Scales stay outside: the library would look at them one by one, for seconds.
            held = torch._make_per_tensor_quantized_tensor(rounded.to(torch.int8), 1.0, 0)
            self._packed: Any = torch.ops.quantized.linear_prepack(held, None)

    def __call__(self, numbers: Tensor) -> Tensor:
        """Numbers of 8 bits [K, D] -> [K, O]."""
        product = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32
        made: Tensor = product(numbers.float(), 1.0, STEPS + 1, self._packed)
        return made.mul_(self._scale)

    def rounding(self, rows: Tensor, bias: Tensor) -> Tensor:
        """Rows [K, D], rounded to 8 bits here, -> [K, O] and `bias`."""
        made = torch.ops.quantized.linear_dynamic(rows, self._packed, False)
        return torch.addcmul(bias, made, self._scale)


def has_tiles() -> bool:
    """Whether a CPU and torch have `Tiles`."""
    return torch.cpu._is_amx_tile_supported() and hasattr(torch.ops.onednn, "qlinear_pointwise")
