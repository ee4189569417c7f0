"""Causal self-attention of the GPT with a static key-value cache.

B batch, S positions of a call, L capacity of the cache, H heads, W width of a head, D = H * W.

Row b of a batch occupies the cache's slots 0 .. positions[b]: prompts of different lengths are
packed to the left, and each row writes at its own position. Slots beyond are never attended to, so
what a row computes does not depend on its company. Shapes never change between decoding steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class LayerCache:
    """One layer's keys and values, [B, H, L, W] each, written in place."""

    keys: Tensor
    values: Tensor

    def fill(self, keys: Tensor, values: Tensor) -> None:
        """Write the prompt's keys and values [B, H, S, W] into the slots 0 .. S - 1."""
        self.keys[:, :, : keys.shape[2]] = keys
        self.values[:, :, : values.shape[2]] = values

    def write(self, keys: Tensor, values: Tensor, positions: Tensor) -> None:
        """Write [B, H, S, W] at `positions` [B, S], or with S = 1 at `positions` [B]."""
        slots = positions.view(keys.shape[0], 1, -1, 1).expand_as(keys)
        self.keys.scatter_(2, slots, keys.to(self.keys.dtype))
        self.values.scatter_(2, slots, values.to(self.values.dtype))


@dataclass(frozen=True, eq=False)
class KVCache:
    """Keys and values of all layers, [layers, B, H, L, W], allocated once."""

    keys: Tensor
    values: Tensor

    @classmethod
    def empty(
        cls,
        layers: int,
        batch: int,
        heads: int,
        capacity: int,
        head_width: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> KVCache:
        shape = (layers, batch, heads, capacity, head_width)
        # Zeros, not garbage: a masked slot that held NaN would still poison the attention.
        return cls(
            torch.zeros(shape, device=device, dtype=dtype),
            torch.zeros(shape, device=device, dtype=dtype),
        )

    @property
    def capacity(self) -> int:
        return self.keys.shape[3]

    def layer(self, index: int) -> LayerCache:
        return LayerCache(self.keys[index], self.values[index])

    def used(self, length: int) -> KVCache:
        """A view of the first `length` slots, for callers that know how far any row has come."""
        return KVCache(self.keys[:, :, :, :length], self.values[:, :, :, :length])


class CausalSelfAttention(nn.Module):
    """GPT-2's attention: a position sees itself and what came before.

    `forward` serves training, `prefill` a prompt, `extend` more of it, `decode` one further
    position. All compute the same function; tests hold them to each other.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"a width of {width} cannot be split into {heads} heads")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x [B, S, D] -> [B, S, D]; `mask` [B, 1, S, S] bool replaces the causal one."""
        query, key, value = self._project(x)
        return self._attend(query, key, value, mask, causal=mask is None)

    def prefill(self, x: Tensor, cache: LayerCache) -> Tensor:
        """As `forward` on a prompt [B, S, D], which is remembered in `cache`."""
        query, key, value = self._project(x)
        cache.fill(key, value)
        return self._attend(query, key, value, None, causal=True)

    def decode(
        self, x: Tensor, cache: LayerCache, positions: Tensor, mask: Tensor | None
    ) -> Tensor:
        """One position a row: x [B, 1, D] at `positions` [B]; `mask` [B, 1, 1, L] bool."""
        query, key, value = self._project(x)
        cache.write(key, value, positions)
        return self._attend(query, cache.keys, cache.values, mask, causal=False)

    def extend(self, x: Tensor, cache: LayerCache, positions: Tensor, mask: Tensor) -> Tensor:
        """Some positions a row: x [B, S, D] at `positions` [B, S]; `mask` [B, 1, S, L] is added."""
        query, key, value = self._project(x)
        cache.write(key, value, positions)
        keys, values = cache.keys.to(x.dtype), cache.values.to(x.dtype)
        return self._attend(query, keys, values, mask, causal=False)

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, length, width = x.shape
        split = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        return query, key, value

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool
    ) -> Tensor:
        heads = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal
        )
        joined: Tensor = self.out(heads.transpose(1, 2).flatten(2))
        return joined
