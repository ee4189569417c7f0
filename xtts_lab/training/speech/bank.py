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
from xtts_lab.training.stage import Batch, Shard

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHOLE = Shard()


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

    Raises `UsageError` where nothing is there, or rates differ.
    """

    def __init__(self, corpora: Sequence[Corpus], split: Split, alphabet: Alphabet) -> None:
        self.sample_rate = one_rate(corpora)
        self._items = [item for one in corpora for item in _items(one, split, alphabet)]
        if not self._items:
            names = ", ".join(corpus.folder.name for corpus in corpora)
            raise UsageError(f"corpora {names}: nothing of their split '{split}' is rendered yet")
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
        """Whole utterances of like length, `seconds` of padded audio in all (see `whole`)."""
        random = draws.generator(seed, stream, index)
        budget = int(seconds * self.sample_rate)
        chosen = draws.like_lengths(self.order, self.lengths, budget, shard.count, random)
        return self.whole(chosen, shard)

    def whole(self, items: NDArray[np.int64], shard: Shard = WHOLE) -> Batch:
        """These utterances: `samples` int16 [B, T], zero beyond `lengths` [B]; `symbols` [B, L] of
        which `symbol_lengths` [B] count; `languages` [B]; `share`, of the rows, times processes.
        """
        mine = items[shard.index :: shard.count]
        told = [self._items[item] for item in mine]
        width = max(1, *(len(one.symbols) for one in told))
        symbols = [one.symbols + (0,) * (width - len(one.symbols)) for one in told]
        return {
            "samples": self.parts(mine, np.zeros_like(mine), int(self.lengths[mine].max())),
            "lengths": torch.from_numpy(self.lengths[mine]),
            "symbols": torch.tensor(symbols),
            "symbol_lengths": torch.tensor([len(one.symbols) for one in told]),
            "languages": torch.tensor([one.language for one in told]),
            "share": torch.tensor(len(mine) * shard.count / len(items)),
        }

    def crops(
        self, seed: int, stream: int, index: int, count: int, size: int, shard: Shard = WHOLE
    ) -> Batch:
        """`count` parts of `size` samples: `samples` int16 [B, size], `languages` [B], `share`."""
        drawn = draws.crops(self.lengths, count, size, draws.generator(seed, stream, index))
        mine = slice(shard.index, None, shard.count)
        samples = self.parts(drawn.items[mine], drawn.starts[mine], size)
        share = torch.tensor(samples.shape[0] * shard.count / count)
        languages = torch.tensor([self.language(int(item)) for item in drawn.items[mine]])
        return {"samples": samples, "languages": languages, "share": share}

    def parts(self, items: NDArray[np.int64], starts: NDArray[np.int64], size: int) -> Tensor:
        """Parts of utterances, int16 [B, size], zero beyond an utterance's end."""
        rows = np.zeros((len(items), size), dtype=np.int16)
        for row, item, start in zip(rows, items, starts, strict=True):
            found = self._items[item].read()[start : start + size]
            row[: len(found)] = found
        return torch.from_numpy(rows)


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
