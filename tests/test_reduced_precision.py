"""Reduced precision on a CPU: how weights lie, and what a prompt's states become."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from xtts_lab.checkpoint.random_weights import randomise
from xtts_lab.inference.generate import Prompt, generate
from xtts_lab.inference.precision import reduce
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import ModelConfig, XttsModel


@pytest.fixture
def model() -> XttsModel:
    model = XttsModel(replace(ModelConfig.tiny(width=32, layers=3), dvae=None)).eval()
    randomise(model, torch.Generator().manual_seed(0))
    for block in model.gpt.blocks:  # as a published checkpoint's matrices lie
        weight = block.mlp.up.weight
        weight.data = weight.data.t().contiguous().t()
    return model


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_matrices_lie_row_after_row(model: XttsModel, dtype: torch.dtype) -> None:
    """Column after column a product with a vector takes 40 times as long."""
    before = copy.deepcopy(model.gpt.state_dict())
    reduce(model, dtype)
    for name, tensor in model.gpt.state_dict().items():
        assert tensor.is_contiguous()
        assert tensor.dtype == dtype
        assert torch.equal(tensor, before[name].to(dtype))


@pytest.mark.parametrize("lengths", [[7], [5, 9], [1, 12, 4]])
def test_a_prompt_in_float16_has_the_states_of_float32(
    model: XttsModel, lengths: list[int]
) -> None:
    """To the rounding of the weights; what decoding reads of it is there in float16."""
    gpt = model.gpt
    prompt, sizes = torch.randn(len(lengths), max(lengths), 32), torch.tensor(lengths)
    with torch.inference_mode():
        cache = gpt.empty_cache(len(lengths), 20)
        expected = gpt.prefill(prompt, sizes, cache)
        reduce(model, torch.float16)
        halved = gpt.empty_cache(len(lengths), 20)
        made = gpt.prefill(prompt.half(), sizes, halved)
    assert made.dtype == halved.keys.dtype == torch.float16
    torch.testing.assert_close(made.float(), expected, atol=2e-2, rtol=2e-2)
    torch.testing.assert_close(halved.keys.float(), cache.keys, atol=2e-2, rtol=2e-2)


def test_codes_in_float16_are_mostly_those_of_float32(model: XttsModel) -> None:
    """First codes of twenty prompts, most likely ones: only near ties may fall otherwise."""
    greedy = SamplingOptions(temperature=0.0)
    made = torch.Generator().manual_seed(0)
    prompts = [
        Prompt(torch.randn(4, 32, generator=made), torch.tensor([3 + i]), i, greedy, max_codes=1)
        for i in range(20)
    ]
    with torch.inference_mode():
        expected = [int(one.codes[0]) for one in generate(model.gpt, prompts)]
        reduce(model, torch.float16)
        found = [int(one.codes[0]) for one in generate(model.gpt, prompts)]
    assert len(set(expected)) > 5
    assert sum(a == b for a, b in zip(found, expected, strict=True)) >= 18


def test_a_vocoder_in_bfloat16_sounds_like_one_in_float32(
    model: XttsModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever this CPU has, the rounding is 33 dB below the signal; with AMX no window changes it.

    Other CPUs keep float32: AVX-512's sums of bfloat16 depend on the length.
    """
    seeded = torch.Generator().manual_seed(0)
    states = torch.randn(1, 24, 32, generator=seeded)
    voice = torch.nn.functional.normalize(torch.randn(1, 512, generator=seeded))
    has_tiles = torch.cpu._is_amx_tile_supported()
    vector = voice[:, : model.config.sizes.embedding]
    with torch.inference_mode():
        expected = model.vocoder(states, vector)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
        reduce(model, torch.float16)
        assert model.vocoder_dtype == torch.float32  # what it reads, and what it returns
        made = model.vocoder(states, vector)
        part = model.vocoder(states[:, :16], vector)
    noise = (made - expected).pow(2).sum() / expected.pow(2).sum()
    assert 0.0 < noise < 10**-3.3
    if has_tiles:
        kept = part.shape[1] // 3
        torch.testing.assert_close(part[:, :kept], made[:, :kept], atol=1e-3, rtol=0)


def test_a_vocoder_stays_in_float32_where_a_cpu_has_no_tiles(
    model: XttsModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    reduce(model, torch.float16)
    assert {p.dtype for p in model.vocoder.parameters()} == {torch.float32}
