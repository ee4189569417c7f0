"""The Vocos generator: lengths, receptive field, exact windows, the inverse transform."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from xtts_lab.nn.vocos import MAX_MAGNITUDE, SameIstft, VocosConfig, VocosGenerator

TINY = VocosConfig(
    input_width=8, embedding=6, width=16, inner=32, layers=2, kernel=7, n_fft=64, hop_length=16
)
OTHER = VocosConfig(
    input_width=8, embedding=6, width=16, inner=32, layers=1, kernel=3, n_fft=60, hop_length=18
)


def generator(config: VocosConfig = TINY) -> VocosGenerator:
    torch.manual_seed(0)
    made = VocosGenerator(config).eval().requires_grad_(False)
    for block in made.blocks:  # a scale at which no block is idle
        block.scale.fill_(1.0)
    return made


def inputs(batch: int, frames: int, config: VocosConfig = TINY) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(frames)
    shape = (batch, config.input_width, frames)
    return torch.randn(shape, generator=random), torch.randn(
        batch, config.embedding, generator=random
    )


@pytest.mark.parametrize("config", [TINY, OTHER])
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_every_frame_is_one_hop(config: VocosConfig, frames: int) -> None:
    waveform = generator(config)(*inputs(2, frames, config))
    assert waveform.shape == (2, frames * config.hop_length)
    assert bool(waveform.isfinite().all())


@settings(max_examples=25)
@given(st.sampled_from([TINY, OTHER]), st.integers(1, 60), st.data())
def test_a_window_with_its_context_equals_the_whole(
    config: VocosConfig, total: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, total - 1))
    stop = data.draw(st.integers(start + 1, total))
    made, (frames, speaker) = generator(config), inputs(1, total, config)
    hop, context = made.hop_length, made.context_frames
    first, last = max(start - context, 0), min(stop + context, total)
    whole = made(frames, speaker)[:, start * hop : stop * hop]
    part = made(frames[..., first:last], speaker)[:, (start - first) * hop : (stop - first) * hop]
    torch.testing.assert_close(part, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", [TINY, OTHER])
def test_the_context_is_the_receptive_field(config: VocosConfig) -> None:
    made = generator(config).double()
    made.istft.window = made.istft.window + 0.01  # a Hann window hides what its zero touches
    reach, hop = made.context_frames, made.hop_length
    middle = 2 * reach
    frames = torch.randn(1, 8, 4 * reach + 1, dtype=torch.float64, requires_grad=True)
    waveform = made(frames, torch.zeros(1, 6, dtype=torch.float64))[0]
    waveform[middle * hop : (middle + 1) * hop].square().sum().backward()
    assert frames.grad is not None
    touched = frames.grad[0].abs().sum(0).nonzero().flatten()
    assert (int(touched.min()), int(touched.max())) == (middle - reach, middle + reach)


@settings(max_examples=30)
@given(st.integers(2, 30), st.sampled_from([(64, 16), (60, 18), (32, 16), (1024, 256)]))
def test_the_inverse_transform_undoes_the_transform(frames: int, sizes: tuple[int, int]) -> None:
    """Frames cut with "same" padding from samples go back to the samples, edges included."""
    n_fft, hop = sizes
    trim = (n_fft - hop) // 2
    samples = torch.randn(2, frames * hop, generator=torch.Generator().manual_seed(frames))
    padded = torch.nn.functional.pad(samples, (trim, trim))
    cut = padded.unfold(-1, n_fft, hop) * torch.hann_window(n_fft)
    back = SameIstft(n_fft, hop, trim)(torch.fft.rfft(cut).transpose(1, 2))
    torch.testing.assert_close(back, samples, rtol=0, atol=1e-5)


def test_rows_are_independent_and_the_speaker_is_heard() -> None:
    made, (frames, speaker) = generator(), inputs(3, 20)
    together = made(frames, speaker)
    for row in range(3):
        alone = made(frames[row : row + 1], speaker[row : row + 1])[0]
        torch.testing.assert_close(together[row], alone, rtol=0, atol=1e-5)
    assert float((made(frames, -speaker) - together).abs().max()) > 1e-2


def test_magnitudes_are_clipped() -> None:
    made = generator()
    made.head.bias.fill_(1000.0)
    spectra = made.spectra(torch.zeros(1, 2, TINY.width))
    torch.testing.assert_close(spectra.abs(), torch.full((1, 33, 2), MAX_MAGNITUDE))


@pytest.mark.parametrize("wrong", [{"kernel": 4}, {"hop_length": 600}, {"n_fft": 1023}])
def test_sizes_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        VocosConfig(**wrong)


def test_the_blocks_are_built_on_meta_without_the_compiler() -> None:
    code = """
import sys, torch
from xtts_lab.nn.diffusion import DiffusionConfig, DiffusionDecoder
from xtts_lab.nn.griffin_lim import MelInverter
from xtts_lab.nn.mel import CONDITIONING_MEL
from xtts_lab.nn.vocos import VocosConfig, VocosGenerator
with torch.device("meta"):
    VocosGenerator(VocosConfig()), DiffusionDecoder(DiffusionConfig())
    MelInverter(CONDITIONING_MEL)
print("LOADED", [m for m in ("torch._dynamo", "torch._inductor") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("LOADED []")
