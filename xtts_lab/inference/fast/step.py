"""One decoding step as a row of kernel launches: draw a code, run the layers, score the next.

It touches nothing but the buffers of a `DecodingState`, so it can be captured in a graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import triton
from torch import Tensor

from xtts_lab.inference.fast import kernels
from xtts_lab.inference.fast.sampling_kernel import draw_kernel
from xtts_lab.inference.fast.state import DecodingState
from xtts_lab.inference.fast.tuning import Tuning
from xtts_lab.inference.fast.weights import DecodingWeights, LayerWeights
from xtts_lab.inference.sampling import TIGHT, SamplingOptions
from xtts_lab.nn.gpt import GptConfig


@dataclass(frozen=True, eq=False)
class DecodingStep:
    """Callable: advances every row of `state` by one code."""

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
        """Second half of a step: what was drawn through all layers, and the next code scored."""
        self.layers()
        self.score()

    def layers(self) -> None:
        """The input of the step through all layers, `x` in place."""
        for index, layer in enumerate(self.weights.layers):
            self._layer(index, layer)

    def _launch(self, programs: tuple[int, ...], kernel: Any, *values: Any, **meta: Any) -> None:
        cut = self.tuning
        options: dict[str, Any] = {"num_warps": cut.warps, "PDL": cut.pdl, "EARLY": cut.early}
        options |= meta
        if self.tuning.pdl:
            options["launch_pdl"] = True
        kernel[programs](*values, **options)

    def _layer(self, index: int, layer: LayerWeights) -> None:
        self.launch_qkv(index, layer)
        self.launch_attention(index)
        self.launch_out(index, layer)
        self.launch_up(index, layer)
        self.launch_down(index, layer)

    def launch_qkv(self, index: int, layer: LayerWeights) -> None:
        """Norm, projection, and one more slot of the layer's cache."""
        state, width, rows = self.state, self.config.width, self.tuning.qkv_rows
        cache = state.cache.layer(index)
        self._launch(
            (triton.cdiv(3 * width, rows),), kernels.qkv_kernel,
            state.x, layer.qkv, *layer.folded_qkv, state.query, cache.keys, cache.values,
            state.slots, state.rows, width, width // self.config.heads, state.cache.capacity,
            self.weights.eps, BLOCK_K=triton.next_power_of_2(width), ROWS=rows,
            EARLY=self.tuning.early and not self.tuning.ahead,
        )  # fmt: skip

    def launch_attention(self, index: int) -> None:
        """Attention of `query` over each row's part of the cache, in shares."""
        state, config, tuning = self.state, self.config, self.tuning
        lane, cache = config.width // config.heads, state.cache.layer(index)
        self._launch(
            (state.rows * config.heads, tuning.splits), kernels.attention_kernel,
            state.query, cache.keys, cache.values, state.slots, state.partial, state.peaks,
            state.sums, state.arrived, state.attended, config.heads, state.cache.capacity,
            lane**-0.5, W=lane,
            BLOCK_W=triton.next_power_of_2(lane), BLOCK_L=tuning.block_keys, S=tuning.splits,
            AHEAD=tuning.ahead, num_warps=tuning.attention_warps,
        )  # fmt: skip

    def launch_out(self, _index: int, layer: LayerWeights) -> None:
        """What was attended to, projected into the residual stream."""
        self._back(self.state.attended, layer.out, layer.out_bias, self.tuning.out_rows)

    def launch_up(self, _index: int, layer: LayerWeights) -> None:
        """Norm, the wide projection, GELU."""
        state, width, rows = self.state, self.config.width, self.tuning.up_rows
        self._launch(
            (triton.cdiv(4 * width, rows),), kernels.up_kernel,
            state.x, layer.up, *layer.folded_up, state.inner, state.rows, width, 4 * width,
            self.weights.eps, BLOCK_K=triton.next_power_of_2(width), ROWS=rows,
        )  # fmt: skip

    def launch_down(self, _index: int, layer: LayerWeights) -> None:
        """The projection back, into the residual stream."""
        self._back(self.state.inner, layer.down, layer.down_bias, self.tuning.down_rows)

    def _back(self, inner: Tensor, weight: Tensor, bias: Tensor, rows: int) -> None:
        outputs, inputs = weight.shape
        self._launch(
            (triton.cdiv(outputs, rows),), kernels.back_kernel,
            inner, weight, bias, self.state.x, self.state.rows, inputs, outputs,
            BLOCK_K=triton.next_power_of_2(inputs), ROWS=rows,
        )  # fmt: skip

    def score(self) -> None:
        """The last norms and the audio head: `x` -> `logits`, and the row's next state."""
        state, width, codes = self.state, self.config.width, self.config.audio_tokens
        self._launch(
            (triton.cdiv(codes, self.tuning.head_rows),), kernels.head_kernel,
            state.x, *self.weights.stack_norm, *self.weights.final_norm, self.weights.head,
            self.weights.head_bias, state.logits, state.states, state.taken, state.rows, width,
            codes, state.steps, self.weights.eps, BLOCK_K=triton.next_power_of_2(width),
            ROWS=self.tuning.head_rows,
        )  # fmt: skip

    def draw(self) -> None:
        """First half of a step: the next code of every row, embedded as the next input."""
        state, config, options = self.state, self.config, self.sampling
        self._launch(
            (state.rows,), draw_kernel,
            state.logits, state.seen, state.uniforms, self.weights.embedding,
            self.weights.position, state.x, state.codes, state.tight, state.slots, state.places,
            state.taken, state.stopped, state.limits, config.audio_tokens, config.width,
            state.steps, state.cache.capacity, config.audio_positions, options.temperature or 1.0,
            options.top_k, options.top_p, options.repetition_penalty, config.stop_audio, TIGHT,
            self.banned, BLOCK_V=triton.next_power_of_2(config.audio_tokens),
            BLOCK_D=triton.next_power_of_2(config.width), GREEDY=options.greedy,
            num_warps=self.tuning.draw_warps,
        )  # fmt: skip
