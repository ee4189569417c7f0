"""The diffusion decoder: schedules, the DDIM update against closed forms, the denoiser."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from xtts_lab.nn import ddim
from xtts_lab.nn.ddim import ScheduleName
from xtts_lab.nn.diffusion import DiffusionConfig, DiffusionDecoder

TINY = DiffusionConfig(
    input_width=12, bands=10, width=16, heads=2, layers=2, train_steps=100, state_layers=1
)
BOUNDS = (-1.0, 1.0)
SCHEDULES = st.sampled_from(["linear", "cosine"])


def decoder(config: DiffusionConfig = TINY) -> DiffusionDecoder:
    torch.manual_seed(0)
    return DiffusionDecoder(config).eval().requires_grad_(False)


def inputs(batch: int = 3, states: int = 5) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(states)
    mel_shape = (batch, TINY.bands, states * TINY.ratio)
    return torch.randn(batch, states, TINY.input_width, generator=random), torch.randn(
        mel_shape, generator=random
    )


@given(SCHEDULES, st.integers(1, 2000))
def test_alphas_fall_within_0_and_1(name: ScheduleName, train_steps: int) -> None:
    schedule = ddim.alphas(name, train_steps)
    assert len(schedule) == train_steps
    assert all(later < earlier for earlier, later in pairwise(schedule))
    assert schedule[0] < 1.0
    assert schedule[-1] > 0.0


def test_alphas_are_those_of_the_papers() -> None:
    linear, cosine = ddim.alphas("linear", 1000), ddim.alphas("cosine", 1000)
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    expected = torch.cumprod(1 - betas, 0)
    torch.testing.assert_close(torch.tensor(linear, dtype=torch.float64), expected)
    half = [math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2 for t in (0.0, 0.5)]
    assert cosine[499] == pytest.approx(half[1] / half[0], rel=1e-9)
    assert linear[-1] < 1e-4 > cosine[-1]


@given(st.integers(1, 1000), st.data())
def test_timesteps_fall_from_the_last_to_the_first(train_steps: int, data: st.DataObject) -> None:
    steps = data.draw(st.integers(1, train_steps))
    times = ddim.timesteps(steps, train_steps)
    assert len(set(times)) == steps
    assert list(times) == sorted(times, reverse=True)
    assert times[0] == train_steps - 1
    assert steps == 1 or times[-1] == 0


@settings(max_examples=60)
@given(SCHEDULES, st.integers(2, 1000), st.data())
def test_an_oracle_recovers_the_data(
    name: ScheduleName, train_steps: int, data: st.DataObject
) -> None:
    """A denoiser that knows x0 names the noise that is left; the sampler ends at x0."""
    steps = data.draw(st.integers(2, min(train_steps, 60)))
    schedule = ddim.alphas(name, train_steps)
    random = torch.Generator().manual_seed(steps)
    clean = torch.rand(2, 3, 8, generator=random) * 2 - 1
    noise = torch.randn(2, 3, 8, generator=random)

    def oracle(noisy: Tensor, time: int) -> Tensor:
        alpha = schedule[time]
        return (noisy - math.sqrt(alpha) * clean) / math.sqrt(1 - alpha)

    result = ddim.sample(oracle, noise, schedule, steps, BOUNDS)
    torch.testing.assert_close(result, clean, rtol=0, atol=1e-4)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_step_keeps_the_noise(alpha: float, target: float) -> None:
    """From x0 and noise mixed at one level to the same two mixed at another: eta is 0."""
    random = torch.Generator().manual_seed(1)
    clean = (torch.rand(4, 5, generator=random) * 2 - 1).double()
    noise = torch.randn(4, 5, generator=random).double()
    mixed = [math.sqrt(a) * clean + math.sqrt(1 - a) * noise for a in (alpha, target)]
    moved = ddim.step(mixed[0], noise, alpha, target, BOUNDS)
    torch.testing.assert_close(moved, mixed[1], rtol=0, atol=1e-9)


def test_the_predicted_data_is_clamped() -> None:
    wild = torch.full((1, 2, 3), -50.0)
    moved = ddim.step(torch.zeros(1, 2, 3), wild, 0.5, 1.0, (-0.5, 0.25))
    assert torch.equal(moved, torch.full((1, 2, 3), 0.25))


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_mel_is_a_function_of_states_and_noise(steps: int) -> None:
    made, (states, noise) = decoder(), inputs()
    mel = made.sample(states, steps, noise)
    assert mel.shape == (3, TINY.bands, 4 * 5)
    assert float(mel.abs().max()) <= 1.0
    assert torch.equal(mel, made.sample(states, steps, noise))
    assert float((mel - made.sample(-states, steps, noise)).abs().max()) > 1e-2
    assert float((mel - made.sample(states, steps, -noise)).abs().max()) > 1e-2


@settings(max_examples=10)
@given(st.integers(1, 12), st.integers(1, 6))
def test_rows_are_independent_of_their_company(states: int, steps: int) -> None:
    """In float64: the first steps divide by the root of a small alpha, rounding included."""
    made = decoder().double()
    given_states, noise = (x.double() for x in inputs(3, states))
    together = made.sample(given_states, steps, noise)
    for row in range(3):
        own = slice(row, row + 1)
        alone = made.sample(given_states[own], steps, noise[own])
        torch.testing.assert_close(together[own], alone, rtol=0, atol=1e-9)


def test_the_denoiser_hears_the_timestep_and_its_own_row_only() -> None:
    made, (states, noise) = decoder(), inputs()
    conditions = made.states(states)
    assert conditions.shape == (3, TINY.width, noise.shape[-1])
    assert torch.equal(conditions[..., 0], conditions[..., 3])
    early = made(noise, torch.tensor([0, 50, 99]), conditions)
    late = made(noise, torch.tensor([0, 50, 10]), conditions)
    torch.testing.assert_close(early[:2], late[:2])
    assert float((early[2] - late[2]).abs().max()) > 1e-3


def test_what_cannot_be_is_refused() -> None:
    made, (states, noise) = decoder(), inputs()
    with pytest.raises(ValueError, match="shape"):
        made.sample(states, 2, noise[..., 1:])
    for steps in (0, TINY.train_steps + 1):
        with pytest.raises(ValueError, match="steps"):
            made.sample(states, steps, noise)
    with pytest.raises(ValueError, match="heads"):
        DiffusionConfig(width=100, heads=8)
    with pytest.raises(ValueError, match="empty"):
        DiffusionConfig(low=1.0, high=-1.0)
