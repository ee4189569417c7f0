"""Reading a prompt into one row while the others speak: a graph for each bucket of lengths.

P positions of a bucket, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from xtts_lab.inference.fast.state import DecodingState
from xtts_lab.inference.graph import Graphed
from xtts_lab.nn.gpt import Gpt


class Admission:
    """Callable with an embedded prompt [1, n, D] of up to `bucket` positions, its length, a row.

    `row` is one that may be overwritten now: captures run what they capture.
    """

    def __init__(self, gpt: Gpt, state: DecodingState, bucket: int, row: int) -> None:
        device, width = state.x.device, gpt.config.width
        self._gpt, self._state, self._bucket = gpt, state, bucket
        dtype = gpt.audio_embedding.weight.dtype
        self._room = torch.zeros(1, bucket, width, device=device, dtype=dtype)
        self._length = torch.ones(1, dtype=torch.long, device=device)
        self._row = torch.full((1,), row, dtype=torch.long, device=device)
        self._own = gpt.empty_cache(1, bucket)
        self._replay = Graphed(self._read, device)

    def __call__(self, embedded: Tensor, length: Tensor, row: int) -> None:
        self._room[:, : embedded.shape[1]].copy_(embedded)
        self._length.copy_(length)
        self._row.fill_(row)
        self._replay()

    def _read(self) -> None:
        state, at = self._state, self._row
        hidden = self._gpt.prefill(self._room, self._length, self._own)
        cache = state.cache.used(self._bucket)
        cache.keys.index_copy_(1, at, self._own.keys)
        cache.values.index_copy_(1, at, self._own.values)
        state.states[:, 0].index_copy_(0, at, hidden.float())
        state.logits.index_copy_(0, at, self._gpt.audio_head(hidden).float())
