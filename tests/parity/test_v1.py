"""XTTS v1: our parts, at its sizes, equal the reference's.

v1 has no Perceiver: the prefix is the mel encoder's output itself, one vector for each frame of a
coarser mel, of the first `gpt_cond_len` seconds in one piece. It has 8192 codes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from tests.parity.test_gpt import reference_logits
from xtts_lab.checkpoint.names import is_transposed, module_names, published_name
from xtts_lab.checkpoint.random_weights import randomise
from xtts_lab.inference.generate import Prompt, generate
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import ModelConfig
from xtts_lab.nn.conditioning_encoder import ConditioningEncoder
from xtts_lab.nn.gpt import Gpt, GptConfig
from xtts_lab.nn.mel import ConditioningMel, MelConfig
from xtts_lab.torchaudio_cpu import import_torchaudio

V1_MEL = MelConfig(22050, 4096, 4096, 1024, 80, 8000.0, "hann", "slaney")
STEPS = 60

PERCEIVER = "gpt.conditioning_perceiver."
PROMPT = {"gpt.prompt_embedding.weight", "gpt.prompt_pos_embedding.emb.weight"}


class Conditioner(nn.Module):
    """Samples [B, T] at 22 050 Hz -> prefix [B, T // 1024 + 1, D]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.mel = ConditioningMel(V1_MEL)
        self.encoder = ConditioningEncoder(80, width, heads)

    def forward(self, samples: Tensor) -> Tensor:
        encoded: Tensor = self.encoder(self.mel(samples))
        return encoded.transpose(1, 2)


class Parts(nn.Module):
    """What differs in size or shape between the versions."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__()
        self.gpt = Gpt(config)
        self.conditioner = Conditioner(config.width, config.heads)


class Pair(NamedTuple):
    """One set of weights in both."""

    ours: Parts
    reference: Any


def build_reference(config: GptConfig, perceiver: bool) -> Any:
    import_torchaudio()
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    whole = XttsConfig()
    args = whole.model_args
    args.gpt_layers, args.gpt_n_model_channels = config.layers, config.width
    args.gpt_n_heads, args.decoder_input_dim = config.heads, config.width
    args.gpt_number_text_tokens = config.text_tokens
    args.gpt_start_text_token, args.gpt_stop_text_token = config.start_text, config.stop_text
    args.gpt_num_audio_tokens = config.audio_tokens
    args.gpt_start_audio_token = config.start_audio
    args.gpt_stop_audio_token = config.stop_audio
    args.gpt_use_perceiver_resampler = perceiver
    return Xtts(whole)


def published(parts: Parts) -> dict[str, Tensor]:
    modules = module_names(ModelConfig(gpt=parts.gpt.config))
    return {
        published_name(name, modules): tensor.t() if is_transposed(name) else tensor
        for name, tensor in parts.state_dict().items()
    }


def make_pair(config: GptConfig) -> Pair:
    ours = Parts(config).eval().requires_grad_(False)
    randomise(ours, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    reference = build_reference(config, perceiver=False)
    missing, unexpected = reference.load_state_dict(published(ours), strict=False)
    assert unexpected == []
    assert {name for name in missing if name.startswith("gpt.")} == PROMPT
    reference.gpt.init_gpt_for_inference()
    reference.gpt.eval()
    return Pair(ours, reference)


def v1(layers: int, width: int, heads: int) -> GptConfig:
    return GptConfig(
        layers,
        width,
        heads,
        text_tokens=700,
        audio_tokens=8194,
        start_audio=8192,
        stop_audio=8193,
    )


@pytest.fixture(scope="module", params=[(3, 128, 4), (2, 1024, 16)], ids=["reduced", "wide"])
def pair(request: pytest.FixtureRequest) -> Pair:
    return make_pair(v1(*request.param))


def sound(seconds: float, seed: int = 0) -> Tensor:
    """A buzz of wandering pitch with noise, [1, T]."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(int(seconds * 22050)) / 22050
    pitch = 120 + 30 * torch.sin(2 * torch.pi * 0.7 * time)
    buzz = torch.sign(torch.sin(2 * torch.pi * torch.cumsum(pitch, 0) / 22050)) * 0.2
    return (buzz + 0.05 * torch.randn(time.shape, generator=generator))[None]


def test_the_tensors_that_differ_from_v2() -> None:
    """v1 has two tables of prompts that inference never reads, and no Perceiver."""
    config = v1(1, 64, 4)
    one = {k: v.shape for k, v in build_reference(config, False).state_dict().items()}
    two = {k: v.shape for k, v in build_reference(config, True).state_dict().items()}
    assert one.keys() - two.keys() == PROMPT
    assert all(name.startswith(PERCEIVER) for name in two.keys() - one.keys())
    assert one["gpt.prompt_embedding.weight"] == (8194, 64)
    assert one["gpt.prompt_pos_embedding.emb.weight"] == (216, 64)
    assert all(one[name] == two[name] for name in one.keys() & two.keys())


@pytest.mark.parametrize(
    ("seconds", "limit"), [(5.3, 12), (9.0, 6), (3.0, 3), (7.1, -1), (0.2, 12)]
)
def test_conditioning(pair: Pair, seconds: float, limit: int) -> None:
    """All of the first `limit` seconds in one piece; the chunk length counts for nothing."""
    samples = sound(seconds)
    expected = pair.reference.get_gpt_cond_latents(samples, 22050, length=limit, chunk_length=2)
    heard = samples[:, : 22050 * limit] if limit > 0 else samples
    prefix = pair.ours.conditioner(heard)
    assert prefix.shape == expected.shape == (1, heard.shape[1] // 1024 + 1, prefix.shape[2])
    assert float((prefix - expected).abs().max() / expected.abs().max()) < 1e-5


def test_too_short_to_hear(pair: Pair) -> None:
    """Half a window, 2048 samples or 0.093 s, must be there to be reflected at the edges."""
    assert pair.reference.get_gpt_cond_latents(sound(2049 / 22050 + 1e-6), 22050).shape[1] == 3
    with pytest.raises(RuntimeError, match="Padding size"):
        pair.reference.get_gpt_cond_latents(sound(2047 / 22050 + 1e-6), 22050)


def test_logits(pair: Pair, generator: torch.Generator) -> None:
    config = pair.ours.gpt.config
    prefix = pair.ours.conditioner(sound(6.0))
    text = torch.randint(1, config.text_tokens, (1, 23), generator=generator)
    text = functional.pad(functional.pad(text, (1, 0), value=config.start_text), (0, 1), value=0)
    codes = torch.randint(0, config.start_audio, (1, 57), generator=generator)
    audio = functional.pad(codes, (1, 0), value=config.start_audio)
    with torch.inference_mode():
        ours = pair.ours.gpt(prefix, text, audio)
    expected = reference_logits(pair.reference.gpt, prefix, text, audio)
    for got, wanted in zip(ours, expected, strict=True):
        assert got.shape == wanted.shape
        assert float(wanted.std()) > 0.3  # the logits differ, so that equality means something
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-4)


def test_greedy_codes_and_states(pair: Pair, generator: torch.Generator) -> None:
    config = pair.ours.gpt.config
    prefix = pair.ours.conditioner(sound(6.0, seed=1))
    text = torch.randint(1, config.text_tokens, (1, 23), generator=generator)
    with torch.inference_mode():
        expected = pair.reference.gpt.generate(
            cond_latents=prefix,
            text_inputs=text,
            do_sample=False,
            num_beams=1,
            repetition_penalty=5.0,
            max_new_tokens=STEPS,
        )[0]
    expected = expected[expected != config.stop_audio]
    options = SamplingOptions(temperature=0.0, repetition_penalty=5.0, coqui_compat=True)
    prompt = Prompt(prefix[0], text[0], 0, options, max_codes=STEPS)
    made = generate(pair.ours.gpt, [prompt])[0]
    assert torch.equal(made.codes, expected)
    assert len(made.codes.unique()) > 30
    with torch.inference_mode():
        states = pair.reference.gpt(
            text,
            torch.tensor([text.shape[1]]),
            expected[None].clone(),
            torch.tensor([len(expected) * 1024]),
            cond_latents=prefix,
            return_latent=True,
        )
    torch.testing.assert_close(made.states, states[0], rtol=1e-5, atol=1e-5)
