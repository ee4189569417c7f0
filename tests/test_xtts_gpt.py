"""The GPT stack: caching, padding and causality change nothing."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xtts_fixtures import tiny_model
from xtts_lab.model import ModelConfig
from xtts_lab.nn.attention import KVCache
from xtts_lab.nn.gpt import Gpt

CONFIG = ModelConfig.tiny().gpt


def inputs(batch: int, text: int, audio: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(batch * 100 + text)
    prefix = torch.randn(batch, 8, CONFIG.width, generator=generator)
    words = torch.randint(1, CONFIG.text_tokens, (batch, text), generator=generator)
    codes = torch.randint(0, CONFIG.start_audio, (batch, audio), generator=generator)
    return prefix, words, codes


def prompt_of(
    gpt: Gpt, prefix: torch.Tensor, text: torch.Tensor, audio: torch.Tensor
) -> torch.Tensor:
    positions = torch.arange(audio.shape[1])
    return torch.cat([prefix, gpt.embed_text(text), gpt.embed_audio(audio, positions)], dim=1)


@torch.inference_mode()
def test_decoding_with_a_cache_equals_one_full_pass() -> None:
    gpt = tiny_model().gpt
    prefix, text, audio = inputs(2, 11, 9)
    full = gpt.hidden(prefix, text, audio)
    start = 8 + 11 + 1
    cache = gpt.empty_cache(2, 40)
    lengths = torch.full((2,), start)
    states = [gpt.prefill(prompt_of(gpt, prefix, text, audio[:, :1]), lengths, cache)]
    for step in range(1, audio.shape[1]):
        embedded = gpt.embed_audio(audio[:, step], torch.full((2,), step))
        states.append(gpt.decode(embedded, lengths + step - 1, cache))
    torch.testing.assert_close(torch.stack(states, 1), full[:, start - 1 :], rtol=0, atol=1e-5)


@torch.inference_mode()
def test_prompts_of_different_lengths_share_a_batch() -> None:
    gpt = tiny_model().gpt
    prefix, text, audio = inputs(1, 13, 4)
    long = prompt_of(gpt, prefix, text, audio)
    short = long[:, :9]
    alone = [
        gpt.prefill(p, torch.tensor([p.shape[1]]), gpt.empty_cache(1, 40)) for p in (short, long)
    ]
    garbage = torch.full((1, long.shape[1] - 9, CONFIG.width), 7.0)
    batch = torch.cat([torch.cat([short, garbage], dim=1), long])
    lengths = torch.tensor([9, long.shape[1]])
    cache = gpt.empty_cache(2, 40)
    together = gpt.prefill(batch, lengths, cache)
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)
    embedded = gpt.embed_audio(torch.tensor([5, 6]), torch.tensor([1, 1]))
    state = gpt.decode(embedded, lengths, cache)[0]
    single = gpt.empty_cache(1, 40)
    gpt.prefill(short, torch.tensor([9]), single)
    expected = gpt.decode(embedded[:1], torch.tensor([9]), single)[0]
    torch.testing.assert_close(state, expected, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_an_unmasked_step_equals_a_masked_one() -> None:
    gpt = tiny_model().gpt
    prefix, text, audio = inputs(1, 5, 1)
    prompt = prompt_of(gpt, prefix, text, audio)
    length = prompt.shape[1]
    caches = [gpt.empty_cache(1, 64) for _ in range(2)]
    for cache in caches:
        gpt.prefill(prompt, torch.tensor([length]), cache)
    embedded = gpt.embed_audio(torch.tensor([3]), torch.tensor([1]))
    position = torch.tensor([length])
    masked = gpt.decode(embedded, position, caches[0])
    unmasked = gpt.decode(embedded, position, caches[1].used(length + 1), masked=False)
    torch.testing.assert_close(masked, unmasked, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_padding_of_a_training_batch_changes_nothing() -> None:
    gpt = tiny_model().gpt
    prefix, text, audio = inputs(1, 6, 5)
    expected = gpt(prefix, text, audio)
    padded_text = torch.nn.functional.pad(text, (0, 4), value=3)
    padded_audio = torch.nn.functional.pad(audio, (0, 2), value=9)
    mask = torch.ones(1, 8 + 10 + 7, dtype=torch.bool)
    mask[:, 8 + 6 : 8 + 10] = False
    mask[:, 8 + 10 + 5 :] = False
    padded = gpt(prefix, padded_text, padded_audio, mask)
    torch.testing.assert_close(padded.text[:, :6], expected.text, rtol=0, atol=1e-5)
    torch.testing.assert_close(padded.audio[:, :5], expected.audio, rtol=0, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 8), st.integers(1, 6))
def test_the_future_cannot_be_seen(position: int, seed: int) -> None:
    gpt = tiny_model().gpt
    prefix, text, audio = inputs(1, 4, 10)
    changed = audio.clone()
    changed[:, position + 1 :] = (audio[:, position + 1 :] + seed) % CONFIG.start_audio
    with torch.inference_mode():
        before, after = gpt(prefix, text, audio), gpt(prefix, text, changed)
    upto = position + 1
    torch.testing.assert_close(before.audio[:, :upto], after.audio[:, :upto], rtol=0, atol=1e-6)
    assert not torch.allclose(before.audio[:, upto:], after.audio[:, upto:])


def test_scratch_initialisation_is_gpt2s() -> None:
    gpt = Gpt(CONFIG)
    gpt.reset_parameters()
    state = gpt.state_dict()
    assert abs(float(state["audio_head.weight"].std()) - 0.02) < 0.001
    assert abs(float(state["blocks.0.attention.out.weight"].std()) - 0.01) < 0.001  # 2 layers
    assert not state["blocks.1.mlp.up.bias"].any()


def test_a_cache_is_written_in_place() -> None:
    cache = KVCache.empty(1, 2, 1, 6, 2, torch.device("cpu"), torch.float32)
    view = cache.used(4).layer(0)
    values = torch.ones(2, 1, 1, 2)
    view.write(values, values, torch.tensor([1, 3]))
    assert cache.keys[0, 0, 0].sum(-1).tolist() == [0, 2, 0, 0, 0, 0]
    assert cache.values[0, 1, 0].sum(-1).tolist() == [0, 0, 0, 2, 0, 0]
