"""pYIN (Mauch and Dixon 2014) as librosa 0.11 has it, in a third of its time.

P lags, F frames, N troughs (candidates for a period), K bins of pitch, H thresholds.

librosa asks SciPy for a distribution once a frame and lets each of 2 K states be reached from
every other one, though a voice moves by few bins from frame to frame. Here the distribution is a
table, and a state is reached from its neighbours; one that lies farther is as good as the best of
all states, which is how it comes out where everything is equally impossible. Tests hold the paths
equal to `librosa.pyin`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from xtts_lab.instruments.compiled import import_librosa

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

_BLOCK = 32
"""Frames whose spectra are computed together: they stay in a core's cache."""
_THRESHOLDS, _BETA, _BOLTZMANN = 100, (2.0, 18.0), 2.0
_NO_TROUGH, _SWITCH, _OCTAVES_A_SECOND = 0.01, 0.01, 35.92
"""The defaults of the authors' program, and of librosa."""


@dataclass(frozen=True)
class Grid:
    """How pitch is cut up: `bins` a semitone from `min_hz` to `max_hz`; frames `hop` apart."""

    sample_rate: int
    window: int
    hop: int
    min_hz: float
    max_hz: float
    bins: int

    @property
    def shortest(self) -> int:
        """The shortest period that is looked at, in samples."""
        return math.floor(self.sample_rate / self.max_hz)

    @property
    def longest(self) -> int:
        """The longest one."""
        return min(math.ceil(self.sample_rate / self.min_hz), self.window - 1)

    @property
    def count(self) -> int:
        """K."""
        return math.floor(12 * self.bins * math.log2(self.max_hz / self.min_hz)) + 1


def track(samples: Floats, grid: Grid) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the pitch of each frame in Hz, a bin's own, and whether it is voiced: [T] -> [F].

    F = 1 + T // hop, frame i centred at sample i * hop.
    """
    import numpy as np

    import_librosa()  # sets where compiled code is kept
    from xtts_lab.instruments.pyin.path import best_path

    observed = _observed(samples, grid)
    band, floor = _transitions(grid)
    even = math.log(1.0 / (2 * grid.count) + np.finfo(np.float64).tiny)
    states = best_path(observed, band, floor, even)
    hertz = grid.min_hz * 2.0 ** (np.arange(grid.count) / (12 * grid.bins))
    return hertz[states % grid.count], states < grid.count


def _observed(samples: Floats, grid: Grid) -> Floats:
    """Return the log-probability of each state by what is heard in each frame: [T] -> [F, 2 K].

    The first K are voiced, the others share what is left.
    """
    import numpy as np

    from xtts_lab.instruments.pyin import kernels

    frames = np.lib.stride_tricks.sliding_window_view(
        np.pad(samples, grid.window // 2), grid.window
    )[:: grid.hop]
    found, shifts = kernels.differences(frames, _alike(frames, grid.longest), grid.shortest)
    frame, lag = kernels.troughs(found)
    probable = _probable(found[frame, lag], frame, 1 + found.shape[1] // 2)
    some = probable > 0.0
    lag, frame, probable = lag[some], frame[some], probable[some]
    hertz = grid.sample_rate / (grid.shortest + lag + shifts[frame, lag])
    at = np.round(12 * grid.bins * np.log2(hertz / grid.min_hz))
    bins = np.clip(at, 0, grid.count).astype(np.int64)
    voiced, rest = kernels.observed(frame, bins, probable, len(frames), grid.count)
    tiny = np.finfo(np.float64).tiny
    logs = np.full((len(frames), 2 * grid.count), math.log(tiny))
    likely = np.nonzero(voiced)
    logs[likely] = np.log(voiced[likely] + tiny)
    logs[:, grid.count :] = np.log(rest + tiny)[:, None]
    return logs


def _alike(frames: Floats, most: int) -> Floats:
    """Return autocorrelations of the lags up to `most`: [F, W] -> [F, 1 + most]."""
    import numpy as np

    autocorrelate = import_librosa().autocorrelate
    found = np.empty((len(frames), most + 1))
    for start in range(0, len(frames), _BLOCK):
        part = frames[start : start + _BLOCK]
        found[start : start + _BLOCK] = autocorrelate(part, max_size=most + 1, axis=-1)
    return found


def _probable(heights: Floats, frame: Whole, most: int) -> Floats:
    """Return how probable each trough is the period, over thresholds that are beta-distributed.

    Of those under a threshold the first ones are likelier; where none is, the lowest is it, with a
    probability of `_NO_TROUGH`. `most`: troughs of a frame.
    """
    import numpy as np

    from xtts_lab.instruments.pyin import kernels

    if not len(frame):
        return np.zeros(0)
    thresholds, weights, sums = _prior()
    starts = np.flatnonzero(np.r_[True, frame[1:] != frame[:-1], True])
    prior, lowest = kernels.priors(heights, starts, thresholds, _boltzmann(most), sums)
    # A frame at a time, as librosa does: a product of all rows may round otherwise, which decides
    # between paths that are equally likely.
    parts = [prior[first:last] @ weights for first, last in pairwise(starts.tolist())]
    probable: Floats = np.concatenate(parts) + _NO_TROUGH * lowest
    return probable


@lru_cache
def _prior() -> tuple[Floats, Floats, Floats]:
    """Return thresholds [H], their probabilities [H], and the sums [H + 1] of the first ones."""
    import numpy as np
    import scipy.stats

    edges = np.linspace(0.0, 1.0, _THRESHOLDS + 1)
    weights = np.diff(scipy.stats.beta.cdf(edges, *_BETA))
    sums = np.array([weights[:count].sum() for count in range(_THRESHOLDS + 1)])
    return edges[1:], weights, sums


@lru_cache
def _boltzmann(most: int) -> Floats:
    """Return the probability of the k-th of n troughs: [most, most + 1]."""
    import numpy as np
    import scipy.stats

    places, counts = np.ogrid[:most, 1 : most + 1]
    table = scipy.stats.boltzmann.pmf(places, _BOLTZMANN, counts)
    return np.concatenate([np.zeros((most, 1)), table], axis=1)


@lru_cache
def _transitions(grid: Grid) -> tuple[Floats, float]:
    """Return the log-probability of coming to a state from its neighbours, and from any other.

    [2, 2, K, W]: from voiced and unvoiced to voiced and unvoiced, to bin k from k - W // 2 + w.
    """
    import numpy as np

    librosa = import_librosa()
    semitones = round(_OCTAVES_A_SECOND * 12 * grid.hop / grid.sample_rate)
    width, count = semitones * grid.bins + 1, grid.count
    near = librosa.sequence.transition_local(count, width, window="triangle", wrap=False)
    tiny = np.finfo(np.float64).tiny
    switch = librosa.sequence.transition_loop(2, 1.0 - _SWITCH)
    half = width // 2
    band = np.full((2, 2, count, 2 * half + 1), math.log(tiny))
    to, step = np.mgrid[:count, -half : half + 1]
    start = to + step
    real = (start >= 0) & (start < count)
    for old in (0, 1):
        for new in (0, 1):
            moved = switch[old, new] * near[start[real], to[real]]
            band[old, new][real] = np.log(moved + tiny)
    return band, math.log(tiny)
