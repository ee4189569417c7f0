"""The schedule of masked decoding, against an implementation of its own on a toy model."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from xtts_lab.nn.masking import MASKED, draw, fill, least_certain, still_masked

CODES = 7


class Toy:
    """Logits [M, K] of a table that every settled code shifts; remembers what it was asked."""

    def __init__(self, frames: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.table = 3 * torch.randn(frames, CODES, generator=generator)
        self.shift = torch.randn(CODES, CODES, generator=generator)
        self.asked: list[list[int]] = []

    def __call__(self, codes: Tensor) -> Tensor:
        self.asked.append(codes.tolist())
        settled = codes[codes != MASKED]
        return self.table + 0.1 * self.shift[settled].sum(0)


def by_hand(toy: Toy, frames: int, passes: int) -> tuple[list[int], list[int]]:
    """Plain lists, greedy: the codes, and how many were masked before each pass."""
    codes, masked_before = [MASKED] * frames, []
    for number in range(1, passes + 1):
        open_places = [at for at, code in enumerate(codes) if code == MASKED]
        if not open_places:
            break
        masked_before.append(len(open_places))
        logits = toy(torch.tensor(codes)).tolist()
        best = {at: max(range(CODES), key=lambda k, at=at: logits[at][k]) for at in open_places}
        total = {at: math.log(sum(math.exp(x) for x in logits[at])) for at in open_places}
        sure = {at: logits[at][best[at]] - total[at] for at in open_places}
        stay = math.floor(frames * math.cos(math.pi / 2 * number / passes) + 1e-12)
        stay = 0 if number == passes else min(stay, len(open_places) - 1)
        for at in sorted(open_places, key=lambda at: (-sure[at], at))[: len(open_places) - stay]:
            codes[at] = best[at]
    return codes, masked_before


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 24), st.integers(1, 20), st.integers(0, 1000))
def test_it_is_the_schedule_by_hand(frames: int, passes: int, seed: int) -> None:
    ours, theirs = Toy(frames, seed), Toy(frames, seed)
    noise = torch.rand(passes, 2, frames)
    codes = fill(torch.full((frames,), MASKED), ours, passes, 0.0, 0.0, noise)
    expected, masked_before = by_hand(theirs, frames, passes)
    assert codes.tolist() == expected
    assert [asked.count(MASKED) for asked in ours.asked] == masked_before


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 64))
def test_counts_fall_along_a_cosine_to_nothing(frames: int, passes: int) -> None:
    counts = still_masked(frames, passes)
    assert len(counts) == min(passes, frames) or (counts and counts[-1] == 0)
    assert all(later < earlier for earlier, later in zip([frames, *counts], counts, strict=False))
    assert not counts or counts[-1] == 0
    for done, left in enumerate(counts, start=1):
        assert left <= math.cos(math.pi / 2 * done / passes) * frames + 1e-9


def test_sixteen_passes_over_a_hundred_frames() -> None:
    """By a pocket calculator: 100 cos(pi k / 32), rounded down."""
    first = [99, 98, 95, 92, 88, 83, 77, 70, 63, 55, 47, 38, 29, 19, 9, 0]
    assert still_masked(100, 16) == first
    with pytest.raises(ValueError, match="0 passes"):
        still_masked(3, 0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-9, 0), min_size=1, max_size=20), st.data())
def test_the_least_certain_wait(certainty: list[float], data: st.DataObject) -> None:
    count = len(certainty)
    masked = torch.tensor(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    waiting = data.draw(st.integers(0, int(masked.sum())))
    values = torch.tensor(certainty)
    kept = least_certain(values, masked, waiting)
    assert int(kept.sum()) == waiting
    assert not bool((kept & ~masked).any())
    settled = masked & ~kept
    if bool(kept.any()) and bool(settled.any()):
        assert float(values[kept].max()) <= float(values[settled].min())


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 16), st.floats(0.0, 2.0), st.integers(0, 99))
def test_what_was_known_stays_and_nothing_is_settled_twice(
    frames: int, passes: int, temperature: float, seed: int
) -> None:
    torch.manual_seed(seed)
    known = torch.randint(0, CODES, (frames,))
    given_codes = torch.where(torch.rand(frames) < 0.5, known, torch.full_like(known, MASKED))
    toy, noise = Toy(frames, seed), torch.rand(passes, 2, frames)
    made = fill(given_codes, toy, passes, temperature, 0.5, noise)
    assert bool(((made >= 0) & (made < CODES)).all())
    states = [given_codes.tolist(), *toy.asked, made.tolist()]
    for before, after in pairwise(states):
        assert all(b in (MASKED, a) for b, a in zip(before, after, strict=True))
    again = fill(given_codes, Toy(frames, seed), passes, temperature, 0.5, noise)
    assert torch.equal(made, again)


@pytest.mark.parametrize("passes", [1, 4, 64])
def test_one_masked_code_is_the_plain_prediction(passes: int) -> None:
    toy = Toy(9, 3)
    codes = torch.arange(9) % CODES
    codes[4] = MASKED
    made = fill(codes.clone(), toy, passes, 1.5, 1.0, torch.rand(passes, 2, 9))
    assert int(made[4]) == int(toy(codes)[4].argmax())
    assert len(toy.asked) == 2  # one pass, and the question above


def test_codes_are_drawn_as_often_as_they_are_likely() -> None:
    logits = torch.tensor([0.7, 0.2, 0.1]).log().expand(4000, 3)
    numbers = (torch.arange(4000) + 0.5) / 4000
    counts = torch.bincount(draw(logits, numbers, 1.0), minlength=3) / 4000
    torch.testing.assert_close(counts, torch.tensor([0.7, 0.2, 0.1]), atol=1e-3, rtol=0)
    sharper = torch.bincount(draw(logits, numbers, 0.5), minlength=3) / 4000
    squares = torch.tensor([0.49, 0.04, 0.01])
    torch.testing.assert_close(sharper, squares / squares.sum(), atol=1e-3, rtol=0)
    assert draw(logits[:2], numbers[-2:], 0.0).tolist() == [0, 0]
