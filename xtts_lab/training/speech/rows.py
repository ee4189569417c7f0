"""Utterances as the rows of a batch. B rows, T samples, L symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xtts_lab.training.stage import Batch


@dataclass(frozen=True, eq=False)
class Spoken:
    """An utterance: its samples int16 [T], its sounds and its language as numbers."""

    samples: NDArray[np.int16]
    symbols: tuple[int, ...]
    language: int


def together(rows: Sequence[Spoken], share: float, least: tuple[int, int] = (1, 1)) -> Batch:
    """Return utterances as a batch: `samples` int16 [B, T], zero beyond `lengths` [B]; `symbols`
    [B, L] of which `symbol_lengths` [B] count; `languages` [B]; and `share`.

    T and L are those of the longest rows, or `least`.
    """
    width = max(least[1], *(len(row.symbols) for row in rows))
    lengths = [len(row.samples) for row in rows]
    return {
        "samples": padded([row.samples for row in rows], max(least[0], *lengths)),
        "lengths": torch.tensor(lengths),
        "symbols": torch.tensor([row.symbols + (0,) * (width - len(row.symbols)) for row in rows]),
        "symbol_lengths": torch.tensor([len(row.symbols) for row in rows]),
        "languages": torch.tensor([row.language for row in rows]),
        "share": torch.tensor(share),
    }


def padded(clips: Sequence[NDArray[np.int16]], size: int) -> Tensor:
    """Return the first `size` samples of clips, int16 [B, size], zero beyond a clip's end."""
    rows = np.zeros((len(clips), size), dtype=np.int16)
    for row, clip in zip(rows, clips, strict=True):
        row[: len(clip)] = clip[:size]
    return torch.from_numpy(rows)
