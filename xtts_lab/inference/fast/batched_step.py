"""A decoding step for many rows: the library's matrix products, our kernels between them.

From about five rows on a matrix product is worth its tiles. The residual stream stays in float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
from torch import Tensor
from torch.nn import functional

from xtts_lab.inference.fast.batched_kernels import row_attention_kernel, settle_norm_kernel
from xtts_lab.inference.fast.step import DecodingStep
from xtts_lab.inference.fast.torch_step import score_rows
from xtts_lab.nn.attention import LayerCache


@dataclass(frozen=True, eq=False)
class BatchedStep(DecodingStep):
    """The same step as `DecodingStep`, from the same weights and on the same state."""

    def layers(self) -> None:
        made: Tensor | None = None
        for index, layer in enumerate(self.weights.layers):
            x = self._settled(made, layer.attention_norm)
            qkv = functional.linear(x, layer.qkv, layer.qkv_bias)
            attended = self._attend(qkv, self.state.cache.layer(index))
            made = functional.linear(attended, layer.out, layer.out_bias)
            x = self._settled(made, layer.mlp_norm)
            inner = functional.linear(x, layer.up, layer.up_bias)
            inner = functional.gelu(inner, approximate="tanh")
            made = functional.linear(inner, layer.down, layer.down_bias)
        assert made is not None
        self.state.x.add_(made)

    def score(self) -> None:
        score_rows(self.weights, self.state)

    def _settled(self, made: Tensor | None, norm: tuple[Tensor, Tensor]) -> Tensor:
        """Add what a layer's part has made to `x`; return the norm of the sum, [B, D]."""
        x, width = self.state.x, self.config.width
        normed = torch.empty_like(x, dtype=self.weights.head.dtype)
        settle_norm_kernel[(self.state.rows,)](
            x, x if made is None else made, *norm, normed, width, self.weights.eps,
            ADDS=made is not None, BLOCK_D=triton.next_power_of_2(width), num_warps=4,
        )  # fmt: skip
        return normed

    def _attend(self, qkv: Tensor, cache: LayerCache) -> Tensor:
        """Projected rows [B, 3 D] -> attended [B, D], and one more slot of the cache filled."""
        state, width, heads = self.state, self.config.width, self.config.heads
        lane = width // heads
        attended = torch.empty(state.rows, width, device=qkv.device, dtype=qkv.dtype)
        row_attention_kernel[(state.rows * heads,)](
            qkv, cache.keys, cache.values, state.slots, attended, width, heads,
            state.cache.capacity, lane**-0.5, W=lane, BLOCK_W=triton.next_power_of_2(lane),
            BLOCK_L=self.tuning.block_keys, num_warps=self.tuning.attention_warps,
        )  # fmt: skip
        return attended
