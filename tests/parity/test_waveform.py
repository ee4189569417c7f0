"""The vocoder's waveform, and a whole utterance, equal the reference's."""

from __future__ import annotations

import pytest
import torch

from tests.parity.conftest import Pair
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.speak import speak, stream


@pytest.mark.parametrize("states", [1, 2, 3, 24])
@torch.inference_mode()
def test_vocoder(pair: Pair, generator: torch.Generator, states: int) -> None:
    config = pair.ours.config
    latents = torch.randn(1, states, config.gpt.width, generator=generator)
    embedding = torch.nn.functional.normalize(torch.randn(1, 512, generator=generator))
    expected = pair.reference.hifigan_decoder(latents, g=embedding.unsqueeze(-1)).flatten()
    ours = pair.ours.model.vocoder(latents, embedding)[0]
    assert 0.02 < float(expected.std()) < 0.7  # neither silent nor clipped
    assert ours.shape == expected.shape
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-4)


@torch.inference_mode()
def test_vocoder_at_full_width(wide_pair: Pair, generator: torch.Generator) -> None:
    latents = torch.randn(1, 12, 1024, generator=generator)
    embedding = torch.nn.functional.normalize(torch.randn(1, 512, generator=generator))
    expected = wide_pair.reference.hifigan_decoder(latents, g=embedding.unsqueeze(-1)).flatten()
    ours = wide_pair.ours.model.vocoder(latents, embedding)[0]
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("speed", [1.0, 1.3, 0.7, 0.95, 0.98, 0.99, 0.999, 1.001])
def test_whole_utterance(pair: Pair, speed: float) -> None:
    """Text to waveform through the reference's own `inference`, greedy so that codes are fixed."""
    voice = pair.ours.voices["Ana"]
    reference = pair.reference
    text = "hello there"
    result = reference.inference(
        text,
        "en",
        voice.prefix[None],
        voice.embedding[None, :, None],
        do_sample=False,
        repetition_penalty=5.0,
        speed=speed,
        max_new_tokens=16,
    )
    tokens = torch.tensor(reference.tokenizer.encode(text, lang="en"))
    options = SamplingOptions(temperature=0.0, repetition_penalty=5.0, coqui_compat=True)
    prompt = Prompt(voice.prefix, tokens, 0, options, max_codes=16)
    ours = speak(pair.ours.model, [prompt], [voice.embedding], speed)[0].samples
    expected = torch.from_numpy(result["wav"])
    assert ours.shape == expected.shape
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-4)
    pieces = list(stream(pair.ours.model, prompt, voice.embedding, chunk_codes=5, speed=speed))
    assert len(pieces) > 2 or 0.9 < speed < 1.0  # held back: its length may stay the same
    torch.testing.assert_close(torch.cat(pieces), expected, rtol=0, atol=1e-4)
