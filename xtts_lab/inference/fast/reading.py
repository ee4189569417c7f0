"""Reading prompts into an engine's rows: prefixes as they are known, then what follows them.

B rows, N prefix, S positions after it, D width.

A reading has a shape: prefixes of up to so many positions, and up to so many after them. On a GPU
it is a graph, so shapes are rounded up to buckets. One short prompt in float32 goes through kernels
(`prompt`), where they run; anything else through the model's own modules.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from xtts_lab.inference.fast.prompt import PromptLayers, can_read
from xtts_lab.inference.fast.state import DecodingState
from xtts_lab.inference.fast.weights import DecodingWeights
from xtts_lab.inference.generate import Prompt, numbered
from xtts_lab.inference.graph import Graphed
from xtts_lab.inference.prefixes import Prefixes
from xtts_lab.nn.gpt import Gpt

BUCKET = 32
"""Positions are padded to a multiple of so many: one graph serves many lengths."""


def bucketed(count: int, size: int = BUCKET) -> int:
    """Round up to whole buckets."""
    return -(-count // size) * size


class Numbered:
    """Prompts as they are read, in numbers.

    `sizes`, `before` and `lengths` [B] count the positions after the prefix, in it, and both.
    """

    def __init__(self, gpt: Gpt, prompts: Sequence[Prompt]) -> None:
        self.prefixes = [prompt.prefix for prompt in prompts]
        self._parts = [numbered(gpt, prompt) for prompt in prompts]
        self.sizes = [sum(len(part[0]) for part in parts) for parts in self._parts]
        self.before = [prefix.shape[0] for prefix in self.prefixes]
        self.lengths = [sum(pair) for pair in zip(self.sizes, self.before, strict=True)]

    def room(self, bucket: int) -> tuple[int, int]:
        """The shape that holds them, in whole buckets."""
        return bucketed(max(self.before), bucket), bucketed(max(self.sizes), bucket)

    def numbers(self, rows: Sequence[int], rest: int) -> list[int]:
        """All of it as `Reading` has it, one after the other: `counts`, then `tokens`."""
        texts = [len(text[0]) for text, _ in self._parts]
        made = [*self.sizes, *self.before, *rows, *texts]
        for kind in (0, 1):
            for text, _ in self._parts:
                made += text[kind] + [0] * (rest - len(text[kind]))
        for kind in (0, 1):
            for text, audio in self._parts:
                before, said = len(text[0]), audio[kind]
                made += [0] * before + said + [0] * (rest - before - len(said))
        return made


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
        self._shapes = (4, rows), (4, rows, room[1])
        count = sum(prod(shape) for shape in self._shapes)
        self._numbers = torch.zeros(count, dtype=torch.long, device=device)
        self._order = torch.arange(room[1], device=device)
        self._held: list[Tensor] = []  # the prefixes that `own` has
        self._slots = min(sum(room), state.cache.capacity)
        self._own = gpt.empty_cache(rows, self._slots)
        ours = rows == 1 and can_read(gpt.config, device, weight.dtype, room[1])
        self._layers = PromptLayers(gpt.config, weights, room[1]) if ours else None
        self._replay: Graphed | None = None

    def _views(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Two views of all numbers, of each row.

        `counts` [4, B]: positions after the prefix and in it, the row of the state, and how many
        positions are text. `tokens` [4, B, S]: text and its places, audio and its places, each 0
        where the other is.
        """
        counts, tokens = torch.split(numbers, [prod(shape) for shape in self._shapes])
        return counts.view(self._shapes[0]), tokens.view(self._shapes[1])

    def record(self, row: int) -> None:
        """Make a graph of it where there are any; the rows from `row` on are overwritten."""
        counts, _ = self._views(self._numbers)
        count = counts.shape[1]
        rows = list(range(row, row + count))
        counts.copy_(torch.tensor([[1] * count, [0] * count, rows, [0] * count]))
        self._replay = Graphed(self._read, self._numbers.device)

    def __call__(self, said: Numbered, rows: Sequence[int]) -> None:
        """Read into some rows: by the graph, where one was recorded."""
        if not self._holds(said.prefixes):
            self._prefixes.fill(self._own, said.prefixes, range(len(said.prefixes)))
            self._held = said.prefixes
        size, pinned = self._numbers.shape, self._numbers.is_cuda
        numbers = torch.empty(size, dtype=torch.long, pin_memory=pinned)
        # By way of numpy: torch takes a number as long as this takes five.
        numbers.numpy()[:] = said.numbers(rows, self._shapes[1][2])
        self._numbers.copy_(numbers, non_blocking=True)
        (self._replay or self._read)()

    def _holds(self, prefixes: Sequence[Tensor]) -> bool:
        """Whether they are those that were read last: what lies on the CPU may have changed."""
        pairs = zip(prefixes, self._held, strict=False)
        return bool(self._held) and all(one is held and one.is_cuda for one, held in pairs)

    def _read(self) -> None:
        counts, tokens = self._views(self._numbers)
        state, (sizes, before, at, texts) = self._state, counts
        rest = self._embedded(texts, tokens)
        last = self._states(rest, before, (sizes - 1).view(-1, 1, 1))
        cache = state.cache.used(self._slots)
        cache.keys.index_copy_(1, at, self._own.keys)
        cache.values.index_copy_(1, at, self._own.values)
        state.states[:, 0].index_copy_(0, at, last.float())
        state.logits.index_copy_(0, at, self._gpt.audio_head(last).float())

    def _embedded(self, texts: Tensor, tokens: Tensor) -> Tensor:
        """What follows the prefixes: [B, S, D]."""
        text, audio = self._gpt.embed_text(*tokens[:2]), self._gpt.embed_audio(*tokens[2:])
        return torch.where((self._order < texts[:, None])[..., None], text, audio)

    def _states(self, rest: Tensor, before: Tensor, at: Tensor) -> Tensor:
        """Through all layers: the states [B, D] of the rows' positions `at` [B, 1, 1]."""
        at = at.expand(-1, 1, rest.shape[2])
        if self._layers is None:
            return self._gpt.extend(rest, before, self._own).gather(1, at)[:, 0]
        counts, _ = self._views(self._numbers)
        self._layers(rest[0], counts[0], before, self._own)
        return self._gpt.normalise(rest.gather(1, at)[:, 0])
