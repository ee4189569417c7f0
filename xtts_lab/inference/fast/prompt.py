"""Reading one prompt in float32 by our own kernels, where they run: seven launches a layer.

S rows (positions), D width. `Gpt.extend` is what is computed, and what computes it elsewhere.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from xtts_lab.inference.fast.tuning import has_tensor_cores, overlaps, stages
from xtts_lab.inference.fast.weights import DecodingWeights, LayerWeights
from xtts_lab.nn.attention import KVCache, LayerCache
from xtts_lab.nn.gpt import GptConfig

MOST = 64
"""Up to so many positions a prompt's products are bound by reading weights."""


@dataclass(frozen=True)
class Cut:
    """How a product is cut: outputs and inputs of a tile, shares of the inputs.

    `turned`: weights are the left factor.
    """

    outputs: int = 32
    inputs: int = 64
    splits: int = 4
    warps: int = 4
    turned: bool = False


@dataclass(frozen=True)
class PromptTuning:
    """How the kernels of a prompt cut their work; every choice computes the same but for rounding.

    `pdl` and `early` as in `Tuning`.
    """

    qkv: Cut = Cut(turned=True)
    out: Cut = Cut()
    up: Cut = Cut(splits=2)
    down: Cut = Cut(splits=8)
    queries: int = 16
    keys: int = 32
    attention_warps: int = 4
    early: bool = True


def can_read(config: GptConfig, device: torch.device, dtype: torch.dtype, rows: int) -> bool:
    """Whether one prompt's positions, `rows` of them, may go through `PromptLayers`."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    there = (device.type == "cuda" or interpreted) and find_spec("triton") is not None
    fits = rows <= MOST and config.width // config.heads <= 128
    return there and fits and dtype == torch.float32 and has_tensor_cores(device)


class PromptLayers:
    """Callable: embeddings x [S, D] through all layers, in place, into a cache of one row.

    `count` and `before` int64 [1] on the device: how many rows there are, and how many slots of the
    cache are filled before them.
    """

    def __init__(
        self,
        config: GptConfig,
        weights: DecodingWeights,
        rows: int,
        tuning: PromptTuning | None = None,
    ) -> None:
        self.config, self.weights, self.rows = config, weights, rows
        self.tuning = tuning or PromptTuning()
        head, width = weights.head, config.width
        self._pdl, self._stages = overlaps(head.device), stages(head.device)

        def floats(*shape: int) -> Tensor:
            return torch.zeros(shape, device=head.device)

        def pair(count: int) -> Tensor:
            return torch.zeros(2, rows, count, device=head.device, dtype=torch.float16)

        self._query, self._normed = floats(rows, width), pair(width)
        self._attended, self._inner = pair(width), pair(4 * width)
        cuts = (self.tuning.qkv, self.tuning.out, self.tuning.up, self.tuning.down)
        most = max(cut.splits * many for cut, many in zip(cuts, (3, 1, 4, 1), strict=True))
        self._partial = floats(most, rows, width)
        self._arrived = torch.zeros(4 * width, dtype=torch.int32, device=head.device)

    def __call__(self, x: Tensor, count: Tensor, before: Tensor, cache: KVCache) -> None:
        for index, layer in enumerate(self.weights.layers):
            self._layer(x, count, before, layer, cache.layer(index))

    def _layer(
        self, x: Tensor, count: Tensor, before: Tensor, layer: LayerWeights, cache: LayerCache
    ) -> None:
        at, tuning = (count, before, cache), self.tuning
        self._norm(x, layer.attention_norm, count)
        self._product("qkv", self._normed, layer.qkv, layer.qkv_bias, self._query, *at, tuning.qkv)
        self._attend(*at)
        self._product("back", self._attended, layer.out, layer.out_bias, x, *at, tuning.out)
        self._norm(x, layer.mlp_norm, count)
        self._product("up", self._normed, layer.up, layer.up_bias, self._inner, *at, tuning.up)
        self._product("back", self._inner, layer.down, layer.down_bias, x, *at, tuning.down)

    def _launch(self, programs: tuple[int, ...], kernel: Any, *values: Any, **meta: Any) -> None:
        options = {"PDL": self._pdl, "EARLY": self.tuning.early, **meta}
        if self._pdl:
            options["launch_pdl"] = True
        kernel[programs](*values, **options)

    def _norm(self, x: Tensor, norm: tuple[Tensor, Tensor], count: Tensor) -> None:
        from xtts_lab.inference.fast.prompt_kernels import norm_kernel

        width = self.config.width
        self._launch(
            (self.rows,), norm_kernel, x, *norm, self._normed, count, self.rows, width,
            self.weights.eps, BLOCK_D=_power(width), num_warps=4,
        )  # fmt: skip

    def _product(
        self, kind: str, x: Tensor, weight: Tensor, bias: Tensor, out: Tensor,
        count: Tensor, before: Tensor, cache: LayerCache, cut: Cut,
    ) -> None:  # fmt: skip
        from xtts_lab.inference.fast.prompt_kernels import rows_product_kernel

        outputs, inputs = weight.shape
        whole = -(-inputs // cut.inputs)
        splits = min(cut.splits, whole)
        share = -(-whole // splits) * cut.inputs
        splits = -(-inputs // share)  # none without inputs
        self._launch(
            (-(-outputs // cut.outputs), splits), rows_product_kernel,
            x, weight, bias, out, cache.keys, cache.values, count, before, self._partial,
            self._arrived, self.rows, inputs, outputs, self.config.width // self.config.heads,
            cache.keys.shape[2], share, KIND=kind, TURNED=cut.turned, SPLITS=splits,
            BLOCK_S=max(_power(self.rows), 16), BLOCK_N=cut.outputs, BLOCK_K=cut.inputs,
            num_warps=cut.warps, num_stages=self._stages,
        )  # fmt: skip

    def _attend(self, count: Tensor, before: Tensor, cache: LayerCache) -> None:
        from xtts_lab.inference.fast.prompt_kernels import prompt_attention_kernel

        config, tuning = self.config, self.tuning
        lane = config.width // config.heads
        self._launch(
            (config.heads, -(-self.rows // tuning.queries)), prompt_attention_kernel,
            self._query, cache.keys, cache.values, self._attended, count, before, self.rows,
            config.width, cache.keys.shape[2], lane**-0.5, W=lane, BLOCK_W=max(_power(lane), 16),
            BLOCK_Q=tuning.queries, BLOCK_L=tuning.keys, num_warps=tuning.attention_warps,
        )  # fmt: skip


def _power(count: int) -> int:
    return 1 << (count - 1).bit_length()
