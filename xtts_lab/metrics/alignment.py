"""Dynamic time warping of two sequences of vectors. M, N lengths, D dimensions, P path steps."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def distances(a: Array, b: Array) -> Array:
    """Return the Euclidean distance of every pair: [M, D], [N, D] -> [M, N]."""
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None, :] - 2.0 * (a @ b.T)
    # Cancellation leaves up to 1e-13 of the squares where a pair is equal: such pairs are 0.
    tiny = 1e-12 * (np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None, :])
    result: Array = np.sqrt(np.where(squares > tiny, squares, 0.0))
    return result


def warp(cost: Array) -> Array:
    """Return the cheapest path through a cost matrix, ends included: [M, N] -> int64 [P, 2].

    Steps are (1, 1), (1, 0), (0, 1), unweighted (Sakoe and Chiba 1978, symmetric, slope free);
    among equals the diagonal goes first, then (1, 0). Works by anti-diagonals, so that each is one
    numpy operation.
    """
    total = _accumulate(cost)
    i, j = cost.shape[0] - 1, cost.shape[1] - 1
    path = [(i, j)]
    while i or j:
        before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        i, j = min((p for p in before if min(p) >= 0), key=lambda p: total[p])
        path.append((i, j))
    return np.array(path[::-1], dtype=np.int64)


def _accumulate(cost: Array) -> Array:
    """Return the cheapest cost of reaching each cell: [M, N] -> [M, N]."""
    m, n = cost.shape
    total = np.full((m + 1, n + 1), np.inf)
    total[0, 0] = 0.0
    for diagonal in range(m + n - 1):
        i = np.arange(max(0, diagonal - n + 1), min(m, diagonal + 1))
        j = diagonal - i
        # total is shifted by one: [i, j] is the cell before [i + 1, j + 1] on the diagonal.
        before = np.minimum(np.minimum(total[i, j], total[i, j + 1]), total[i + 1, j])
        total[i + 1, j + 1] = cost[i, j] + before
    return total[1:, 1:]
