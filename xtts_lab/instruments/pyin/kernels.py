"""The loops of pYIN and of what follows it, frame after frame, compiled at their first call.

What is rounded, and in which order, is what NumPy rounds for whole arrays: outputs are the same
bits, without the arrays in between, and other threads work meanwhile. F frames, P lags, N troughs,
K bins of pitch, H thresholds, V voiced frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from xtts_lab.instruments.pyin.jit import compiled

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]

_TOGETHER = 128
"""Numbers that NumPy adds up in eight sums; of more it adds the halves."""


@compiled
def differences(frames: Floats, alike: Floats, shortest: int) -> tuple[Floats, Floats]:
    """Return YIN's normalised differences (its equation 8), and where parabolas through three of
    them have their ends, in lags from the middle one.

    Frames [F, W] and their autocorrelation [F, 1 + P] -> both [F, 1 + P - shortest], of the lags
    from `shortest` on.
    """
    count, most = alike.shape[0], alike.shape[1] - 1
    kept = most - shortest + 1
    found, shifts = np.empty((count, kept)), np.zeros((count, kept))
    tiny = np.finfo(np.float64).tiny
    for f in range(count):
        energy, total = frames[f, 0] * frames[f, 0], 0.0
        for i in range(most):
            raw = 2.0 * (alike[f, 0] - alike[f, i + 1])
            if i > 0:  # librosa has overwritten the first one by then
                energy += frames[f, i] * frames[f, i]
                raw -= energy
            total = raw if i == 0 else total + raw
            if i >= shortest - 1:
                found[f, i - shortest + 1] = raw / (total / (i + 1) + tiny)
        for i in range(1, kept - 1):
            left, middle, right = found[f, i - 1], found[f, i], found[f, i + 1]
            bend, slope = right + left - 2.0 * middle, (right - left) / 2.0
            if abs(slope) < abs(bend):
                shifts[f, i] = -slope / bend
    return found, shifts


@compiled
def troughs(found: Floats) -> tuple[Whole, Whole]:
    """Return frame and lag of local minima, frame by frame: [F, P] -> [N], [N]; P is 2 or more."""
    count, lags = found.shape
    frame, lag = np.empty(count * lags, np.int64), np.empty(count * lags, np.int64)
    n = 0
    for f in range(count):
        for i in range(lags):
            falls = i == 0 or found[f, i] < found[f, i - 1]
            if i == 0:  # as in librosa: strictly lower at the edge
                stays = found[f, 0] < found[f, 1]
            else:
                stays = i == lags - 1 or found[f, i] <= found[f, i + 1]
            if falls and stays:
                frame[n], lag[n] = f, i
                n += 1
    return frame[:n].copy(), lag[:n].copy()


@compiled
def priors(
    heights: Floats, starts: Whole, thresholds: Floats, table: Floats, sums: Floats
) -> tuple[Floats, Floats]:
    """Return how probable each trough is under each threshold, and what the lowest has besides.

    `starts` [G + 1]: where each frame's troughs begin, and where the last end; `table`: of the
    k-th of n troughs; `sums` [H + 1]: probabilities of the first thresholds. -> [N, H], [N].
    """
    prior, lowest = np.zeros((len(heights), len(thresholds))), np.zeros(len(heights))
    for g in range(len(starts) - 1):
        first, last = starts[g], starts[g + 1]
        best = first
        for n in range(first, last):
            if heights[n] < heights[best]:
                best = n
        above = 0
        for h in range(len(thresholds)):
            if not heights[best] < thresholds[h]:
                above += 1
                continue
            total = 0
            for n in range(first, last):
                total += heights[n] < thresholds[h]
            place = 0
            for n in range(first, last):
                if heights[n] < thresholds[h]:
                    prior[n, h] = table[place, total]
                    place += 1
        lowest[best] = sums[above]
    return prior, lowest


@compiled
def observed(
    frame: Whole, bins: Whole, probable: Floats, frames: int, count: int
) -> tuple[Floats, Floats]:
    """Return the probabilities of voiced states [F, K], and of each unvoiced one [F].

    `bins` of `count` or more are beyond them; of equal ones the last counts.
    """
    voiced, rest = np.zeros((frames, count)), np.empty(frames)
    for n in range(len(frame)):
        if bins[n] < count:
            voiced[frame[n], bins[n]] = probable[n]
    for f in range(frames):
        total = 0.0
        for k in range(count):
            total += voiced[f, k]
        rest[f] = (1.0 - min(max(total, 0.0), 1.0)) / count
    return voiced, rest


@compiled
def nearby(
    samples: Floats, at: Whole, near: Whole, reach: int, window: int, parts: Whole
) -> Floats:
    """Return squared differences between a frame and itself, lags from `near` - `reach` on later.

    The frames, `window` long, begin at [V] in `samples`; the two stretches that are compared lie
    around a frame's middle. `parts`: see `parts_of` their length. -> [V, 2 reach + 1].
    """
    size, deepest = parts[:, 1].sum(), parts[:, 2].max()
    found = np.empty((len(at), 2 * reach + 1))
    squares, sums = np.empty(size), np.empty(deepest + 2)
    depths = np.empty(deepest + 2, np.int64)
    for v in range(len(at)):
        for step in range(2 * reach + 1):
            lag = near[v] + step - reach
            start = at[v] + (window - size - lag) // 2
            for i in range(size):
                apart = samples[start + i] - samples[start + lag + i]
                squares[i] = apart * apart
            n = 0
            for p in range(len(parts)):
                sums[n] = _sum(squares, parts[p, 0], parts[p, 1])
                depths[n] = parts[p, 2]
                n += 1
                while n > 1 and depths[n - 1] == depths[n - 2]:
                    n -= 1
                    sums[n - 1] += sums[n]
                    depths[n - 1] -= 1
            found[v, step] = sums[0]
    return found


@lru_cache
def parts_of(count: int) -> Whole:
    """Return how NumPy cuts up numbers that it adds: start, count and depth of each part, [p, 3].

    What is too long for one part is halved, at a multiple of eight.
    """
    return np.array([*_halves(0, count, 0)], np.int64)


def _halves(start: int, count: int, depth: int) -> Iterator[tuple[int, int, int]]:
    if count <= _TOGETHER:
        yield start, count, depth
        return
    half = count // 2 - count // 2 % 8
    yield from _halves(start, half, depth + 1)
    yield from _halves(start + half, count - half, depth + 1)


@compiled
def _sum(values: Floats, start: int, count: int) -> float:
    """Add up one part, in eight sums."""
    total, whole = 0.0, count - count % 8
    if count >= 8:
        a, b, c, d = values[start], values[start + 1], values[start + 2], values[start + 3]
        e, f, g, h = values[start + 4], values[start + 5], values[start + 6], values[start + 7]
        for i in range(start + 8, start + whole, 8):
            a += values[i]
            b += values[i + 1]
            c += values[i + 2]
            d += values[i + 3]
            e += values[i + 4]
            f += values[i + 5]
            g += values[i + 6]
            h += values[i + 7]
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(start + whole, start + count):
        total += values[i]
    return total
