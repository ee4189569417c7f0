"""Drawing codes: the filters' definitions, and independence of company."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xtts_lab.errors import UsageError
from xtts_lab.inference.sampling import (
    Sampler,
    SamplingOptions,
    distribution,
    draw,
    margin,
    uniforms,
)

logits_lists = st.lists(st.floats(-8, 8, width=32), min_size=3, max_size=12)


def one(logits: list[float], **options: float) -> list[float]:
    row = torch.tensor([logits])
    off = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
    chosen = SamplingOptions(**{**off, **options})  # type: ignore[arg-type]
    return list(distribution(row, torch.zeros_like(row, dtype=torch.bool), chosen)[0].tolist())


@given(logits_lists, st.integers(1, 5))
def test_top_k_keeps_the_k_best(logits: list[float], count: int) -> None:
    kept = [p > 0 for p in one(logits, top_k=count)]
    least = sorted(logits)[-min(count, len(logits))]
    assert kept == [value >= least for value in logits]


@given(logits_lists, st.floats(0.05, 0.95))
def test_top_p_keeps_the_smallest_set_with_that_mass(logits: list[float], mass: float) -> None:
    probabilities = one(logits)
    kept = [p > 0 for p in one(logits, top_p=mass)]
    inside = sum(p for p, k in zip(probabilities, kept, strict=True) if k)
    assert inside >= mass - 1e-5
    weakest = min(p for p, k in zip(probabilities, kept, strict=True) if k)
    assert inside - weakest <= mass + 1e-5


def test_golden_values_by_hand() -> None:
    assert one([math.log(6), math.log(3), 0.0]) == pytest.approx([0.6, 0.3, 0.1])
    assert one([math.log(6), math.log(3), 0.0], top_k=2) == pytest.approx([2 / 3, 1 / 3, 0])
    assert one([math.log(6), math.log(3), 0.0], top_p=0.55) == pytest.approx([1, 0, 0])
    assert one([math.log(2), 0.0], temperature=0.5) == pytest.approx([0.8, 0.2])
    assert one([1.0, 3.0, 2.0], temperature=0.0) == [0, 1, 0]


def test_the_penalty_lowers_what_was_seen_whatever_its_sign() -> None:
    logits = torch.tensor([[2.0, -2.0, 2.0, -2.0]])
    seen = torch.tensor([[True, True, False, False]])
    options = SamplingOptions(1.0, 0, 1.0, 2.0)
    expected = torch.tensor([[1.0, -4.0, 2.0, -2.0]]).softmax(-1)
    torch.testing.assert_close(distribution(logits, seen, options), expected)


@settings(max_examples=30)
@given(logits_lists, st.integers(0, 2**31))
def test_what_is_ruled_out_is_never_drawn(logits: list[float], seed: int) -> None:
    probabilities = torch.tensor([one(logits, top_k=2)]).expand(50, -1)
    codes = draw(probabilities, uniforms(seed, 50))
    assert bool((probabilities[0][codes] > 0).all())


def test_draws_follow_the_distribution() -> None:
    probabilities = torch.tensor([0.5, 0.0, 0.2, 0.3])
    codes = draw(probabilities.expand(20000, -1), uniforms(3, 20000))
    shares = torch.bincount(codes, minlength=4) / 20000
    # 4 standard errors of a share of 0.5 among 20,000
    assert float((shares - probabilities).abs().max()) < 4 * math.sqrt(0.25 / 20000)


@pytest.mark.parametrize("number", [0.0, 0.25, 0.5, 1.0 - 2**-53])
def test_the_ends_of_the_interval(number: float) -> None:
    row = torch.tensor([[0.0, 0.25, 0.25, 0.5, 0.0]])
    expected = {0.0: 1, 0.25: 2, 0.5: 3}.get(number, 3)
    assert int(draw(row, torch.tensor([number], dtype=torch.float64))) == expected


def test_the_margin_is_the_distance_to_the_nearest_edge() -> None:
    row = torch.tensor([[0.5, 0.0, 0.2, 0.3]])
    for number, expected in ((0.45, 0.05), (0.69, 0.01), (0.9, 0.2)):
        assert float(margin(row, torch.tensor([number]))) == pytest.approx(expected, abs=1e-6)


def test_random_numbers_depend_on_the_seed_alone() -> None:
    assert torch.equal(uniforms(7, 5), uniforms(7, 9)[:5])
    assert not torch.equal(uniforms(7, 5), uniforms(8, 5))


def test_rows_with_different_options_do_not_touch_each_other() -> None:
    options = [SamplingOptions(), SamplingOptions(temperature=0.0), SamplingOptions(top_k=3)]
    generator = torch.Generator().manual_seed(0)
    steps = [torch.randn(3, 30, generator=generator) * 3 for _ in range(12)]
    noise = torch.rand(12, 3, generator=generator, dtype=torch.float64)
    device = torch.device("cpu")
    together = Sampler(options, 30, 29, device)
    joint = torch.stack([together(s, u)[0] for s, u in zip(steps, noise, strict=True)])
    for row, option in enumerate(options):
        alone = Sampler([option], 30, 29, device)
        codes = [
            alone(s[row : row + 1], u[row : row + 1])[0] for s, u in zip(steps, noise, strict=True)
        ]
        assert torch.equal(torch.cat(codes), joint[:, row])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", -1.0),
        ("top_k", -1),
        ("top_p", 0.0),
        ("top_p", 1.5),
        ("repetition_penalty", 0),
    ],
)
def test_impossible_options_are_refused(key: str, value: float) -> None:
    with pytest.raises(UsageError, match=key):
        SamplingOptions(**{key: value})  # type: ignore[arg-type]


def test_margins_say_how_near_another_code_was() -> None:
    logits = torch.tensor([[math.log(6), math.log(3), 0.0, -20.0]])
    device = torch.device("cpu")
    greedy = Sampler([SamplingOptions(0.0, 0, 1.0, 1.0)], 4, 3, device)
    _, gap = greedy(logits, torch.tensor([0.5]))
    assert float(gap) == pytest.approx(math.log(2), abs=1e-6)
    drawing = Sampler([SamplingOptions(1.0, 0, 1.0, 1.0)], 4, 3, device)
    code, distance = drawing(logits, torch.tensor([0.58]))
    assert int(code) == 0
    assert float(distance) == pytest.approx(0.02, abs=1e-6)
