"""The decoding step in torch's own operations: what the kernels compute, wherever torch runs.

B rows, D width, H heads, L capacity of the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from xtts_lab.inference.fast.state import DecodingState
from xtts_lab.inference.fast.tuning import Tuning
from xtts_lab.inference.fast.weights import DecodingWeights, LayerWeights
from xtts_lab.inference.sampling import TIGHT, SamplingOptions, choose
from xtts_lab.nn.gpt import GptConfig


@dataclass(frozen=True, eq=False)
class TorchStep:
    """Callable: advances every row of `state` by one code, as `step.DecodingStep` does."""

    config: GptConfig
    weights: DecodingWeights
    state: DecodingState
    sampling: SamplingOptions
    tuning: Tuning
    banned: int = -1

    def __call__(self) -> None:
        self.draw()
        self.read()

    def read(self) -> None:
        """As `DecodingStep.read`."""
        for index, layer in enumerate(self.weights.layers):
            self._layer(index, layer)
        score_rows(self.weights, self.state)

    def draw(self) -> None:
        """As `DecodingStep.draw`."""
        state, config = self.state, self.config
        logits = state.logits
        if self.banned >= 0:
            logits = logits.index_fill(1, torch.tensor([self.banned]), -torch.inf)
        room = state.taken < state.steps
        at = state.taken.long().clamp(max=state.steps - 1).unsqueeze(1)
        uniform = state.uniforms.gather(1, at)[:, 0]
        codes, margins = choose(logits, state.seen.bool(), uniform, self.sampling)
        kept = torch.where(room, codes.int(), state.codes.gather(1, at)[:, 0])
        state.codes.scatter_(1, at, kept.unsqueeze(1))
        state.seen.scatter_(1, codes.unsqueeze(1), 1)
        live = state.stopped == 0
        state.tight.add_((margins < TIGHT) & live & room)
        over = (codes == config.stop_audio) | (state.taken + 1 >= state.limits)
        state.stopped.copy_(torch.where(live, over.int(), 1))
        place = state.places.clamp(max=config.audio_positions - 1)
        word = self.weights.embedding[codes].float()
        state.x.copy_(word + self.weights.position[place.long()].float())
        state.places.copy_(place + 1)
        state.taken.add_(1).clamp_(max=state.steps)
        state.slots.add_(1).clamp_(max=state.cache.capacity - 1)

    def _layer(self, index: int, layer: LayerWeights) -> None:
        x = self.state.x
        attended = self._attend(index, functional.linear(
            self._normed(layer.attention_norm), layer.qkv, layer.qkv_bias
        ))  # fmt: skip
        x.add_(functional.linear(attended, layer.out, layer.out_bias))
        inner = functional.linear(self._normed(layer.mlp_norm), layer.up, layer.up_bias)
        inner = functional.gelu(inner, approximate="tanh")
        x.add_(functional.linear(inner, layer.down, layer.down_bias))

    def _normed(self, norm: tuple[Tensor, Tensor]) -> Tensor:
        x = functional.layer_norm(self.state.x, (self.config.width,), *norm, self.weights.eps)
        return x.to(self.weights.head.dtype)

    def _attend(self, index: int, qkv: Tensor) -> Tensor:
        state, heads = self.state, self.config.heads
        split = qkv.view(state.rows, 3, heads, -1).permute(1, 0, 2, 3).unsqueeze(3)
        query, key, value = split.unbind(0)
        # Every row's slots lie at the left: what none has reached yet is left out.
        cache = state.cache.used(int(state.slots.max()) + 1).layer(index)
        slots = state.slots.long()
        cache.write(key.contiguous(), value.contiguous(), slots)
        places = torch.arange(cache.keys.shape[2], device=qkv.device)
        mask = (places <= slots[:, None])[:, None, None, :]
        attended = functional.scaled_dot_product_attention(
            query, cache.keys, cache.values, attn_mask=mask
        )
        return attended.flatten(1)


def score_rows(weights: DecodingWeights, state: DecodingState) -> None:
    """The last norms and the audio head: `x` -> `logits`, and every row's next state."""
    width = (state.x.shape[1],)
    x = functional.layer_norm(state.x, width, *weights.stack_norm, weights.eps)
    states = functional.layer_norm(x, width, *weights.final_norm, weights.eps)
    at = state.taken.long().clamp(max=state.steps - 1).view(-1, 1, 1)
    state.states.scatter_(1, at.expand(-1, 1, states.shape[-1]), states.unsqueeze(1))
    head = functional.linear(states.to(weights.head.dtype), weights.head, weights.head_bias)
    state.logits.copy_(head)
