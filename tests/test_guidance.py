"""Classifier-free guidance: what it computes, and that nothing else depends on it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xtts_fixtures import tiny_model
from xtts_lab import XTTS
from xtts_lab.errors import UsageError
from xtts_lab.inference.generate import Prompt, generate
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import ModelConfig
from xtts_lab.systems.xtts import XttsSystem

WIDTH = ModelConfig.tiny().sizes.width


def prompt(seed: int, guidance: float, kind: str = "latents", **sampling: float) -> Prompt:
    generator = torch.Generator().manual_seed(seed)
    text = torch.randint(3, 60, (4 + seed % 5,), generator=generator)
    options = SamplingOptions(guidance=guidance, **sampling)  # type: ignore[arg-type]
    if kind == "codes":
        codes = torch.randint(0, 1024, (5 + seed % 3,), generator=generator)
        return Prompt(torch.zeros(0, WIDTH), text, seed, options, 24, codes, prompted=2)
    prefix = torch.randn(8, WIDTH, generator=generator)
    return Prompt(prefix, text, seed, options, 24)


def logits_after(given: Prompt, said: list[int]) -> torch.Tensor:
    """The next code's logits by teacher forcing, without any cache."""
    gpt = tiny_model().gpt
    text = [gpt.config.start_text, *given.text.tolist(), gpt.config.stop_text]
    before = [] if given.codes is None else given.codes.tolist()
    audio = [gpt.config.start_audio, *before, *said]
    with torch.inference_mode():
        return gpt(given.prefix[None], torch.tensor([text]), torch.tensor([audio])).audio[0, -1]


@pytest.mark.parametrize("kind", ["latents", "codes"])
@pytest.mark.parametrize("guidance", [0.0, 0.5, 1.5, 3.0])
def test_each_code_is_drawn_from_the_guided_logits(kind: str, guidance: float) -> None:
    """Greedy: the best of conditioned + (g - 1) x (conditioned - unconditioned), at every step."""
    given = prompt(3, guidance, kind, temperature=0.0, repetition_penalty=1.0)
    made = generate(tiny_model().gpt, [given])[0].codes.tolist()
    said: list[int] = []
    for code in made:
        heard, unheard = logits_after(given, said), logits_after(given.unconditioned(), said)
        assert int((heard + (guidance - 1.0) * (heard - unheard)).argmax()) == code
        said.append(code)
    assert len(made) > 3


@pytest.mark.parametrize("kind", ["latents", "codes"])
def test_the_states_are_those_that_heard_the_voice(kind: str) -> None:
    given = prompt(5, 2.0, kind)
    made = generate(tiny_model().gpt, [given])[0]
    gpt = tiny_model().gpt
    text = torch.tensor([[gpt.config.start_text, *given.text.tolist(), gpt.config.stop_text]])
    before = [] if given.codes is None else given.codes.tolist()
    audio = torch.tensor([[gpt.config.start_audio, *before, *made.codes.tolist()]])
    with torch.inference_mode():
        states = gpt.hidden(given.prefix[None], text, audio)[0]
    start = states.shape[0] - 1 - len(made.codes)
    expected = states[start : start + made.states.shape[0]]
    torch.testing.assert_close(made.states, expected, rtol=1e-4, atol=1e-4)


def test_a_guidance_of_one_is_off() -> None:
    plain = Prompt(prompt(1, 1.0).prefix, prompt(1, 1.0).text, 1, SamplingOptions(), 24)
    one, two = generate(tiny_model().gpt, [plain, prompt(1, 1.0)])
    assert one.codes.tolist() == two.codes.tolist()
    assert prompt(2, 1.0).unconditioned().prefix.shape == (0, WIDTH)


@settings(max_examples=8)
@given(
    seeds=st.lists(st.integers(0, 99), min_size=2, max_size=5),
    strengths=st.lists(st.sampled_from([1.0, 0.5, 2.0]), min_size=5, max_size=5),
    kinds=st.lists(st.sampled_from(["latents", "codes"]), min_size=5, max_size=5),
)
def test_a_row_does_not_depend_on_its_company(
    seeds: list[int], strengths: list[float], kinds: list[str]
) -> None:
    prompts = [prompt(*one) for one in zip(seeds, strengths, kinds, strict=False)]
    for given_, made in zip(prompts, generate(tiny_model().gpt, prompts), strict=True):
        alone = generate(tiny_model().gpt, [given_])[0]
        if alone.tight_steps == 0:
            assert made.codes.tolist() == alone.codes.tolist()


def test_streamed_is_synthesised_and_repeatable() -> None:
    model = XTTS.from_pretrained("random-tiny", device="cpu")
    guided = replace(model.sampling, guidance=2.0)
    arguments = {"language": "en", "voice": "one", "seed": 4, "max_codes": 30}
    whole = model.synthesise("Good day.", sampling=guided, **arguments).samples  # type: ignore[arg-type]
    chunks = list(model.stream("Good day.", sampling=guided, chunk_codes=7, **arguments))  # type: ignore[arg-type]
    torch.testing.assert_close(torch.cat([c.samples for c in chunks]), whole, rtol=0, atol=1e-5)
    again = model.synthesise("Good day.", sampling=guided, **arguments).samples  # type: ignore[arg-type]
    plain = model.synthesise("Good day.", **arguments).samples  # type: ignore[arg-type]
    assert torch.equal(again, whole)
    assert not torch.equal(plain[: len(whole)], whole[: len(plain)])


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_strengths_that_cannot_be_are_refused(value: float) -> None:
    with pytest.raises(UsageError, match="guidance"):
        SamplingOptions(guidance=value)


def test_it_is_a_setting_of_an_arm() -> None:
    system = XttsSystem(checkpoint="random-tiny", sampling={"guidance": 2.5})
    assert system._parts.sampling.guidance == 2.5
    with pytest.raises(UsageError, match="did you mean 'guidance'"):
        XttsSystem(checkpoint="random-tiny", sampling={"guidence": 2.5})
