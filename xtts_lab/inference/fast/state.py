"""What a decoding step reads and writes, at fixed addresses: a graph replays on them.

B rows, D width, V codes, H heads, L capacity of the cache, S splits of the keys, n steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xtts_lab.nn.attention import KVCache
from xtts_lab.nn.gpt import GptConfig


@dataclass(frozen=True, eq=False)
class DecodingState:
    """`x` [B, D] float32 is the input of the next step, `logits` [B, V] what it is drawn from.

    `codes` int32 [B, n], `states` float32 [B, n, D]; `slots`, `places`, `taken`, `tight` and
    `stopped` int32 [B] move on with every step, on the device; `limits` int32 [B] do not.
    """

    cache: KVCache
    x: Tensor
    query: Tensor
    inner: Tensor
    partial: Tensor
    peaks: Tensor
    sums: Tensor
    arrived: Tensor
    attended: Tensor
    logits: Tensor
    seen: Tensor
    uniforms: Tensor
    codes: Tensor
    states: Tensor
    slots: Tensor
    places: Tensor
    taken: Tensor
    tight: Tensor
    stopped: Tensor
    limits: Tensor

    @classmethod
    def empty(
        cls,
        config: GptConfig,
        rows: int,
        capacity: int,
        steps: int,
        splits: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> DecodingState:
        """Allocate once; `restart` makes it new for other prompts."""
        width, heads = config.width, config.heads

        def floats(*shape: int) -> Tensor:
            return torch.zeros(shape, device=device)

        def counts(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.int32, device=device)

        shares = (rows, heads, splits)
        return cls(
            cache=KVCache.empty(
                config.layers, rows, heads, capacity, width // heads, device, dtype
            ),
            x=floats(rows, width),
            query=floats(rows, width),
            inner=floats(rows, 4 * width),
            partial=floats(*shares, width // heads),
            peaks=floats(*shares),
            sums=floats(*shares),
            arrived=counts(rows, heads),
            attended=floats(rows, width),
            logits=floats(rows, config.audio_tokens),
            seen=torch.zeros(rows, config.audio_tokens, dtype=torch.int8, device=device),
            uniforms=torch.zeros(rows, steps, dtype=torch.float64, device=device),
            codes=counts(rows, steps),
            states=floats(rows, steps, width),
            slots=counts(rows),
            places=counts(rows),
            taken=counts(rows),
            tight=counts(rows),
            stopped=counts(rows),
            limits=counts(rows),
        )

    @property
    def rows(self) -> int:
        return self.x.shape[0]

    @property
    def steps(self) -> int:
        return self.codes.shape[1]

    def restart(self, rows: Tensor | slice, counts: Tensor, uniforms: Tensor) -> None:
        """Begin `rows` [R] anew, with random numbers `uniforms` float64 [R, n].

        `counts` int32 [3, R]: positions of the prompts in the cache, after how many positions the
        output goes on, and for how many more at most.
        """
        lengths, counted, limits = counts
        self.slots[rows] = lengths - 1
        self.places[rows] = counted + 1
        self.limits[rows] = limits
        self.uniforms[rows] = uniforms
        for counter in (self.taken, self.tight, self.stopped, self.seen):
            counter[rows] = 0
