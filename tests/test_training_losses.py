"""The losses and judges of codec, vocoder and recogniser: values with their origin."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from xtts_lab.nn.ctc import CtcConfig, CtcRecogniser, greedy
from xtts_lab.nn.dvae import Quantiser
from xtts_lab.training.codec.codebook import CodebookAverages, usage
from xtts_lab.training.discriminators import Discriminators
from xtts_lab.training.losses.adversarial import discriminator_loss, feature_loss, generator_loss
from xtts_lab.training.losses.ctc import ctc_loss, recordable_ctc_loss
from xtts_lab.training.losses.spectral import MultiScaleMel, masked_distance
from xtts_lab.training.recogniser import distortion
from xtts_lab.training.recogniser.edits import Rates, edits

RATE = 24000


def noise(rows: int, samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(rows, samples, generator=torch.Generator().manual_seed(seed))


def test_the_mel_distance_is_a_distance() -> None:
    loss = MultiScaleMel(RATE)
    one, other = noise(2, 9000, 0), noise(2, 9000, 1)
    assert float(loss(one, one)) == 0.0
    assert float(loss(one, other)) > 0.1
    torch.testing.assert_close(loss(one, other), loss(other, one))


@pytest.mark.parametrize("gain", [0.5, 2.0, 4.0])
def test_a_gain_is_as_far_as_its_power_in_nats(gain: float) -> None:
    """Noise fills every band, so each log power moves by 2 log(gain)."""
    one = noise(1, 24000)
    assert float(MultiScaleMel(RATE)(gain * one, one)) == pytest.approx(
        2 * abs(math.log(gain)), rel=1e-2
    )


def test_the_masked_distance_sees_no_frame_beyond_a_row() -> None:
    made, wanted = torch.zeros(2, 3, 5), torch.ones(2, 3, 5)
    wanted[1, :, 2:] = 100.0
    mask = torch.tensor([[1.0] * 5, [1.0, 1.0, 0.0, 0.0, 0.0]])
    assert float(masked_distance(made, wanted, mask)) == pytest.approx(2.0)  # |1| + 1^2


@pytest.mark.parametrize(
    ("made", "wanted", "expected"),
    [
        (-13.0, -12.0, 2 * 0.25),  # both quiet
        (-5.0, -12.0, 7 + 49),  # made loud where it should be quiet
        (-12.0, -8.0, 4 + 16),  # made quiet where it should be loud
        (-3.0, -4.0, 2),
    ],
)
def test_what_is_quiet_weighs_less(made: float, wanted: float, expected: float) -> None:
    """The loudest is 0, so that below -11 nats is quiet; half of the cells are right."""
    natural = torch.tensor([[[0.0, wanted]]])
    found = masked_distance(torch.tensor([[[0.0, made]]]), natural, torch.ones(1, 2), quiet=0.25)
    assert float(found) == pytest.approx(expected / 2)


def test_hinge_losses_at_known_scores() -> None:
    sure = [torch.full((2, 3), 2.0)]
    undecided = [torch.zeros(2, 3)]
    assert float(discriminator_loss(sure, [-sure[0]])) == 0.0
    assert float(discriminator_loss(undecided, undecided)) == 2.0
    assert float(discriminator_loss([-sure[0]], sure)) == 6.0
    assert float(generator_loss(sure)) == 0.0
    assert float(generator_loss([*undecided, *sure])) == 0.5


def test_features_of_real_sound_get_no_gradient() -> None:
    real = torch.ones(2, 2, requires_grad=True)
    made = torch.zeros(2, 2, requires_grad=True)
    loss = feature_loss([[real]], [[made]])
    loss.backward()
    assert float(loss.detach()) == 1.0
    assert real.grad is None
    assert made.grad is not None


@pytest.mark.parametrize("periods", [(), (2, 5)])
@pytest.mark.parametrize("samples", [4096, 5001])
def test_discriminators_judge_every_row_alone(periods: tuple[int, ...], samples: int) -> None:
    torch.manual_seed(0)
    judges = Discriminators(4, periods=periods)
    waveforms = noise(3, samples)
    verdicts = judges(waveforms)
    assert len(verdicts) == 3 + len(periods)
    alone = judges(waveforms[1:2])
    for together, one in zip(verdicts, alone, strict=True):
        torch.testing.assert_close(together.scores[1:2], one.scores, rtol=1e-4, atol=1e-5)
        assert len(one.features) == 4


def test_discriminators_learn_to_tell_noise_from_tones() -> None:
    torch.manual_seed(0)
    judges = Discriminators(4, resolutions=((512, 128),), periods=(3,))
    optimiser = torch.optim.AdamW(judges.parameters(), lr=1e-2)
    time = torch.arange(4096) / RATE
    tones = torch.stack([0.1 * torch.sin(2 * torch.pi * f * time) for f in (200, 400, 900)])
    losses = []
    for step in range(25):
        real = [verdict.scores for verdict in judges(tones)]
        made = [verdict.scores for verdict in judges(noise(3, 4096, step))]
        loss = discriminator_loss(real, made)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(2.0, abs=0.3)
    assert losses[-1] < 1.0


def brute_force(log_probabilities: Tensor, target: tuple[int, ...]) -> float:
    """The probability of every path [N] that reads as the target, summed."""
    steps, symbols = log_probabilities.shape
    total = 0.0
    for path in itertools.product(range(symbols), repeat=steps):
        read = [symbol for symbol, _ in itertools.groupby(path) if symbol != 0]
        if tuple(symbol - 1 for symbol in read) == target:
            total += math.exp(sum(float(log_probabilities[i, s]) for i, s in enumerate(path)))
    return -math.log(total)


@pytest.mark.parametrize("target", [(0,), (1, 0), (0, 0), (1, 1, 0)])
def test_ctc_sums_over_every_alignment(target: tuple[int, ...]) -> None:
    told = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    length = torch.tensor([len(target)])
    loss = ctc_loss(told, torch.tensor([5]), torch.tensor([target]), length)
    assert float(loss) == pytest.approx(brute_force(told[0], target) / len(target), rel=1e-5)


def test_a_target_longer_than_its_speech_adds_nothing() -> None:
    told = torch.zeros(1, 2, 4).log_softmax(-1)
    loss = ctc_loss(told, torch.tensor([2]), torch.tensor([[0, 1, 2]]), torch.tensor([3]))
    assert float(loss) == 0.0


@pytest.mark.parametrize(
    ("path", "expected"),
    [([0, 0], []), ([1, 1, 2], [0, 1]), ([1, 0, 1], [0, 0]), ([0, 2, 2, 0, 3], [1, 2]), ([3], [2])],
)
def test_greedy_joins_repeats_and_drops_blanks(path: list[int], expected: list[int]) -> None:
    told = torch.nn.functional.one_hot(torch.tensor([*path, 2, 1]), 4).float()
    assert greedy(told, len(path)) == expected


@settings(max_examples=10)
@given(st.integers(4, 30), st.integers(0, 20), st.integers(0, 1))
@torch.inference_mode()
def test_what_is_heard_does_not_depend_on_the_padding(
    frames: int, padding: int, language: int
) -> None:
    torch.manual_seed(0)
    network = CtcRecogniser(
        CtcConfig(symbols=5, languages=2, bands=8, width=8, inner=16, layers=2, kernel=5)
    ).eval()
    mel = torch.randn(2, 8, frames + padding, generator=torch.Generator().manual_seed(frames))
    lengths, languages = torch.tensor([frames + padding, frames]), torch.tensor([0, language])
    together = network(mel, lengths, languages)[1]
    alone = network(mel[1:, :, :frames], lengths[1:], languages[1:])[0]
    steps = int(network.steps(lengths)[1])
    assert alone.shape == (steps, 6)
    torch.testing.assert_close(together[:steps], alone, rtol=0, atol=1e-5)


def test_levels_do_not_change_what_is_heard() -> None:
    network = CtcRecogniser(
        CtcConfig(symbols=5, languages=2, bands=8, width=8, inner=16, layers=1, kernel=5)
    ).eval()
    mel, length = torch.randn(1, 8, 20), torch.tensor([20])
    one, louder = (network(m, length, torch.tensor([0])) for m in (mel, mel + 3.0))
    torch.testing.assert_close(one, louder, rtol=0, atol=1e-4)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="must be odd"):
        CtcConfig(symbols=5, languages=2, kernel=4)


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_edits_are_those_of_jiwer(reference: str, hypothesis: str) -> None:
    from xtts_lab.metrics.error_rate import character_edits

    if reference:
        assert edits(reference, hypothesis) == character_edits(reference, hypothesis).edits
    assert edits(reference, hypothesis) == edits(hypothesis, reference)


def test_rates_are_means_over_groups_of_pooled_rates() -> None:
    rates = Rates()
    rates.add("en", "abcd", "abcd")
    rates.add("en", "ab", "a")
    rates.add("es", "ab", "xy")
    assert rates.by_group == {"en": pytest.approx(1 / 6), "es": 1.0}
    assert rates.overall == pytest.approx((1 / 6 + 1) / 2)
    assert Rates().overall == 0.0


def test_usage_counts_codes_and_how_evenly_they_serve() -> None:
    assert usage(torch.tensor([5.0, 5.0, 0.0, 0.0])) == {
        "used": 0.5,
        "perplexity": pytest.approx(2.0),
    }
    assert usage(torch.ones(8))["perplexity"] == pytest.approx(8.0)


def test_a_codebook_out_of_reach_comes_into_use() -> None:
    """All entries lie in one far place, so that one takes everything and the rest are dead."""
    random = torch.Generator().manual_seed(0)
    quantiser, averages = Quantiser(32, 2), CodebookAverages(32, 2, decay=0.8, dead=0.5)
    quantiser.codebook.fill_(100.0)
    averages.sums.fill_(100.0)
    averages.counts.fill_(1.0)
    averages.started.fill_(True)
    for _ in range(30):
        averages.update(quantiser, torch.randn(512, 2, generator=random), random)
    vectors = torch.randn(512, 2, generator=random)
    codes = quantiser(vectors.t().unsqueeze(0))
    assert len(codes.unique()) >= 30
    error = (quantiser.vectors(codes)[0].t() - vectors).square().sum(1).mean()
    assert float(error) < 0.2  # a random codebook of 32 normal points: about 0.2


def test_the_first_batch_places_a_codebook() -> None:
    random = torch.Generator().manual_seed(0)
    quantiser, averages = Quantiser(16, 3), CodebookAverages(16, 3, decay=0.99, dead=0.0)
    vectors = 50.0 + torch.randn(400, 3, generator=random)
    averages.update(quantiser, vectors, random)
    assert bool(averages.started)
    assert float((quantiser.codebook.mean() - 50).abs()) < 1.0


@pytest.mark.parametrize("sharp", [0.1, 1.0, 8.0])
def test_the_ctc_loss_that_can_be_recorded_is_the_library_s(sharp: float) -> None:
    """Repeated symbols, rows of nothing, and of more symbols than steps."""
    random = torch.Generator().manual_seed(0)
    logits = sharp * torch.randn(6, 60, 12, generator=random)
    targets = torch.randint(11, (6, 25), generator=random)
    targets[1] = 4
    steps, lengths = torch.tensor([60, 41, 60, 20, 9, 30]), torch.tensor([25, 11, 0, 19, 20, 1])
    found = []
    for loss in (ctc_loss, recordable_ctc_loss):
        given = logits.clone().requires_grad_()
        value = loss(given.log_softmax(-1), steps, targets, lengths)
        value.backward()
        found.append((value.detach(), given.grad))
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-4)


def test_a_warped_mel_is_slower_or_faster_and_nothing_else() -> None:
    ramp = torch.arange(40.0).expand(3, 8, 40).contiguous()
    frames = torch.tensor([40, 30, 1])
    same, still = distortion.warped(ramp, frames, 0.0, 0.0)
    torch.testing.assert_close(same, ramp)
    assert torch.equal(still, frames)
    torch.manual_seed(0)
    warped, longer = distortion.warped(ramp, frames, 0.25, 0.0)
    assert warped.shape == (3, 8, 53)
    for seed in range(50):
        torch.manual_seed(seed)
        many, counts = distortion.warped(torch.zeros(8, 4, 195), torch.full((8,), 195), 0.12, 0.0)
        assert int(counts.max()) <= many.shape[2]
    speeds = warped[:, 0, 1]
    assert float(speeds.min()) > 0.7
    assert len({round(float(speed), 4) for speed in speeds}) == 3
    for row in range(3):
        last = float(warped[row, 0, int(longer[row]) - 1])
        assert int(frames[row]) - 1 - float(speeds[row]) - 1e-3 <= last <= int(frames[row]) - 1
    bands = torch.arange(8.0).view(1, 8, 1).expand(3, 8, 20).contiguous()
    shifted, _ = distortion.warped(bands, torch.full((3,), 20), 0.0, 0.2)
    assert 0.8 < float(shifted[0, 1, 0]) < 1.2
