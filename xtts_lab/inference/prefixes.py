"""Keys and values of voices' prefixes, read once a voice: attention is causal, so nothing that
follows a prefix changes them.

B rows, N prefix, S other positions, D width; keys and values [layers, B, H, L, W].
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xtts_lab.nn.attention import KVCache
from xtts_lab.nn.gpt import Gpt

MOST_BYTES = 256_000_000
"""At XTTS-v2's sizes 32 voices in fp32 (30 layers x 32 positions x 2 x 1024 numbers each)."""


@dataclass(frozen=True, eq=False)
class _Read:
    prefix: Tensor
    cache: KVCache

    @property
    def size(self) -> int:
        return self.cache.keys.nbytes + self.cache.values.nbytes


class Prefixes:
    """The last voices' prefixes as one GPT reads them; its weights must stay what they are.

    A prefix on the CPU is known by its values; one on a device by being the same tensor, for a
    comparison would wait for the device. Every prefix is read alone, whether it is known or not:
    so what is said does not depend on what was said before.
    """

    def __init__(self, gpt: Gpt, most_bytes: int = MOST_BYTES) -> None:
        self._gpt, self._most = gpt, most_bytes
        self._known: OrderedDict[int, _Read] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return len(self._known)

    def __call__(self, prefix: Tensor) -> KVCache:
        """Keys and values of a prefix [N, D]: [layers, 1, H, N, W] each."""
        for number, read in self._known.items():
            if _same(read.prefix, prefix):
                self._known.move_to_end(number)
                return read.cache
        # A copy of what lies on the CPU: it may be changed in place.
        kept = prefix if prefix.is_cuda else prefix.clone()
        made = _Read(kept, self._read(prefix))
        self._count += 1
        self._known[self._count] = made
        while len(self._known) > 1 and sum(r.size for r in self._known.values()) > self._most:
            self._known.popitem(last=False)
        return made.cache

    def fill(self, cache: KVCache, prefixes: Sequence[Tensor], rows: Sequence[int]) -> None:
        """Write prefixes into the first slots of some rows of a cache."""
        alike = len(rows) > 1 and all(one is prefixes[0] for one in prefixes)
        if alike and prefixes[0].shape[0]:
            at = torch.tensor(list(rows), device=cache.keys.device)
            read, length = self(prefixes[0]), prefixes[0].shape[0]
            cache.keys[:, at, :, :length] = read.keys
            cache.values[:, at, :, :length] = read.values
            return
        for row, prefix in zip(rows, prefixes, strict=True):
            if length := prefix.shape[0]:
                read = self(prefix)
                cache.keys[:, row, :, :length] = read.keys[:, 0]
                cache.values[:, row, :, :length] = read.values[:, 0]

    def _read(self, prefix: Tensor) -> KVCache:
        weight = self._gpt.audio_embedding.weight
        cache = self._gpt.empty_cache(1, prefix.shape[0])
        lengths = torch.tensor([prefix.shape[0]], device=weight.device)
        self._gpt.prefill(prefix.to(weight).unsqueeze(0), lengths, cache)
        return cache


def _same(one: Tensor, other: Tensor) -> bool:
    if one.is_cuda or other.is_cuda:
        return one is other
    return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)
