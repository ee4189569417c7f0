"""A decoding step for one row whose layers are one launch: see `persistent_kernel`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import triton
from torch import Tensor
from triton import knobs

from xtts_lab.inference.fast.persistent_kernel import ALL as _ALL
from xtts_lab.inference.fast.persistent_kernel import layers_kernel
from xtts_lab.inference.fast.step import DecodingStep
from xtts_lab.inference.fast.weights import DecodingWeights

ALL = int(_ALL.value)
PARTS = 5
"""Parts of a layer that one may run alone."""


@dataclass(frozen=True, eq=False)
class PersistentWeights:
    """`table` int64 [layers, 4]: addresses of qkv, out, up and down, [out, in] each.

    `vectors` float32 [layers, 18 D]: of qkv the bias (3), the sums (3) and the norm's gamma (1), of
    out the bias (1), of up the bias (4), the sums (4) and gamma (1), of down the bias (1).
    """

    table: Tensor
    vectors: Tensor

    @classmethod
    def of(cls, weights: DecodingWeights) -> PersistentWeights:
        rows, vectors = [], []
        for layer in weights.layers:
            rows.append([m.data_ptr() for m in (layer.qkv, layer.out, layer.up, layer.down)])
            (gamma, bias, sums), (up_gamma, up_bias, up_sums) = layer.folded_qkv, layer.folded_up
            parts = [bias, sums, gamma, layer.out_bias, up_bias, up_sums, up_gamma, layer.down_bias]
            vectors.append(torch.cat([part.float() for part in parts]))
        device = vectors[0].device
        return cls(torch.tensor(rows, dtype=torch.int64, device=device), torch.stack(vectors))


@dataclass(frozen=True, eq=False)
class PersistentStep(DecodingStep):
    """The same step as `DecodingStep`, of one row; `tuning.splits` programs a head."""

    @cached_property
    def _packed(self) -> PersistentWeights:
        return PersistentWeights.of(self.weights)

    @cached_property
    def _meetings(self) -> Tensor:
        shape = self.config.heads + 1
        return torch.zeros(shape, dtype=torch.int64, device=self.state.x.device)

    def layers(self) -> None:
        """All layers in one launch; part by part where programs cannot wait for each other."""
        layers = self.config.layers
        if not knobs.runtime.interpret or self.tuning.splits * self.config.heads == 1:
            self._launch_layers(0, layers, ALL)
            return
        for layer in range(layers):
            for part in range(PARTS):
                self._launch_layers(layer, layer + 1, part)

    def _launch_layers(self, first: int, last: int, part: int) -> None:
        state, width, heads = self.state, self.config.width, self.config.heads
        lane, per_head = width // heads, self.tuning.splits
        programs = heads * per_head
        blocks = {
            "QKV": triton.cdiv(3 * lane, per_head),
            "OUT": triton.cdiv(width, programs),
            "UP": triton.cdiv(4 * width, programs),
            "BLOCK_W": lane,
            "BLOCK_D": width,
            "BLOCK_M": 4 * width,
        }
        layers_kernel[(programs,)](
            self._packed.table, self._packed.vectors, state.x, state.query, state.inner,
            state.partial, state.peaks, state.cache.keys, state.cache.values, state.slots,
            self._meetings, first, last, state.cache.capacity, lane**-0.5, self.weights.eps,
            D=width, H=heads, W=lane, P=per_head, BLOCK_L=self.tuning.block_keys, PART=part,
            num_warps=self.tuning.persistent_warps, launch_cooperative_grid=part == ALL,
            **{name: triton.next_power_of_2(size) for name, size in blocks.items()},
        )  # fmt: skip
