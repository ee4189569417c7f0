"""The likeliest path through pYIN's states, compiled at its first call."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from xtts_lab.instruments.pyin.jit import compiled

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]


@compiled
def best_path(observed: Floats, band: Floats, floor: float, first: float) -> Whole:
    """Viterbi: log-probabilities [F, 2 K] and of moves [2, 2, K, W] -> states [F].

    `floor`: of a move that no band holds; `first`: of each state at the beginning. Of equals the
    lowest is taken, as by `numpy.argmax` over all states.
    """
    frames, states = observed.shape
    count, width = band.shape[2], band.shape[3]
    half = width // 2
    came = np.zeros((frames, states), np.uint16)
    value, fresh = observed[0] + first, np.empty(states)
    for t in range(1, frames):
        best = np.argmax(value)
        far = value[best] + floor
        for state in range(states):
            new, to = state // count, state % count
            found, where = -np.inf, best
            for old in range(2):
                for w in range(max(0, half - to), min(width, count + half - to)):
                    start = old * count + to + w - half
                    reached = value[start] + band[old, new, to, w]
                    if reached > found:
                        found, where = reached, start
            if far > found or (far == found and best < where):
                found, where = far, best
            came[t, state] = where
            fresh[state] = observed[t, state] + found
        value, fresh = fresh, value
    path = np.empty(frames, np.int64)
    path[-1] = np.argmax(value)
    for t in range(frames - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path
