"""XTTS v1: a whole checkpoint, loaded by both, does the same.

v1 has no Perceiver: the prefix is the mel encoder's output itself, one vector for each frame of a
coarser mel, of the first `gpt_cond_len` seconds in one piece. It has 8192 codes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.parity.conftest import Pair, make_pair, sized
from tests.parity.test_conditioning import write_voice
from tests.parity.test_gpt import check_logits
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.speak import speak
from xtts_lab.inference.voice import clone
from xtts_lab.model import CloningDefaults, ModelConfig, part


def v1(width: int, heads: int) -> ModelConfig:
    """XTTS v1 with two layers: no Perceiver, and 8192 codes."""
    config = sized(2, width, heads)
    return replace(
        config,
        gpt=replace(config.gpt, audio_tokens=8194, start_audio=8192, stop_audio=8193),
        conditioner=part("conditioners", "encoder_sequence", encoder_heads=heads),
    )


@pytest.fixture(scope="module", params=[(128, 4), (1024, 16)], ids=["narrow", "full width"])
def first(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A whole XTTS v1 checkpoint, loaded by both."""
    return make_pair(tmp_path_factory.mktemp("v1"), v1(*request.param))


def test_the_tensors_that_differ_from_v2(first: Pair) -> None:
    """The code prompt exists, and nothing calls it; there is no Perceiver."""
    state = first.reference.state_dict()
    assert state["gpt.prompt_embedding.weight"].shape[0] == 8194
    assert not any(name.startswith("gpt.conditioning_perceiver") for name in state)


@pytest.mark.usefixtures("decoder")
def test_a_whole_checkpoint_clones_as_the_reference(first: Pair, tmp_path: Path) -> None:
    paths = [
        write_voice(tmp_path / "a.wav", 4.3, 44100, 1),
        write_voice(tmp_path / "b.wav", 3.9, 16000, 2),
    ]
    prefix, embedding = first.reference.get_conditioning_latents(
        [str(path) for path in paths], max_ref_length=10, gpt_cond_len=6
    )
    settings = CloningDefaults(window_s=10.0, limit_s=6.0)
    cloned = clone(first.ours.model, paths, settings, coqui_compat=True)
    assert cloned.voice.prefix.shape == prefix[0].shape == (130, first.ours.config.gpt.width)
    assert float((cloned.voice.prefix - prefix[0]).abs().max() / prefix.abs().max()) < 1e-5
    assert float((cloned.voice.embedding - embedding[0, :, 0]).abs().max()) < 1e-5


def test_a_whole_checkpoint_gives_the_references_logits(first: Pair) -> None:
    check_logits(first, torch.Generator().manual_seed(5))


@pytest.mark.usefixtures("decoder")
def test_a_whole_checkpoint_speaks_as_the_reference(first: Pair, tmp_path: Path) -> None:
    path = write_voice(tmp_path / "v.wav", 3.2, 22050, 3)
    prefix, embedding = first.reference.get_conditioning_latents([str(path)], gpt_cond_len=6)
    result = first.reference.inference(
        "hello there", "en", prefix, embedding,
        do_sample=False, repetition_penalty=5.0, max_new_tokens=16,
    )  # fmt: skip
    voice = clone(first.ours.model, [path], coqui_compat=True).voice
    tokens = torch.tensor(first.reference.tokenizer.encode("hello there", lang="en"))
    options = SamplingOptions(temperature=0.0, repetition_penalty=5.0, coqui_compat=True)
    prompt = Prompt(voice.prefix, tokens, 0, options, max_codes=16)
    ours = speak(first.ours.model, [prompt], [voice.embedding])[0].samples
    expected = torch.from_numpy(result["wav"])
    assert ours.shape == expected.shape
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-4)
