"""Layers and blocks of 8 bits for AMX: up to 16 rows for the time of one, which is the memory's.

K rows, D inputs, O outputs, L slots in use, H heads, W width of a head, D = H * W.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xtts_lab.inference import large_pages
from xtts_lab.inference.ahead.eight_bits import FINER, STEPS
from xtts_lab.nn.attention import LayerCache


@functools.cache
def has_tiles() -> bool:
    """Whether the CPU has AMX, and torch the products: it may lack them, or refuse signs."""
    if not torch.cpu._is_amx_tile_supported():
        return False
    try:
        ones = torch.ones(16, 64, dtype=torch.int8)
        made = _product(-ones, _packed(ones), torch.ones(16))
    except (AttributeError, RuntimeError):
        return False
    return bool((made == -64).all())


class Tiles:
    """Weights of a layer in 8 bits, one scale an output, and what those leave over.

    Inputs likewise. Together 16 bits: nearer to float32 than half precision is.
    """

    def __init__(self, linear: nn.Linear) -> None:
        self.bias = linear.bias.detach().float().numpy()
        weight = linear.weight.detach().float()
        self._scale = weight.abs().amax(dim=1).clamp_(min=1e-12) / STEPS
        steps = weight / self._scale[:, None]
        whole = steps.round()
        self._coarse = _packed(whole)
        self._fine = _packed(steps.sub_(whole).mul_(FINER).round_())

    def __call__(self, numbers: Tensor) -> tuple[Any, Any]:
        """`numbers` -> `made` and `finer` as `kernels` names them, in the outputs' scales."""
        finer = _product(numbers[: len(numbers) // 2], self._fine, self._scale)
        return _product(numbers, self._coarse, self._scale), finer


def _packed(rounded: Tensor) -> Tensor:
    """Whole numbers of 8 bits [O, D] as AMX reads them."""
    made: Tensor = torch.ops.onednn.qlinear_prepack(rounded.to(torch.int8).contiguous(), None)
    large_pages.ask(torch.ops.mkldnn.data_ptr(made), torch.ops.mkldnn._nbytes(made))
    return made


def _product(numbers: Tensor, packed: Tensor, scale: Tensor) -> Any:
    """Numbers of 8 bits [K, D] -> [K, O] times `scale` [O], as an array."""
    # Of what goes in scale and zero; weights; no bias; of what comes out scale, zero and kind.
    return torch.ops.onednn.qlinear_pointwise.default(
        numbers, 1.0, 0, packed, scale, _zeros(len(scale)),
        None, 1.0, 0, torch.float32, "none", [], "",
    ).numpy()  # fmt: skip


@functools.cache
def _zeros(count: int) -> Tensor:
    return torch.zeros(count, dtype=torch.int)


class _Norm:
    def __init__(self, norm: nn.LayerNorm) -> None:
        self.weight = norm.weight.detach().float().numpy()
        self.bias = norm.bias.detach().float().numpy()
        self.epsilon = norm.eps


class TiledBlock(nn.Module):
    """What a block of the GPT computes for one row of a batch, in as few operations as possible."""

    def __init__(self, block: Any, layers: Sequence[Tiles]) -> None:
        """`block`: whose norms and sizes these are; `layers`: qkv, out, up and down."""
        from xtts_lab.inference.ahead import kernels

        super().__init__()
        self._kernels: Any = kernels
        self._first, self._second = _Norm(block.attention_norm), _Norm(block.mlp_norm)
        self._qkv, self._out, self._up, self._down = layers
        self._heads = block.attention.heads

    def extend(self, x: Tensor, cache: LayerCache, positions: Tensor, mask: Tensor) -> Tensor:
        """As `Block.extend` of one row [1, K, D]."""
        return self._through(x[0], cache, int(positions[0, 0]), mask[0])[None]

    def _through(self, x: Tensor, cache: LayerCache, slot: int, mask: Tensor) -> Tensor:
        """x [K, D] from `slot` on; `mask` [1, K, L] is added to products of queries and keys."""
        do, out = self._kernels, x.clone()
        numbers, steps = _room(*x.shape)
        self._normed(self._first, out, numbers, steps)
        heads = self._attended(numbers, steps, cache, slot, mask)
        do.joined(heads.numpy(), numbers.numpy(), steps)
        do.added(*self._out(numbers), steps, self._out.bias, out.numpy())
        self._normed(self._second, out, numbers, steps)
        made, (numbers, found) = self._up(numbers), _room(len(x), len(self._up.bias))
        do.fed(*made, steps, self._up.bias, numbers.numpy(), found)
        do.added(*self._down(numbers), found, self._down.bias, out.numpy())
        return out

    def _normed(self, norm: _Norm, x: Tensor, numbers: Tensor, steps: Any) -> None:
        given = (norm.weight, norm.bias, norm.epsilon)
        self._kernels.normed(x.numpy(), *given, numbers.numpy(), steps)

    def _attended(
        self, numbers: Tensor, steps: Any, cache: LayerCache, slot: int, mask: Tensor
    ) -> Tensor:
        """What heads find, [H, K, W]; keys and values are in the cache then."""
        count, width = len(steps), numbers.shape[1] // self._heads
        query = torch.empty(self._heads, count, width)
        both = cache.keys.numpy(), cache.values.numpy()
        made, scale = self._qkv(numbers), 1 / math.sqrt(width)
        self._kernels.placed(*made, steps, self._qkv.bias, scale, query.numpy(), *both, slot)
        keys = cache.keys[0].mT
        scores = torch.baddbmm(mask, query, keys)
        return torch.bmm(scores.softmax(dim=-1), cache.values[0])


def _room(count: int, width: int) -> tuple[Tensor, Any]:
    """For `numbers` and `steps` of so many rows."""
    numbers = torch.from_numpy(np.empty((2 * count, width), np.int8))
    return numbers, np.empty(count, np.float32)
