"""Cosines with many vectors are, bit for bit, those with each of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xtts_lab.metrics.cosines import MOST_KEPT, MOST_TERMS, Cosines, exact_sums
from xtts_lab.metrics.secs import cosine


def test_sums_are_rounded_once_whatever_cancels() -> None:
    rng = np.random.default_rng(0)
    for trial in range(200):
        rows, terms = int(rng.integers(1, 30)), int(rng.integers(1, 300))
        shape = (rows, terms) if trial % 2 else (1, 1)
        values = rng.standard_normal((rows, terms)) * 2.0 ** rng.integers(-60, 60, shape)
        half = terms // 2
        if trial % 3 == 0:
            values[:, half : 2 * half] = -values[:, :half]
        assert exact_sums(values) == [math.fsum(row) for row in values.tolist()]


def test_sums_at_a_tie_of_many_terms_and_of_none() -> None:
    ties = np.array([[1.0, 2.0**-53, 0.0], [1.0, 2.0**-53, 2.0**-120], [2.0**53, 1.0, 2.0**-99]])
    assert exact_sums(ties) == [math.fsum(row) for row in ties.tolist()]
    many = np.random.default_rng(1).standard_normal((2, MOST_TERMS + 1))
    assert exact_sums(many) == [math.fsum(row) for row in many.tolist()]
    assert exact_sums(np.zeros((2, 0))) == [0.0, 0.0]
    assert [math.copysign(1.0, s) for s in exact_sums(np.array([[-0.0, -0.0]]))] == [
        math.copysign(1.0, math.fsum([-0.0, -0.0]))
    ]
    with pytest.raises(OverflowError):
        exact_sums(np.array([[1e308, 1e308, -1e308]]))


def test_cosines_are_those_of_each_pair_however_many_came_before() -> None:
    rng = np.random.default_rng(2)
    cosines = Cosines()
    vectors = rng.standard_normal((MOST_KEPT + 20, 16)).round(6).tolist()
    for own in vectors[:3]:
        assert cosines(own, vectors) == [cosine(own, other) for other in vectors]


@pytest.mark.parametrize("other", [[0.0, 0.0], [1.0, 2.0, 3.0]])
def test_a_vector_without_an_angle_is_refused(other: list[float]) -> None:
    with pytest.raises(ValueError, match="embedding"):
        Cosines()([1.0, 0.0], [[1.0, 1.0], other])
