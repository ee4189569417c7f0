"""Batches of one split of one or more corpora. B rows, T samples, L symbols.

Samples stay in their files and are read by memmap, from any thread; they travel as int16 and become
float32 in [-1, 1] where they are used (`waveform`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.training.corpora.folder import Split
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.speech import draws
from xtts_lab.training.speech.alphabet import Alphabet
from xtts_lab.training.speech.fresh import FreshWorld
from xtts_lab.training.speech.rows import Spoken, padded, together
from xtts_lab.training.stage import Batch, Shard

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHOLE = Shard()
LADDER = 0.5
"""Seconds between the lengths that rows of `Bank.utterances` are padded to."""
SYMBOLS = 64
"""Between the counts of symbols that such rows are padded to where they are spoken afresh."""


def waveform(batch: Batch) -> Tensor:
    """The samples of a batch as float32 [B, T] in [-1, 1]."""
    return batch["samples"].float() / 32768.0


@dataclass(frozen=True)
class _Item:
    corpus: Corpus
    number: int
    samples: int
    symbols: tuple[int, ...]
    language: int
    speaker: str

    def read(self) -> NDArray[np.int16]:
        return self.corpus.samples(self.number)


class Bank:
    """The utterances of one split, of corpora with one sample rate.

    Training batches of a corpus that is `fresh` are spoken as they are asked for, as many as of any
    other corpus; what of it is rendered serves for statistics, and beside other corpora.

    Raises `UsageError` where nothing is there, or rates differ.
    """

    def __init__(self, corpora: Sequence[Corpus], split: Split, alphabet: Alphabet) -> None:
        self.sample_rate = one_rate(corpora)
        self._items = [item for one in corpora for item in _items(one, split, alphabet)]
        if not self._items:
            names = ", ".join(corpus.folder.name for corpus in corpora)
            raise UsageError(f"corpora {names}: nothing of their split '{split}' is rendered yet")
        self._corpora = len(corpora)
        afresh = [one for one in corpora if one.fresh and split == "train"]
        self._fresh = [FreshWorld(one, alphabet) for one in afresh]
        self.lengths = np.array([item.samples for item in self._items], dtype=np.int64)
        self.order = np.argsort(self.lengths, kind="stable")

    def __len__(self) -> int:
        return len(self._items)

    @cached_property
    def speakers(self) -> list[NDArray[np.int64]]:
        """The utterances of each speaker, in the order of the speakers' names."""
        found: dict[str, list[int]] = {}
        for at, item in enumerate(self._items):
            found.setdefault(item.speaker, []).append(at)
        return [np.array(found[name], dtype=np.int64) for name in sorted(found)]

    def language(self, item: int) -> int:
        """The number of an utterance's language."""
        return self._items[item].language

    def utterances(
        self, seed: int, stream: int, index: int, seconds: float, shard: Shard = WHOLE
    ) -> Batch:
        """Whole utterances of like length, `seconds` of padded audio in all (see `whole`).

        In few shapes, for graphs are recorded for each: T in steps of `LADDER`, and as many rows
        and symbols as T says.
        """
        random = draws.generator(seed, stream, index)
        if (world := self._speaking(random)) is not None:
            step = round(LADDER * self.sample_rate)
            return _fresh_utterances(world, (seed, stream, index), seconds, shard, (step, SYMBOLS))
        budget = int(seconds * self.sample_rate)
        chosen = draws.like_lengths(self.order, self._rungs, budget, shard.count, random)
        rung = int(self._rungs[chosen].max())
        return self.whole(chosen, shard, (rung, self._most_symbols[rung]))

    @cached_property
    def _rungs(self) -> NDArray[np.int64]:
        """Each utterance's length, in samples, as `utterances` pads it."""
        step = round(LADDER * self.sample_rate)
        return -(-self.lengths // step) * step

    @cached_property
    def _most_symbols(self) -> dict[int, int]:
        """The most symbols of an utterance that is no longer than a rung of the ladder."""
        counts = np.array([len(item.symbols) for item in self._items])
        found = {}
        for rung in np.unique(self._rungs).tolist():
            found[rung] = max(1, int(counts[self._rungs <= rung].max()))
        return found

    def whole(
        self,
        items: NDArray[np.int64],
        shard: Shard = WHOLE,
        least: tuple[int, int] = (1, 1),
    ) -> Batch:
        """These utterances (see `rows.together`); `share`: of the rows, times processes."""
        mine = [self._items[item] for item in items[shard.index :: shard.count]]
        share = len(mine) * shard.count / len(items)
        rows = [Spoken(one.read(), one.symbols, one.language) for one in mine]
        return together(rows, share, least)

    def crops(
        self, seed: int, stream: int, index: int, count: int, size: int, shard: Shard = WHOLE
    ) -> Batch:
        """`count` parts of `size` samples: `samples` int16 [B, size], `languages` [B], `share`."""
        random = draws.generator(seed, stream, index)
        if (world := self._speaking(random)) is not None:
            return _fresh_crops(world, (seed, stream, index), count, size, shard)
        drawn = draws.crops(self.lengths, count, size, random)
        mine = slice(shard.index, None, shard.count)
        samples = self.parts(drawn.items[mine], drawn.starts[mine], size)
        share = torch.tensor(samples.shape[0] * shard.count / count)
        languages = torch.tensor([self.language(int(item)) for item in drawn.items[mine]])
        return {"samples": samples, "languages": languages, "share": share}

    def _speaking(self, random: np.random.Generator) -> FreshWorld | None:
        """The world that speaks a batch; None where it is read."""
        if not self._fresh:
            return None
        drawn = int(random.integers(self._corpora))
        return self._fresh[drawn] if drawn < len(self._fresh) else None

    def parts(self, items: NDArray[np.int64], starts: NDArray[np.int64], size: int) -> Tensor:
        """Parts of utterances, int16 [B, size], zero beyond an utterance's end."""
        return padded(
            [self._items[x].read()[at:] for x, at in zip(items, starts, strict=True)], size
        )


def _fresh_utterances(
    world: FreshWorld,
    at: tuple[int, int, int],
    seconds: float,
    shard: Shard,
    steps: tuple[int, int],
) -> Batch:
    count = max(world.rows(seconds), shard.count)
    mine = [world.draw(at, row) for row in range(shard.index, count, shard.count)]
    samples = max(len(one.samples) for one in mine)
    symbols = max(len(one.symbols) for one in mine)
    least = -(-samples // steps[0]) * steps[0], -(-symbols // steps[1]) * steps[1]
    return together(mine, len(mine) * shard.count / count, least)


def _fresh_crops(
    world: FreshWorld, at: tuple[int, int, int], count: int, size: int, shard: Shard
) -> Batch:
    mine = [world.part(at, row, size) for row in range(shard.index, count, shard.count)]
    return {
        "samples": padded([one.samples for one in mine], size),
        "languages": torch.tensor([one.language for one in mine]),
        "share": torch.tensor(len(mine) * shard.count / count),
    }


def one_rate(corpora: Sequence[Corpus]) -> int:
    """Return the sample rate of corpora in Hz; `UsageError` where they differ."""
    rates = sorted({corpus.sample_rate for corpus in corpora})
    if len(rates) != 1:
        raise UsageError(f"corpora: they have the sample rates {rates} Hz; give those of one rate")
    return rates[0]


def _items(corpus: Corpus, split: Split, alphabet: Alphabet) -> list[_Item]:
    table = corpus.split(split)
    columns = (table[name].tolist() for name in ("samples", "phonemes", "language", "speaker"))
    return [
        _Item(
            corpus,
            int(number),
            samples,
            tuple(alphabet.encode(told, language)),
            alphabet.language(language),
            f"{corpus.folder.name}/{speaker}",
        )
        for number, samples, told, language, speaker in zip(table.index, *columns, strict=True)
    ]
