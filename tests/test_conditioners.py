"""Every conditioner: shapes, batch company, order of references, and what the GPT makes of it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xtts_fixtures import tiny_model, write_voice
from xtts_lab import registry
from xtts_lab.api import XTTS
from xtts_lab.conditioners.base import Conditioner, Intake
from xtts_lab.errors import UsageError
from xtts_lab.inference.costs import conditioner_cost
from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.generate import Prompt, generate, limit_of
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.transcripts import first_part
from xtts_lab.inference.voice import blend, clone
from xtts_lab.model import ModelConfig, XttsModel, build, part
from xtts_lab.types import Reference

SMALL = {"encoder_blocks": 2, "encoder_heads": 4}
ALL = {
    "perceiver": {"latents": 8, "heads": 2, "head_width": 16, **SMALL},
    "perceiver, concatenated": {
        "pooling": "concatenate", "latents": 4, "heads": 2, "head_width": 16, **SMALL,
    },
    "tortoise": SMALL,
    "tortoise, mean": {"pool": "mean", **SMALL},
    "tortoise, slots": {"slots": 5, "hidden": 32, **SMALL},
    "perceiver, narrower": {
        "latents": 4, "heads": 2, "head_width": 16, "encoder_width": 32, **SMALL,
    },
    "tortoise, narrower": {"encoder_width": 32, "slots": 3, "hidden": 16, **SMALL},
    "encoder_sequence": SMALL,
    "encoder_sequence, narrower": {"encoder_width": 32, **SMALL},
    "learned_vector": {"channels": 32, "vector": 24, "blocks": 2},
    "speaker_embedding": {"slots": 3},
    "no_reference": {"slots": 2},
    "code_prompt": {},
    "valle": {},
}  # fmt: skip
SIZES = ModelConfig.tiny().sizes


@cache
def conditioner(case: str) -> Conditioner:
    torch.manual_seed(0)
    chosen = part("conditioners", case.partition(",")[0], **ALL[case])  # type: ignore[arg-type]
    made: Conditioner = build("conditioners", chosen, SIZES)
    return made.eval().requires_grad_(False)


def model_with(case: str) -> XttsModel:
    """The tiny model, its conditioner replaced; weights are shared."""
    base = tiny_model()
    model = XttsModel(base.config)
    model.gpt, model.vocoder = base.gpt, base.vocoder
    model.speaker_encoder, model.dvae = base.speaker_encoder, base.dvae
    model.conditioner = conditioner(case)
    chosen = part("conditioners", case.partition(",")[0], **ALL[case])  # type: ignore[arg-type]
    model.config = replace(base.config, conditioner=chosen)
    return model.eval()


def inputs(case: str, rows: int, seconds: float, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    intake = conditioner(case).intake
    if intake.reads == "codes":
        return torch.randint(0, SIZES.codes, (rows, int(seconds * 21.5)), generator=generator)
    if intake.reads == "speaker":
        return torch.randn(rows, SIZES.embedding, generator=generator)
    return 0.1 * torch.randn(rows, int(seconds * intake.sample_rate), generator=generator)


def test_every_registered_conditioner_is_here() -> None:
    assert {case.partition(",")[0] for case in ALL} == set(registry.targets("conditioners"))


@pytest.mark.parametrize("case", ALL)
@settings(max_examples=6)
@given(rows=st.integers(1, 4), seconds=st.floats(0.4, 3.0), seed=st.integers(0, 99))
def test_a_row_does_not_depend_on_its_company(
    case: str, rows: int, seconds: float, seed: int
) -> None:
    module, given_ = conditioner(case), inputs(case, rows, seconds, seed)
    together = module(given_)
    for row in range(rows):
        alone = module(given_[row : row + 1])[0]
        # Rounding: a dozen convolutions deep it is a few times larger than elsewhere.
        scale = 20 if case == "learned_vector" else 1
        torch.testing.assert_close(together[row], alone, rtol=scale * 1e-4, atol=scale * 1e-5)


@pytest.mark.parametrize(
    ("case", "length"),
    [
        ("perceiver", 8), ("tortoise", 1), ("tortoise, slots", 5), ("speaker_embedding", 3),
        ("no_reference", 2), ("learned_vector", 1), ("valle", 43),
        ("encoder_sequence", 2 * 22050 // 1024 + 1),
    ],
)  # fmt: skip
def test_prefix_lengths(case: str, length: int) -> None:
    assert conditioner(case)(inputs(case, 1, 2.0, 0)).shape[1] == length


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Reference]:
    folder = tmp_path_factory.mktemp("clips")
    lengths = (2.6, 1.3, 4.9)
    texts = ("one two three four", "five six", "seven eight nine ten eleven")
    return [
        Reference(write_voice(folder / f"{i}.wav", seconds, 16000, i), text, "en")
        for i, (seconds, text) in enumerate(zip(lengths, texts, strict=True))
    ]


def order_matters(intake: Intake) -> bool:
    """Whether the order of references may change the prefix: where they are joined."""
    return intake.reads == "codes" or (intake.reads == "audio" and intake.pooling == "concatenate")


@pytest.mark.parametrize("case", ALL)
def test_order_of_references(case: str, clips: list[Reference]) -> None:
    model = model_with(case)
    one, two = clone(model, clips).voice, clone(model, clips[::-1]).voice
    same = one.prefix.shape == two.prefix.shape and torch.allclose(
        one.prefix.float(), two.prefix.float(), atol=1e-5
    )
    assert same != order_matters(conditioner(case).intake)
    torch.testing.assert_close(one.embedding, two.embedding, rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", ["perceiver", "tortoise", "speaker_embedding"])
def test_every_reference_counts(case: str, clips: list[Reference]) -> None:
    model = model_with(case)
    assert not torch.allclose(
        clone(model, clips).voice.prefix, clone(model, clips[:1]).voice.prefix, atol=1e-5
    )


@pytest.mark.parametrize(
    ("case", "seconds", "length"),
    [("perceiver, concatenated", 8.8, 3 * 4), ("encoder_sequence", 8.8, 190), ("valle", 3.0, 65)],
)
def test_joined_references_stop_at_the_maximum(
    case: str, seconds: float, length: int, clips: list[Reference]
) -> None:
    """8.8 s in chunks of 4 s are three chunks; codes stop at 3 s."""
    cloned = clone(model_with(case), clips)
    assert cloned.prefix_s == pytest.approx(seconds, abs=1e-3)
    assert cloned.voice.prefix.shape[0] == length


def test_a_voice_without_any_reference() -> None:
    model = model_with("no_reference")
    with pytest.raises(UsageError, match="none given"):
        clone(model, [])  # HiFi-GAN wants a speaker vector


@pytest.mark.parametrize("case", ALL)
def test_costs_are_those_of_the_module(case: str) -> None:
    with torch.device("meta"):
        model = XttsModel(model_with(case).config)
    cost = conditioner_cost(model.to("meta"), 4.0)
    assert cost.parameters == sum(p.numel() for p in conditioner(case).parameters())
    heard = {"valle": 3.0, "code_prompt": 3.0, "no_reference": 0.0}
    assert cost.reference_s == heard.get(case, 6.0)
    assert (cost.flops > 0) == (case != "no_reference")


def test_two_conditioners_can_be_matched_in_prefix_length_and_size() -> None:
    """An MLP on Tortoise's latent makes 32 distinct slots with the Perceiver's parameters."""
    full = ModelConfig().sizes
    with torch.device("meta"):
        perceiver = build("conditioners", part("conditioners", "perceiver"), full)
        resampler = sum(p.numel() for p in perceiver.resampler.parameters())
        hidden = round(resampler / (full.width + 32 * full.width))
        slots = part("conditioners", "tortoise", slots=32, hidden=hidden)
        tortoise = build("conditioners", slots, full)
    counts = [sum(p.numel() for p in module.parameters()) for module in (perceiver, tortoise)]
    assert counts[1] / counts[0] == pytest.approx(1.0, abs=0.01)
    assert counts[0] == pytest.approx(46e6, rel=0.02)  # 25 M of encoder, 21 M of Perceiver


def test_codes_are_not_blended(clips: list[Reference]) -> None:
    voice = clone(model_with("valle"), clips).voice
    with pytest.raises(UsageError, match="codes cannot be blended"):
        blend([(voice, 0.5), (voice, 0.5)])


def test_a_prompt_without_a_text_is_refused_in_one_line(clips: list[Reference]) -> None:
    with pytest.raises(UsageError, match=r"reference 0.wav: its text is not known"):
        clone(model_with("valle"), [replace(clips[0], text=None)])


def test_a_cut_prompts_text_is_cut(clips: list[Reference]) -> None:
    assert first_part(clips, 100.0) == " ".join(clip.text or "" for clip in clips)
    assert first_part(clips, 3.3) == "one two three four five"
    assert first_part(clips[:1], 1.3) == "one two"
    assert first_part([replace(clips[0], text="一二三四", language="zh-cn")], 1.3) == "一二"


def prompt_of(text: list[int], codes: torch.Tensor | None, **more: int | None) -> Prompt:
    greedy = SamplingOptions(temperature=0.0, repetition_penalty=1.0)
    prefix = torch.zeros(0, SIZES.width)
    return Prompt(prefix, torch.tensor(text), 0, greedy, more.get("max_codes"), codes)


def test_the_output_goes_on_after_the_prompts_codes() -> None:
    """Teacher forcing over prompt and new codes predicts each new code where it was drawn."""
    gpt = tiny_model().gpt
    prompt = torch.tensor([5, 900, 17, 300])
    made = generate(gpt, [prompt_of([7, 8, 9], prompt, max_codes=12)])[0]
    text = torch.tensor([[gpt.config.start_text, 7, 8, 9, gpt.config.stop_text]])
    audio = torch.cat([torch.tensor([gpt.config.start_audio]), prompt, made.codes])[None]
    with torch.inference_mode():
        logits = gpt(torch.zeros(1, 0, SIZES.width), text, audio).audio[0, 4:-1]
    assert logits.argmax(-1).tolist() == made.codes.tolist()
    assert len(made.codes) == 12


def test_positions_begin_anew_after_a_prompt_that_is_apart() -> None:
    """As teacher forcing where the target's positions are those that it has by itself."""
    gpt = tiny_model().gpt
    codes = torch.tensor([5, 900, 17, 300])
    prompt = replace(prompt_of([7, 8, 9], codes, max_codes=12), prompted=2, anew=True)
    made = generate(gpt, [prompt])[0]
    config = gpt.config
    text = torch.tensor([[config.start_text, 7, 8, 9, config.stop_text]])
    audio = torch.cat([torch.tensor([config.start_audio]), codes, made.codes])[None]
    ends = config.text_positions, config.audio_positions
    text_at = torch.tensor([0, ends[0] - 2, ends[0] - 1, 1, 2])
    audio_at = torch.tensor([0, *range(ends[1] - 4, ends[1]), *range(1, 13)])
    with torch.inference_mode():
        x = torch.cat([gpt.embed_text(text, text_at), gpt.embed_audio(audio, audio_at)], dim=1)
        logits = gpt.audio_head(gpt.states(x))[0, 5 + 4 : -1]
    assert logits.argmax(-1).tolist() == made.codes.tolist()
    assert len(made.codes) == 12
    engine = DecodingEngine(gpt, prompt.sampling, rows=1, steps=12)
    engine.start([prompt])
    engine.advance(12)
    assert engine.codes(12)[0].tolist() == made.codes.tolist()


def test_prompts_of_several_lengths_share_a_batch() -> None:
    gpt = tiny_model().gpt
    prompts = [
        prompt_of([3, 4], None, max_codes=20),
        prompt_of([9, 9, 9, 9], torch.arange(30), max_codes=20),
        prompt_of([5], torch.tensor([1, 2, 3]), max_codes=9),
    ]
    together = generate(gpt, prompts)
    for prompt, made in zip(prompts, together, strict=True):
        alone = generate(gpt, [prompt])[0]
        assert made.codes.tolist() == alone.codes.tolist()
        torch.testing.assert_close(made.states, alone.states, rtol=1e-4, atol=1e-4)


def test_a_prompt_takes_room_of_the_output() -> None:
    gpt = tiny_model().gpt
    ceiling = gpt.config.max_codes
    assert limit_of(gpt, prompt_of([1], torch.arange(100))) == ceiling - 100
    with pytest.raises(UsageError, match="leaves no room"):
        generate(gpt, [prompt_of([1], torch.zeros(ceiling, dtype=torch.long))])


def test_a_voice_of_another_conditioner_is_refused(clips: list[Reference]) -> None:
    codes = XTTS.from_pretrained("random-tiny", device="cpu", conditioner={"name": "valle"})
    plain = XTTS.from_pretrained("random-tiny", device="cpu")
    assert codes.voices == {}
    with pytest.raises(UsageError, match="not made for the conditioner 'perceiver'"):
        plain.synthesise("hello", language="en", voice=codes.clone_voice(clips))
    with pytest.raises(UsageError, match="not made for the conditioner 'valle'"):
        codes.synthesise("hello", language="en", voice=plain.clone_voice(clips))


def test_intakes_are_sound() -> None:
    for case in ALL:
        intake = conditioner(case).intake
        assert not (order_matters(intake) and math.isinf(intake.max_s)), case  # else memory grows
        assert intake.sample_rate == 22050


def test_files_of_any_path_type_are_references(tmp_path: Path) -> None:
    path = write_voice(tmp_path / "v.wav", 1.5)
    model = model_with("tortoise")
    one, two = clone(model, [path]).voice, clone(model, [Reference(path)]).voice
    assert torch.equal(one.prefix, two.prefix)
