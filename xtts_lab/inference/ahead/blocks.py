"""Blocks of layers in 8 bits, one row of a batch, in as few operations as possible.

S positions of a call, L slots in use, H heads, W width of a head, D = H * W.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.nn.attention import LayerCache


class QuickBlock(nn.Module):
    """What a block of the GPT computes, by the layers [query, key and value; out; up; down]."""

    def __init__(self, block: Any, layers: Sequence[Any]) -> None:
        """`block`: whose norms and sizes these are; `layers`: of `eight_bits`, all of a kind."""
        super().__init__()
        self.first, self.second = block.attention_norm, block.mlp_norm
        self.qkv: Any = layers[0]
        self.out: Any = layers[1]
        self.up: Any = layers[2]
        self.down: Any = layers[3]
        self.heads = block.attention.heads

    def decode(self, x: Tensor, cache: LayerCache, _positions: Tensor, _mask: None) -> Tensor:
        """As `Block.decode` of one row [1, 1, D] in the last slot of `cache`."""
        return self._through(x[0], cache, cache.keys.shape[2] - 1, None)[None]

    def extend(self, x: Tensor, cache: LayerCache, positions: Tensor, mask: Tensor) -> Tensor:
        """As `Block.extend` of one row [1, S, D]."""
        return self._through(x[0], cache, int(positions[0, 0]), mask[0])[None]

    def _through(self, x: Tensor, cache: LayerCache, slot: int, mask: Tensor | None) -> Tensor:
        """x [S, D] from `slot` on; `mask` [1, S, L] is added to products of queries and keys."""
        attended = self._attended(_normed(self.first, x), cache, slot, mask)
        x = self.out(attended, x + self.out.bias)
        fed = functional.gelu(self.up(_normed(self.second, x), self.up.bias), approximate="tanh")
        made: Tensor = self.down(fed, x + self.down.bias)
        return made

    def _attended(self, x: Tensor, cache: LayerCache, slot: int, mask: Tensor | None) -> Tensor:
        count, width = x.shape
        made = self.qkv(x, self.qkv.bias).view(count, 3, self.heads, -1)
        query, new_keys, new_values = made.permute(1, 2, 0, 3).unbind(0)
        keys, values = cache.keys[0], cache.values[0]
        keys[:, slot : slot + count] = new_keys
        values[:, slot : slot + count] = new_values
        scale = 1 / math.sqrt(query.shape[-1])
        if mask is None:
            scores = torch.bmm(query * scale, keys.mT)
        else:
            scores = torch.baddbmm(mask, query, keys.mT, alpha=scale)
        heads = torch.bmm(scores.softmax(dim=-1), values)
        return heads.transpose(0, 1).reshape(count, width)


def _normed(norm: Any, x: Tensor) -> Tensor:
    return torch.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
