"""A decoding step for many rows: the library's matrix products, our attention and drawing.

From about five rows on a matrix product is worth its tiles; what the kernels of `step` fuse is then
a small part of the time. The residual stream stays in float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import triton
from torch import Tensor
from torch.nn import functional

from xtts_lab.inference.fast import kernels
from xtts_lab.inference.fast.step import DecodingStep
from xtts_lab.inference.fast.weights import LayerWeights


@dataclass(frozen=True, eq=False)
class BatchedStep(DecodingStep):
    """The same step as `DecodingStep`, from the same weights and on the same state."""

    def _layer(self, index: int, layer: LayerWeights) -> None:
        state = self.state
        x = self._normed(state.x, layer.attention_norm)
        attended = self._attend(index, functional.linear(x, layer.qkv, layer.qkv_bias))
        state.x.add_(functional.linear(attended, layer.out, layer.out_bias))
        inner = functional.linear(self._normed(state.x, layer.mlp_norm), layer.up, layer.up_bias)
        inner = functional.gelu(inner, approximate="tanh")
        state.x.add_(functional.linear(inner, layer.down, layer.down_bias))

    def score(self) -> None:
        state, weights = self.state, self.weights
        width = (self.config.width,)
        x = functional.layer_norm(state.x, width, *weights.stack_norm, weights.eps)
        states = functional.layer_norm(x, width, *weights.final_norm, weights.eps)
        at = state.taken.long().clamp(max=state.steps - 1).view(-1, 1, 1)
        state.states.scatter_(1, at.expand(-1, 1, states.shape[-1]), states.unsqueeze(1))
        head = functional.linear(states.to(weights.head.dtype), weights.head, weights.head_bias)
        state.logits.copy_(head)

    def _normed(self, x: Tensor, norm: tuple[Tensor, Tensor]) -> Tensor:
        normed = functional.layer_norm(x, (self.config.width,), *norm, self.weights.eps)
        return normed.to(self.weights.head.dtype)

    def _attend(self, index: int, qkv: Tensor) -> Tensor:
        """Projected rows [B, 3 D] -> attended [B, D], and one more slot of the cache filled."""
        state, width = self.state, self.config.width
        cache = state.cache.layer(index)
        self._launch(
            (state.rows,), kernels.place_kernel,
            qkv, state.query, cache.keys, cache.values, state.slots, width,
            width // self.config.heads, state.cache.capacity,
            BLOCK_K=triton.next_power_of_2(width),
        )  # fmt: skip
        self.launch_attention(cache)
        return state.attended.to(qkv.dtype)
