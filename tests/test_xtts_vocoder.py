"""The vocoder: interpolation, receptive field, streaming."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xtts_fixtures import tiny_model
from xtts_lab.nn.hifigan import HifiganConfig, HifiganGenerator
from xtts_lab.vocoders import stages as chain
from xtts_lab.vocoders.stages import LinearResize, Local, Window
from xtts_lab.vocoders.streaming import VocoderStream

RATIO = 24000 / 22050


@pytest.mark.parametrize("length", [1, 2, 37, 147, 588, 2408])
@pytest.mark.parametrize("scale", [4.0, RATIO, 1 / 1.3, 0.05])
def test_interpolation_equals_torch(length: int, scale: float) -> None:
    x = torch.randn(2, 3, length, generator=torch.Generator().manual_seed(length))
    resize = LinearResize(scale)
    count = resize.length(length)
    if count in (0, length):  # torch refuses the one and copies the other
        return
    expected = functional.interpolate(x.double(), scale_factor=[scale], mode="linear")
    ours = resize.apply(Window(x.double()), 0, count).values
    assert ours.shape == expected.shape
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("length", [1, 2, 3, 20, 49, 60, 120])
@pytest.mark.parametrize("scale", [RATIO, 4.0, 1 / 0.98, 1 / 0.99, 1 / 0.999, 1 / 1.02, 0.5])
def test_what_keeps_its_length_is_left_alone_as_torch_does(length: int, scale: float) -> None:
    x = torch.randn(1, 3, length, generator=torch.Generator().manual_seed(length)).double()
    stage = LinearResize(scale, keeps_equal=True)
    if stage.length(length) == 0:
        return
    expected = functional.interpolate(x, scale_factor=[scale], mode="linear")
    ours = chain.whole((stage,), x)
    assert torch.equal(ours, x) == (expected.shape == x.shape)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)
    stream = VocoderStream((stage, Local(lambda v: v[:, :1], 1, 0)))
    parts = [stream.push(x[0, :, i : i + 1]) for i in range(length)]
    assert torch.equal(torch.cat([*parts, stream.finish()]), ours[0, 0])


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 60), st.floats(0.3, 3.0), st.data())
def test_any_part_can_be_had_from_its_inputs(
    length: int, speed: float, data: st.DataObject
) -> None:
    stages = (LinearResize(1 / speed), LinearResize(4.0), LinearResize(RATIO))
    x = torch.randn(1, 2, length, generator=torch.Generator().manual_seed(length))
    total = chain.length(stages, length)
    if total == 0:
        return
    start = data.draw(st.integers(0, total - 1))
    stop = data.draw(st.integers(start + 1, total))
    whole = chain.apply(stages, Window(x), 0, total, length).values
    first, last = chain.inputs_of(stages, start, stop)
    part = chain.apply(stages, Window(x[..., first:last], first), start, stop, length).values
    assert torch.equal(part, whole[..., start:stop])


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 50), st.integers(1, 30), st.floats(0.3, 3.0))
def test_what_is_settled_stays(length: int, more: int, speed: float) -> None:
    stages = (LinearResize(1 / speed), LinearResize(4.0), LinearResize(RATIO))
    x = torch.randn(1, 1, length + more, generator=torch.Generator().manual_seed(length))
    ready = chain.settled(stages, length)
    if ready == 0:
        return
    early = chain.apply(stages, Window(x[..., :length]), 0, ready, None).values
    late = chain.apply(stages, Window(x), 0, ready, length + more).values
    assert torch.equal(early, late)


@pytest.mark.parametrize(
    "config",
    [
        HifiganConfig(input_width=4, embedding=4, channels=32),
        HifiganConfig(
            input_width=4, embedding=4, channels=16, rates=(4, 2), upsample_kernels=(8, 4)
        ),
    ],
)
def test_the_context_covers_the_receptive_field(config: HifiganConfig) -> None:
    """Samples of a frame do not change with frames farther away than the context."""
    torch.manual_seed(0)
    generator = HifiganGenerator(config).double()
    reach, hop = config.context_frames, config.hop_length
    middle = 2 * reach
    frames = torch.randn(1, 4, 4 * reach + 1, dtype=torch.float64, requires_grad=True)
    waveform = generator(frames, torch.zeros(1, 4, dtype=torch.float64))[0]
    waveform[middle * hop : (middle + 1) * hop].square().sum().backward()
    assert frames.grad is not None
    touched = frames.grad[0].abs().sum(0).nonzero().flatten()
    assert int(touched.min()) >= middle - reach
    assert int(touched.max()) <= middle + reach
    assert int(touched.max()) - int(touched.min()) > reach  # the bound is not idle


@torch.inference_mode()
def test_a_streams_cost_and_memory_do_not_grow() -> None:
    """However long the speech, a piece is computed from a bounded number of frames and states."""
    vocoder = tiny_model().vocoder
    speech = VocoderStream(vocoder.stages(torch.zeros(1, 32)))
    sizes, windows = [], []
    for _ in range(16):
        sizes.append(speech.push(torch.randn(64, 10)).shape[0])
        assert speech.window is not None
        windows.append(speech.window.values.shape[-1])
    assert max(windows[5:]) <= 10 + 2 * vocoder.generator.config.context_frames
    assert max(windows[11:]) <= max(windows[:11]) + 1
    assert abs(sum(sizes[5:]) / 11 - 10 * 1024 * RATIO) < 256


@torch.inference_mode()
def test_rows_of_a_batch_are_independent() -> None:
    vocoder = tiny_model().vocoder
    states, speaker = torch.randn(3, 12, 64), torch.randn(3, 32)
    together = vocoder(states, speaker)
    for row in range(3):
        alone = vocoder(states[row : row + 1], speaker[row : row + 1])[0]
        torch.testing.assert_close(together[row], alone, rtol=0, atol=1e-5)


def test_channels_last_make_the_same_waveform() -> None:
    for changed in ({}, {"speaker_in_every_stage": False}, {"embedding": 0}):
        torch.manual_seed(0)
        config = HifiganConfig(**{"input_width": 12, "embedding": 8, "channels": 32} | changed)  # type: ignore[arg-type]
        generator = HifiganGenerator(config).eval()
        frames, vectors = torch.randn(2, 12, 9), torch.randn(2, 8)
        wanted = generator(frames, vectors)  # as it is trained
        with torch.inference_mode():
            made = generator(frames, vectors)
        torch.testing.assert_close(made, wanted.detach(), atol=1e-6, rtol=1e-5)
