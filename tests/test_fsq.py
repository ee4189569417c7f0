"""Finite scalar quantisation: the grid, its indices, and the gradient that skips the rounding."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from xtts_lab.nn.fsq import Fsq

ROUNDED = torch.tensor(1.0)

GRIDS = [(3,), (2, 2), (4, 3), (5, 4, 2), (8, 5, 5, 5), (5, 5, 5, 4, 4)]
grids = st.lists(st.integers(2, 9), min_size=1, max_size=4).map(tuple)


def every_code(fsq: Fsq) -> Tensor:
    return torch.arange(fsq.codes).unsqueeze(0)


def preimage(fsq: Fsq, codes: Tensor) -> Tensor:
    """Vectors [1, D, N] whose codes these are, from the paper's formula turned round."""
    digits, rest = [], codes.double()
    for level in fsq.levels:
        digits.append(rest % level - level // 2)
        rest = (rest / level).floor()
    columns = []
    for level, digit in zip(fsq.levels, digits, strict=True):
        half = (level - 1) * 1.001 / 2
        offset = 0.0 if level % 2 else 0.5
        columns.append(((digit + offset) / half).atanh() - math.atanh(offset / half))
    return torch.stack(columns, dim=1).float()


@pytest.mark.parametrize("levels", GRIDS)
def test_every_code_comes_back_from_its_place(levels: tuple[int, ...]) -> None:
    fsq = Fsq(levels)
    codes = every_code(fsq)
    vectors = preimage(fsq, codes)
    assert torch.equal(fsq(vectors), codes)
    torch.testing.assert_close(fsq.softly(vectors, ROUNDED), fsq.vectors(codes), rtol=0, atol=1e-6)


@settings(max_examples=40)
@given(grids)
def test_entries_are_a_grid_in_the_unit_cube(levels: tuple[int, ...]) -> None:
    fsq = Fsq(levels)
    entries = fsq.vectors(every_code(fsq))[0].t()
    assert len({tuple(entry.tolist()) for entry in entries}) == math.prod(levels) == fsq.codes
    assert float(entries.abs().max()) <= 1.0
    for column, level in zip(entries.t(), levels, strict=True):
        steps = column.unique().diff()
        torch.testing.assert_close(steps, torch.full((level - 1,), 1.0 / (level // 2)))


def test_the_values_of_the_paper() -> None:
    """Section 3.1: L = 3 rounds to -1, 0, 1; an even L has one level more below zero."""
    assert Fsq((3,)).vectors(torch.arange(3).unsqueeze(0)).flatten().tolist() == [-1.0, 0.0, 1.0]
    assert Fsq((4,)).vectors(torch.arange(4).unsqueeze(0)).flatten().tolist() == [-1, -0.5, 0, 0.5]


@settings(max_examples=40)
@given(grids, st.integers(0, 2**31), st.floats(0.1, 20))
def test_codes_and_entries_agree_wherever_vectors_lie(
    levels: tuple[int, ...], seed: int, scale: float
) -> None:
    fsq = Fsq(levels)
    random = torch.Generator().manual_seed(seed)
    vectors = scale * torch.randn(2, len(levels), 17, generator=random)
    codes = fsq(vectors)
    assert codes.shape == (2, 17)
    assert int(codes.min()) >= 0
    assert int(codes.max()) < fsq.codes
    torch.testing.assert_close(fsq.softly(vectors, ROUNDED), fsq.vectors(codes), rtol=0, atol=1e-6)
    assert torch.equal(fsq(vectors[1:]), codes[1:])


@pytest.mark.parametrize("levels", GRIDS)
def test_the_gradient_is_that_of_the_bound(levels: tuple[int, ...]) -> None:
    fsq = Fsq(levels)
    vectors = torch.randn(1, len(levels), 50, dtype=torch.float32, requires_grad=True)
    fsq.softly(vectors, ROUNDED).sum().backward()
    rounded = vectors.grad
    vectors.grad = None
    fsq.softly(vectors, torch.tensor(0.0)).sum().backward()
    assert rounded is not None
    assert vectors.grad is not None
    torch.testing.assert_close(rounded, vectors.grad)
    assert bool((rounded > 0).all())


def test_noise_is_as_wide_as_a_level() -> None:
    fsq = Fsq((5,))
    vectors = torch.zeros(1, 1, 4000)
    spread = fsq.softly(vectors, torch.tensor(0.999))
    assert float(spread.abs().max()) <= 0.25
    assert float(spread.std()) == pytest.approx(0.5 / math.sqrt(12), rel=0.05)
    assert float(fsq.softly(vectors, torch.tensor(0.0)).abs().max()) == 0.0


@pytest.mark.parametrize("levels", [(), (1, 5), (5, 0)])
def test_impossible_levels_are_refused(levels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two levels or more"):
        Fsq(levels)
