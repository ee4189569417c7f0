"""Generation: seeds, limits, batches and streams."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.xtts_fixtures import FEW_BLOCKS, tiny_model
from xtts_lab.errors import UsageError
from xtts_lab.inference.generate import Generation, Prompt, generate
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.speak import speak, stream
from xtts_lab.model import ModelConfig, XttsModel

CONFIG = replace(ModelConfig.tiny(), vocoder=FEW_BLOCKS)


def prompts(count: int, max_codes: int | None = 40) -> list[Prompt]:
    generator = torch.Generator().manual_seed(5)
    made = []
    for index in range(count):
        length = 3 + 7 * index % 19
        text = torch.randint(1, 500, (length,), generator=generator)
        prefix = torch.randn(8, CONFIG.gpt.width, generator=generator)
        limit = None if max_codes is None else max_codes - 5 * index
        made.append(Prompt(prefix, text, 100 + index, max_codes=limit))
    return made


def stopping_model() -> XttsModel:
    """A model that likes to stop: its stop token's bias is high."""
    from xtts_lab.checkpoint.random_weights import randomise

    model = XttsModel(CONFIG)
    randomise(model, torch.Generator().manual_seed(1))
    with torch.no_grad():
        model.gpt.audio_head.bias[CONFIG.gpt.stop_audio] = 2.5
    return model.eval().requires_grad_(False)


def same(a: Generation, b: Generation) -> bool:
    return (
        torch.equal(a.codes, b.codes)
        and a.stop == b.stop
        and torch.allclose(a.states, b.states, atol=1e-4)
    )


def test_rows_do_not_depend_on_company_or_order() -> None:
    gpt = stopping_model().gpt
    batch = prompts(5)
    together = generate(gpt, batch)
    assert len({len(g.codes) for g in together}) > 1  # some stop earlier than others
    assert {g.stop for g in together} == {"end", "limit"}
    for prompt, generation in zip(batch, together, strict=True):
        assert same(generate(gpt, [prompt])[0], generation)
    backwards = generate(gpt, batch[::-1])[::-1]
    assert all(same(a, b) for a, b in zip(together, backwards, strict=True))


@pytest.mark.parametrize("short", [1, 3])
def test_a_long_prompt_beside_others_that_speak_on(short: int) -> None:
    """Its row goes along when it has ended, and stays within the table of positions."""
    gpt = tiny_model().gpt
    with torch.no_grad():
        gpt.audio_head.bias[CONFIG.gpt.stop_audio] = -1e4  # nobody stops before the limit
    first, *others = prompts(1 + short, None)
    codes = torch.randint(0, 50, (CONFIG.gpt.max_codes - 2,), generator=torch.Generator())
    long = Prompt(first.prefix, first.text, 3, codes=codes)
    together = generate(gpt, [long, *others])
    assert [len(g.codes) for g in together] == [2, *[CONFIG.gpt.max_codes] * short]
    assert same(generate(gpt, [long])[0], together[0])
    assert same(generate(gpt, [others[0]])[0], together[1])


def test_the_seed_decides() -> None:
    gpt = tiny_model().gpt
    prompt = prompts(1)[0]
    other = Prompt(prompt.prefix, prompt.text, 1, max_codes=40)
    first, again, different = (generate(gpt, [p])[0].codes for p in (prompt, prompt, other))
    assert torch.equal(first, again)
    assert not torch.equal(first, different)


def test_a_stop_ends_the_codes_and_keeps_the_last_state() -> None:
    gpt = stopping_model().gpt
    for made in generate(gpt, prompts(5)):
        assert CONFIG.gpt.stop_audio not in made.codes
        assert made.states.shape[0] == len(made.codes) + (made.stop == "end")


def test_the_models_own_limit() -> None:
    greedy = SamplingOptions(temperature=0.0)
    prompt = prompts(1, None)[0]
    made = generate(tiny_model().gpt, [Prompt(prompt.prefix, prompt.text, 0, greedy)])[0]
    assert (len(made.codes), made.stop) == (CONFIG.gpt.max_audio - 3, "limit")


def test_what_does_not_fit_is_refused() -> None:
    gpt = tiny_model().gpt
    prefix = torch.zeros(8, CONFIG.gpt.width)
    with pytest.raises(UsageError, match="403 tokens"):
        generate(gpt, [Prompt(prefix, torch.ones(403, dtype=torch.long), 0)])
    with pytest.raises(UsageError, match="64 wide"):
        generate(gpt, [Prompt(torch.zeros(8, 32), torch.ones(3, dtype=torch.long), 0)])


@pytest.mark.parametrize("chunk_codes", [1, 7, 20, 100])
@pytest.mark.parametrize("speed", [1.0, 1.25])
def test_a_stream_joins_to_the_whole(chunk_codes: int, speed: float) -> None:
    model = stopping_model()
    embedding = torch.nn.functional.normalize(
        torch.randn(32, generator=torch.Generator().manual_seed(2)), dim=0
    )
    for prompt in prompts(3):
        whole = speak(model, [prompt], [embedding], speed)[0].samples
        pieces = list(stream(model, prompt, embedding, chunk_codes, speed))
        torch.testing.assert_close(torch.cat(pieces), whole, rtol=0, atol=1e-5)


def test_speech_begins_before_it_ends() -> None:
    embedding = torch.zeros(32)
    pieces = list(stream(tiny_model(), prompts(1)[0], embedding, chunk_codes=10))
    assert len(pieces) == 5  # after 10, 20, 30 and 40 codes, and the end
    assert all(piece.shape[0] > 0 for piece in pieces)
