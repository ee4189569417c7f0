"""Reading prompts into an engine's rows: prefixes as they are known, then what follows them.

B rows, N prefix, S positions after it, D width.

A reading has a shape: prefixes of up to so many positions, and up to so many after them. On a GPU
it is a graph, so shapes are rounded up to buckets. One short prompt in float32 goes through kernels
(`prompt`), where they run; anything else through the model's own modules.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from xtts_lab.inference.fast.prompt import PromptLayers, can_read
from xtts_lab.inference.fast.state import DecodingState
from xtts_lab.inference.fast.weights import DecodingWeights
from xtts_lab.inference.generate import Prompt, embed_prompt
from xtts_lab.inference.graph import Graphed, to_device
from xtts_lab.inference.prefixes import Prefixes
from xtts_lab.nn.gpt import Gpt

BUCKET = 32
"""Positions are padded to a multiple of so many: one graph serves many lengths."""


def bucketed(count: int, size: int = BUCKET) -> int:
    """Round up to whole buckets."""
    return -(-count // size) * size


class Embedded:
    """Prompts as they are read: `rest` [B, S, D] after the prefixes.

    `sizes`, `before` and `lengths` [B] count the positions of the rest, the prefix and both.
    """

    def __init__(self, gpt: Gpt, prompts: Sequence[Prompt]) -> None:
        self.prefixes = [prompt.prefix for prompt in prompts]
        rows = [embed_prompt(gpt, prompt, prefixed=False) for prompt in prompts]
        self.sizes = [row.shape[0] for row in rows]
        self.before = [prefix.shape[0] for prefix in self.prefixes]
        self.lengths = [sum(pair) for pair in zip(self.sizes, self.before, strict=True)]
        alone = len(rows) == 1
        self.rest = rows[0][None] if alone else pad_sequence(rows, batch_first=True)

    def room(self, bucket: int) -> tuple[int, int]:
        """The shape that holds them, in whole buckets."""
        return bucketed(max(self.before), bucket), bucketed(self.rest.shape[1], bucket)


class Reading:
    """Reads prompts that fit `room`, `rows` of them at a time."""

    def __init__(
        self,
        gpt: Gpt,
        prefixes: Prefixes,
        state: DecodingState,
        room: tuple[int, int],
        rows: int,
        weights: DecodingWeights,
    ) -> None:
        device, weight = state.x.device, gpt.audio_embedding.weight
        self._gpt, self._prefixes, self._state = gpt, prefixes, state
        self._rest = torch.zeros(rows, room[1], gpt.config.width, device=device, dtype=weight.dtype)
        # Of each row: positions after the prefix and in it, and its row of the state.
        self._numbers = torch.zeros(3, rows, dtype=torch.long, device=device)
        self._slots = min(sum(room), state.cache.capacity)
        self._own = gpt.empty_cache(rows, self._slots)
        ours = rows == 1 and can_read(gpt.config, device, weight.dtype, room[1])
        self._layers = PromptLayers(gpt.config, weights, room[1]) if ours else None
        self._replay: Graphed | None = None

    def record(self, row: int) -> None:
        """Make a graph of it where there are any; the rows from `row` on are overwritten."""
        count = self._numbers.shape[1]
        self._numbers.copy_(torch.tensor([[1] * count, [0] * count, list(range(row, row + count))]))
        self._replay = Graphed(self._read, self._rest.device)

    def __call__(self, said: Embedded, rows: Sequence[int]) -> None:
        """Read into some rows: by the graph, where one was recorded."""
        self._prefixes.fill(self._own, said.prefixes, range(len(said.prefixes)))
        self._rest[:, : said.rest.shape[1]].copy_(said.rest)
        numbers = torch.tensor([said.sizes, said.before, list(rows)])
        self._numbers.copy_(to_device(numbers, self._rest.device))
        (self._replay or self._read)()

    def _read(self) -> None:
        state, (sizes, before, at) = self._state, self._numbers
        last = self._states(before, (sizes - 1).view(-1, 1, 1))
        cache = state.cache.used(self._slots)
        cache.keys.index_copy_(1, at, self._own.keys)
        cache.values.index_copy_(1, at, self._own.values)
        state.states[:, 0].index_copy_(0, at, last.float())
        state.logits.index_copy_(0, at, self._gpt.audio_head(last).float())

    def _states(self, before: Tensor, at: Tensor) -> Tensor:
        """Through all layers: the states [B, D] of the rows' positions `at` [B, 1, 1]."""
        at = at.expand(-1, 1, self._rest.shape[2])
        if self._layers is None:
            return self._gpt.extend(self._rest, before, self._own).gather(1, at)[:, 0]
        self._layers(self._rest[0], self._numbers[0], before, self._own)
        return self._gpt.normalise(self._rest.gather(1, at)[:, 0])
