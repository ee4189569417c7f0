"""Batches for decoders: the GPT's, and beside them the codes of all levels.

B rows, P positions of the GPT, L levels, M frames, S text tokens. A row's frames are those of the
voice's prompt, where the conditioner has one, of which only the first level is known (-1), then
the target's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from xtts_lab.decoders.base import Decoder, Example
from xtts_lab.decoders.delay import NOTHING, delayed
from xtts_lab.nn.frame_net import Frames
from xtts_lab.training.gpt.batches import NONE, POSITIONS, Batches
from xtts_lab.training.speech import draws
from xtts_lab.training.stage import Batch, Shard

Ints = NDArray[np.int64]
FRAMES = 64
"""Text and frames come in multiples of so many."""

OWN_STREAM = 1000
"""What decoders draw is apart from what the GPT's batches draw, which stay what they are."""


@dataclass(frozen=True)
class _Row:
    """`start`: the position of the audio's start token; `end`: behind its last code."""

    text: Ints
    levels: Ints  # [L, K + n]
    prompted: int
    start: int
    end: int


class LevelBatches:
    """Adds to the batches of a split what a decoder learns from; pure in (seed, index)."""

    def __init__(self, inner: Batches, decoder: Decoder) -> None:
        self.inner, self.decoder = inner, decoder

    def batch(self, seed: int, stream: int, index: int, shard: Shard) -> Batch:
        """Return a batch: with a network of the decoder's own `said` [B, S], `level_codes`
        [B, L, M] and what is drawn of them; with several levels a step, `others` and their targets
        [B, L - 1, P]."""
        batch = self.inner.batch(seed, stream, index, shard)
        random = draws.generator(seed, OWN_STREAM + stream, index)
        rows = [self._row(batch, at) for at in range(len(batch["places"]))]
        if self.decoder.depth > 1:
            batch = self._stepped(batch, rows)
        if self.decoder.repeated:
            batch = {**batch, **self._framed(rows, random)}
        return batch

    def _row(self, batch: Batch, at: int) -> _Row:
        tokens = batch["tokens"][at].numpy()
        first = self.inner.config.text_tokens
        (audio,) = np.nonzero(tokens >= first)
        start, end = int(audio[0]), int(audio[-1]) + 1
        own = self.inner.utterances.all[int(batch["places"][at])].levels
        assert own is not None, "see `LevelSources`: codes have levels"
        prompted = end - start - 1 - len(own)
        levels = np.full((own.shape[1], prompted + len(own)), NOTHING, dtype=np.int64)
        levels[0, :prompted] = tokens[start + 1 : start + 1 + prompted] - first
        levels[:, prompted:] = own.T
        return _Row(tokens[1 : start - 1], levels, prompted, start, end)

    def _framed(self, rows: Sequence[_Row], random: np.random.Generator) -> Batch:
        """What a network over frames reads, and which codes are hidden from it."""
        lengths = np.array([row.levels.shape[1] for row in rows])
        prompted = np.array([row.prompted for row in rows])
        level, hidden = self.decoder.draw(random, lengths - prompted)
        said = _padded([row.text for row in rows], 0)
        codes = _padded([row.levels for row in rows], NOTHING)
        veil = np.zeros((len(rows), codes.shape[-1]), dtype=bool)
        for at, (row, some) in enumerate(zip(rows, hidden, strict=True)):
            veil[at, row.prompted : row.levels.shape[1]] = some
        arrays = {
            "said": said, "said_lengths": np.array([len(row.text) for row in rows]),
            "level_codes": codes, "frames": lengths, "prompted": prompted,
            "level": level, "hidden": veil,
        }  # fmt: skip
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _stepped(self, batch: Batch, rows: Sequence[_Row]) -> Batch:
        """The delay pattern: each row some steps longer, and what stands beside its first level."""
        more, config = self.decoder.depth - 1, self.inner.config
        grown = max(row.end + more for row in rows)
        width = -(-max(grown, batch["tokens"].shape[1]) // POSITIONS) * POSITIONS
        fills = {"tokens": 0, "at": 0, "text_targets": NONE, "audio_targets": NONE}
        made = {name: _widened(batch[name], width, fill) for name, fill in fills.items()}
        shape = (len(rows), more, width)
        others, targets = torch.full(shape, NOTHING), torch.full(shape, NONE)
        for at, row in enumerate(rows):
            end = row.end + more
            made["tokens"][at, row.end : end] = config.text_tokens + config.stop_audio
            last = int(made["at"][at, row.end - 1])
            made["at"][at, row.end : end] = last + 1 + torch.arange(more)
            steps = delayed(torch.from_numpy(row.levels[1:]))  # [L - 1, n + L - 1]
            # What a step draws is what the next position reads.
            others[at, :, row.start + 1 : end] = steps
            wanted = torch.where(steps == NOTHING, NONE, steps)
            targets[at, :, row.start : end - 1] = wanted
        return {**batch, **made, "others": others, "others_targets": targets}


def example_of(batch: Batch, prefix: torch.Tensor) -> Example:
    """What a decoder's own network learns from; `prefix` [B, N, D]."""
    frames = Frames(
        prefix, batch["said"], batch["said_lengths"], batch["level_codes"], batch["frames"]
    )
    return Example(frames, batch["prompted"], batch["level"], batch["hidden"])


def _padded(rows: Sequence[Ints], fill: int) -> Ints:
    """Rows [..., n] to one length, a multiple of `FRAMES`: few shapes."""
    size = -(-max(row.shape[-1] for row in rows) // FRAMES) * FRAMES
    made = np.full((len(rows), *rows[0].shape[:-1], size), fill, dtype=np.int64)
    for at, row in enumerate(rows):
        made[at, ..., : row.shape[-1]] = row
    return made


def _widened(values: torch.Tensor, width: int, fill: int) -> torch.Tensor:
    return torch.nn.functional.pad(values, (0, width - values.shape[1]), value=fill)
