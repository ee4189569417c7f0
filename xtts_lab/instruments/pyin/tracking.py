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
from typing import TYPE_CHECKING

from xtts_lab.instruments.compiled import import_librosa

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

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

    observed = _observed(*_differences(samples, grid), grid)
    band, floor = _transitions(grid)
    tiny = np.finfo(np.float64).tiny
    even = math.log(1.0 / (2 * grid.count) + tiny)
    states = best_path(np.log(observed + tiny), band, floor, even)
    hertz = grid.min_hz * 2.0 ** (np.arange(grid.count) / (12 * grid.bins))
    return hertz[states % grid.count], states < grid.count


def _differences(samples: Floats, grid: Grid) -> tuple[Floats, Floats]:
    """Return YIN's normalised differences [P, F] (its equation 8), and where parabolas through
    three of them have their ends, in lags from the middle one."""
    import numpy as np

    librosa = import_librosa()
    padded = np.pad(samples, grid.window // 2)
    frames = librosa.util.frame(padded, frame_length=grid.window, hop_length=grid.hop)
    most = grid.longest
    alike = librosa.autocorrelate(frames, max_size=most + 1, axis=0)
    energy = np.cumsum(np.square(frames), axis=0)[:most]
    energy[0] = 0.0  # as in librosa, which has overwritten it by then
    raw = 2.0 * (alike[:1] - alike[1:]) - energy  # of lags 1 to `longest`
    mean = np.cumsum(raw, axis=0) / np.arange(1, most + 1)[:, None]
    below = mean[grid.shortest - 1 :]
    found = raw[grid.shortest - 1 :] / (below + np.finfo(below.dtype).tiny)
    bend = found[2:] + found[:-2] - 2.0 * found[1:-1]
    slope = (found[2:] - found[:-2]) / 2.0
    shifts = np.zeros_like(found)
    inside = np.abs(slope) < np.abs(bend)
    np.divide(-slope, bend, out=shifts[1:-1], where=inside)
    return found, shifts


def _observed(found: Floats, shifts: Floats, grid: Grid) -> Floats:
    """Return how probable each state is by what is heard in each frame: -> [F, 2 K].

    The first K are voiced, the others share what is left.
    """
    import numpy as np

    lag, frame = _troughs(found)
    probable = _probable(found[lag, frame], frame)
    some = probable > 0.0
    lag, frame, probable = lag[some], frame[some], probable[some]
    hertz = grid.sample_rate / (grid.shortest + lag + shifts[lag, frame])
    at = np.round(12 * grid.bins * np.log2(hertz / grid.min_hz))
    observed = np.zeros((2 * grid.count, found.shape[1]))
    observed[np.clip(at, 0, grid.count).astype(np.int64), frame] = probable  # the last one counts
    voiced = np.clip(observed[: grid.count].sum(axis=0), 0.0, 1.0)
    observed[grid.count :] = (1.0 - voiced) / grid.count
    return np.ascontiguousarray(observed.T)


def _troughs(found: Floats) -> tuple[Whole, Whole]:
    """Return lag and frame of local minima, frame by frame: [P, F] -> [N], [N]."""
    import numpy as np

    falls = np.ones_like(found, dtype=bool)
    falls[1:] = found[1:] < found[:-1]
    stays = np.ones_like(falls)
    stays[:-1] = found[:-1] <= found[1:]
    stays[0] = found[0] < found[1]
    frame, lag = np.nonzero((falls & stays).T)
    return lag, frame


def _probable(heights: Floats, frame: Whole) -> Floats:
    """Return how probable each trough is the period, over thresholds that are beta-distributed.

    Of those under a threshold the first ones are likelier; where none is, the lowest is it, with a
    probability of `_NO_TROUGH`.
    """
    import numpy as np

    if not len(frame):
        return np.zeros(0)
    thresholds, weights, sums = _prior()
    starts = np.flatnonzero(np.r_[True, frame[1:] != frame[:-1]])
    of = np.cumsum(np.r_[False, frame[1:] != frame[:-1]])  # which of the frames with troughs
    under = heights[:, None] < thresholds
    so_far = np.cumsum(under, axis=0, dtype=np.int32)
    before = so_far[starts] - under[starts]
    total = np.add.reduceat(under, starts, axis=0, dtype=np.int32)
    place = so_far - before[of] - 1
    prior = np.where(under, _boltzmann(max(1, int(total.max())))[place, total[of]], 0.0)
    # A frame at a time, as librosa does: a product of all rows may round otherwise, which decides
    # between paths that are equally likely.
    parts = [rows @ weights for rows in np.split(prior, starts[1:])]
    probable: Floats = np.concatenate(parts)
    lowest = np.minimum.reduceat(heights, starts)
    _, first = np.unique(np.where(heights == lowest[of], of, -1), return_index=True)
    first = first[-len(starts) :]
    probable[first] += _NO_TROUGH * sums[(~under[first]).sum(axis=1)]
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
