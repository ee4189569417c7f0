"""Which utterances make a batch: from (seed, number of the batch) alone, so that training resumes.

Nothing is shuffled once and walked through; each batch is drawn afresh, whatever came before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEIGHBOURHOOD = 0.05
"""The share of all utterances, next to each other in length, of which a batch is drawn."""


@dataclass(frozen=True)
class Crops:
    """Parts of utterances: which ones, and where each begins, in samples."""

    items: NDArray[np.int64]
    starts: NDArray[np.int64]


def generator(seed: int, stream: int, index: int) -> np.random.Generator:
    """Return the random numbers of one batch of a stream (0 train, 1 validation, ...)."""
    return np.random.default_rng((seed, stream, index))


def like_lengths(
    order: NDArray[np.int64],
    lengths: NDArray[np.int64],
    budget: int,
    least: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw whole utterances of like length that, padded to the longest, hold `budget` samples.

    `order` lists the utterances by length. At least `least` are drawn, none twice but where there
    are not so many.
    """
    count = len(order)
    size = min(count, max(least, 16, round(count * NEIGHBOURHOOD)))
    middle = int(random.integers(count))
    first = min(max(middle - size // 2, 0), count - size)
    near = order[first : first + size]
    wanted = max(least, budget // int(lengths[near[-1]]))
    drawn = random.permutation(near)[:wanted]
    return np.resize(drawn, max(least, len(drawn)))


def crops(lengths: NDArray[np.int64], count: int, size: int, random: np.random.Generator) -> Crops:
    """Draw `count` parts of `size` samples, each second of speech as likely as any other.

    An utterance that is shorter is taken from its beginning.
    """
    ends = np.cumsum(lengths)
    items = np.searchsorted(ends, random.integers(ends[-1], size=count), side="right")
    room = np.maximum(lengths[items] - size, 0)
    starts = (random.random(count) * (room + 1)).astype(np.int64)
    return Crops(items, starts)
