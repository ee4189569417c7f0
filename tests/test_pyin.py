"""Our pYIN takes librosa's path, whatever the sound, and where states leap."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from xtts_lab.instruments.f0 import SAMPLE_RATE, WINDOW
from xtts_lab.instruments.pyin import tracking


def _sound(kind: str, seed: int) -> Any:
    """Return some sound of under a second, from digital silence to a voice that leaps."""
    draw = np.random.default_rng(seed)
    time = np.arange(draw.integers(200, 14_000)) / SAMPLE_RATE
    noise = draw.normal(size=len(time)) * 10.0 ** draw.uniform(-7, -0.5)
    if kind == "noise":
        return noise
    if kind == "flat":
        return np.full(len(time), draw.integers(-1, 2), np.float64)
    if kind == "glide":
        hertz = draw.uniform(50, 700) * np.exp(0.3 * np.sin(draw.uniform(1, 60) * time))
    else:  # from frame to frame farther than a voice can
        hertz = np.where((time // draw.uniform(0.01, 0.1)) % 2, 80.0, draw.uniform(200, 590))
    sound = np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE) + noise
    return np.where(time < draw.uniform(-0.5, 0.3), 0.0, sound)


@settings(deadline=None, max_examples=40)  # compiled at the first call
@given(
    st.sampled_from(["noise", "flat", "glide", "leap"]),
    st.integers(0, 2**32 - 1),
    st.sampled_from([(60.0, 600.0), (40.0, 2000.0), (75.0, 350.0)]),
)
def test_pitch_takes_the_path_of_librosas_pyin(
    kind: str, seed: int, limits: tuple[float, float]
) -> None:
    import librosa

    samples = _sound(kind, seed)
    grid = tracking.Grid(SAMPLE_RATE, WINDOW, 160, *limits, bins=5)
    hertz, voiced = tracking.track(samples, grid)
    theirs = librosa.pyin(
        samples, fmin=limits[0], fmax=limits[1], sr=SAMPLE_RATE, frame_length=WINDOW,
        hop_length=160, resolution=0.2, fill_na=None,
    )  # fmt: skip
    assert np.array_equal(voiced, theirs[1])
    assert np.array_equal(hertz, theirs[0])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.floats(0.0, 1.0))
def test_a_path_may_leap_where_nothing_else_is_possible(
    seed: int, frames: int, certain: float
) -> None:
    import librosa

    from xtts_lab.instruments.pyin.path import best_path

    draw = np.random.default_rng(seed)
    grid = tracking.Grid(SAMPLE_RATE, WINDOW, 160, 100.0, 400.0, bins=5)
    probable = np.zeros((frames, 2 * grid.count))
    for row in probable:  # one bin and nothing else, or that and the unvoiced ones
        share = 1.0 if draw.random() < certain else draw.random()
        row[draw.integers(grid.count)] = share
        row[grid.count :] = (1.0 - share) / grid.count
    near = librosa.sequence.transition_local(grid.count, 21, window="triangle", wrap=False)
    moves = np.kron(librosa.sequence.transition_loop(2, 0.99), near)
    theirs = librosa.sequence.viterbi(probable.T.copy(), moves)
    band, floor = tracking._transitions(grid)
    tiny = np.finfo(np.float64).tiny
    even = float(np.log(1.0 / (2 * grid.count) + tiny))
    assert np.array_equal(best_path(np.log(probable + tiny), band, floor, even), theirs)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 1000), st.integers(1, 9))
def test_differences_nearby_are_those_that_numpy_adds_up(seed: int, size: int, frames: int) -> None:
    from xtts_lab.instruments.pyin.kernels import nearby, parts_of

    draw = np.random.default_rng(seed)
    window, reach = size + 40, 3
    samples = draw.normal(size=2 * window + 100) * 10.0 ** draw.uniform(-6, 6)
    at, near = draw.integers(0, window, frames), draw.integers(4, 37, frames)
    found = nearby(samples, at, near, reach, window, parts_of(size))
    for frame, middle, row in zip(at, near, found, strict=True):
        for lag, heard in zip(range(middle - reach, middle + reach + 1), row, strict=True):
            start = frame + (window - size - lag) // 2
            later = samples[start + lag : start + lag + size]
            assert heard == np.square(samples[start : start + size] - later).sum()
