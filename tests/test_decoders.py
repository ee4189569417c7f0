"""Decoders on the same model: each row as it is alone, streams as offline, others that say no."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.level_models import DECODERS, RVQ, config_of, model_of, prompt_of
from xtts_lab import XTTS, registry
from xtts_lab.audio import save
from xtts_lab.checkpoint import native
from xtts_lab.checkpoint.vocabulary import character_vocabulary
from xtts_lab.decoders.delay import delayed
from xtts_lab.errors import UsageError
from xtts_lab.inference.decoding import decode
from xtts_lab.inference.generate import generate
from xtts_lab.inference.speak import speak, stream
from xtts_lab.model import ModelConfig, XttsModel, part
from xtts_lab.nn.frame_net import FrameNet, FrameNetConfig, Frames
from xtts_lab.systems.xtts import XttsSystem
from xtts_lab.types import Audio, Reference, Request, Synthesis
from xtts_lab.yaml_file import Document, Where

CONDITIONERS = sorted(set(registry.BUILTIN["conditioners"]) - {"speaker_embedding"})
PROMPTS = [prompt_of(1), prompt_of(2, text=12, prefix=5), prompt_of(3, text=3, max_codes=9)]


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_row_is_what_it_is_alone(decoder: str) -> None:
    model = model_of(decoder)
    together = decode(model, PROMPTS)
    for prompt, made in zip(PROMPTS, together, strict=True):
        (alone,) = decode(model, [prompt])
        assert alone.levels is not None
        assert made.levels is not None
        assert torch.equal(alone.levels, made.levels)
        assert alone.stop == made.stop
        assert made.levels.shape == (1 if decoder == "single" else RVQ.levels, len(made.codes))
        assert bool(((made.levels >= 0) & (made.levels < RVQ.codes)).all())
        assert torch.equal(made.codes, made.levels[0])
    other = decode(model, [prompt_of(1, text=7, max_codes=20)])[0].levels
    assert other is not None
    assert torch.equal(other, together[0].levels)  # type: ignore[arg-type]


@pytest.mark.parametrize("decoder", ["delay", "masked", "masked-all", "single"])
def test_the_seed_decides(decoder: str) -> None:
    from dataclasses import replace

    model = model_of(decoder)
    prompt = prompt_of(5, frames=15) if decoder == "masked-all" else prompt_of(5)
    one, two, other = (
        decode(model, [replace(prompt, seed=seed)])[0].levels for seed in (11, 11, 12)
    )
    assert one is not None
    assert two is not None
    assert other is not None
    assert torch.equal(one, two)
    assert one.shape != other.shape or not torch.equal(one, other)


@pytest.mark.parametrize("decoder", ["ar_nar", "masked"])
def test_the_first_level_is_the_gpts(decoder: str) -> None:
    model = model_of(decoder)
    plain = generate(model.gpt, PROMPTS)
    for made, first in zip(decode(model, PROMPTS), plain, strict=True):
        assert torch.equal(made.codes, first.codes.clamp(max=RVQ.codes - 1))


def test_ar_nar_takes_the_likeliest_level_by_level() -> None:
    model = model_of("ar_nar")
    made = decode(model, [PROMPTS[0]])[0].levels
    assert made is not None
    codes = torch.full_like(made, -1)
    codes[0] = made[0]
    for level in range(1, RVQ.levels):
        given = Frames.of(PROMPTS[0].prefix, PROMPTS[0].text, codes)
        logits = model.decoder.net(given, torch.tensor([level]))  # type: ignore[operator]
        codes[level] = logits[0].argmax(-1)
    assert torch.equal(codes, made)


def test_guidance_reaches_the_second_network() -> None:
    """By hand: away from what is likely without a prefix, for all of it but the first level."""
    from dataclasses import replace

    from xtts_lab.inference.sampling import SamplingOptions

    model = model_of("ar_nar", seed=1)
    greedy = SamplingOptions(temperature=0.0, repetition_penalty=1.0, guidance=2.5)
    prompt = replace(PROMPTS[1], sampling=greedy)
    made = decode(model, [prompt])[0].levels
    assert made is not None
    net: Any = model.decoder.net
    for level in range(1, RVQ.levels):
        codes = made.clone()
        codes[level:] = -1
        heard, nobody = (
            net(Frames.of(prefix, prompt.text, codes), torch.tensor([level]))[0]
            for prefix in (prompt.prefix, prompt.prefix[:0])
        )
        assert torch.equal((2.5 * heard - 1.5 * nobody).argmax(-1), made[level])


@pytest.mark.parametrize("steps", [1, 4, 64])
def test_masked_takes_as_many_passes_as_it_is_told(steps: int) -> None:
    model = model_of("masked")
    own = model.config.decoder.settings
    model.decoder = _built(model, {**own, "steps": steps})
    calls = 0

    def count(*_: Any) -> None:
        nonlocal calls
        calls += 1

    model.decoder.net.register_forward_hook(count)  # type: ignore[operator]
    made = decode(model, [PROMPTS[0]])[0].levels
    assert made is not None
    assert calls == min(steps, made.shape[1]) + RVQ.levels - 2


def _built(model: XttsModel, settings: dict[str, Any]) -> Any:
    from xtts_lab.model import build

    made = build("decoders", part("decoders", "masked", **settings), model.config.sizes)
    made.load_state_dict(model.decoder.state_dict())
    return made.eval()


def test_a_duration_is_given_or_predicted() -> None:
    model = model_of("masked-all")
    given = decode(model, [prompt_of(1, frames=13)])[0].levels
    assert given is not None
    assert given.shape == (RVQ.levels, 13)
    shorter, longer = (decode(model, [prompt_of(1, text=n)])[0] for n in (2, 14))
    assert 1 <= len(shorter.codes) < len(longer.codes) <= 20


def test_delay_is_what_the_whole_sequence_predicts() -> None:
    """Each code is the likeliest after those before it in the pattern, read all at once."""
    from dataclasses import replace

    from xtts_lab.inference.sampling import SamplingOptions

    model = model_of("delay")
    greedy = SamplingOptions(temperature=0.0, repetition_penalty=1.0)
    prompt = replace(PROMPTS[0], sampling=greedy)
    made = decode(model, [prompt])[0].levels
    assert made is not None
    gpt, config, frames = model.gpt, model.config.gpt, made.shape[1]
    steps = frames + RVQ.levels - 1
    first = torch.full((1, steps + 1), config.stop_audio)
    first[0, 0], first[0, 1 : frames + 1] = config.start_audio, made[0]
    nothing = torch.full((RVQ.levels - 1, 1), -1)
    others = torch.cat([nothing, delayed(made[1:])], 1)[None, :, : steps + 1]
    text = torch.tensor([[config.start_text, *prompt.text.tolist(), config.stop_text]])
    audio = gpt.embed_audio(first, torch.arange(steps + 1)) + model.decoder.beside(others)
    x = torch.cat([prompt.prefix[None], gpt.embed_text(text), audio], 1)
    states = gpt.states(x)[0, -steps - 1 :]
    heads = model.decoder.others(states)
    for frame in range(frames):
        assert int(gpt.audio_head(states[frame]).argmax()) == int(made[0, frame])
        for level in range(1, RVQ.levels):
            told = heads[frame + level, level - 1].argmax()
            assert int(told) == int(made[level, frame])


@pytest.mark.parametrize("decoder", ["single", "delay"])
@pytest.mark.parametrize("chunk", [1, 6])
def test_streamed_is_offline(decoder: str, chunk: int) -> None:
    model, nobody = model_of(decoder), torch.zeros(32)
    assert max(len(made.codes) for made in decode(model, PROMPTS)) > 8
    for prompt in PROMPTS:
        (whole,) = speak(model, [prompt], [nobody])
        pieces = list(stream(model, prompt, nobody, chunk))
        assert whole.samples.shape[0] == len(whole.codes) * RVQ.code_hop
        joined = torch.cat([torch.zeros(0), *pieces])
        torch.testing.assert_close(joined, whole.samples, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("decoder", ["ar_nar", "masked", "masked-all"])
def test_others_say_that_they_cannot_stream(decoder: str) -> None:
    name = DECODERS[decoder]["name"]
    with pytest.raises(UsageError, match=f"decoder '{name}' cannot stream; synthesise instead"):
        list(stream(model_of(decoder), PROMPTS[0], torch.zeros(32)))


@pytest.mark.parametrize("blocks", ["transformer", "conformer"])
def test_padding_and_company_change_nothing(blocks: Any) -> None:
    torch.manual_seed(0)
    net = FrameNet(FrameNetConfig(2, 16, 2, 8, 30, 12, 3, blocks)).eval()
    codes = torch.randint(-1, 12, (2, 3, 10))
    prefix, text = torch.randn(2, 4, 8), torch.randint(0, 30, (2, 6))
    both = Frames(prefix, text, torch.tensor([6, 3]), codes, torch.tensor([10, 7]))
    level = torch.tensor([2, 1])
    whole = net(both, level)
    alone = net(Frames.of(prefix[1], text[1, :3], codes[1, :, :7]), level[1:])
    torch.testing.assert_close(whole[1, :7], alone[0], rtol=1e-4, atol=1e-5)
    moved = Frames.of(prefix[1], text[1, :3].flip(0), codes[1, :, :7])
    assert not torch.allclose(net(moved, level[1:]), alone, atol=1e-4)  # it knows the order


def test_a_codec_of_one_level_is_refused() -> None:
    for name in ("ar_nar", "masked", "delay"):
        config = ModelConfig.tiny()
        with pytest.raises(UsageError, match=r"checkpoint's codec has one.*stage rvq"):
            XttsModel(_with_decoder(config, name))
    with pytest.raises(UsageError, match="steps: 65 does not work; take 1 to 64"):
        model_of("masked").config.sizes and _built(model_of("masked"), {"steps": 65})


def _with_decoder(config: ModelConfig, name: str) -> ModelConfig:
    from dataclasses import replace

    return replace(config, decoder=part("decoders", name))


def checkpoint(folder: Path, decoder: str, conditioner: str, **settings: Any) -> Path:
    model = model_of(decoder, conditioner=conditioner, **settings)
    vocabulary = folder.parent / "vocab.json"
    gpt = model.config.gpt
    vocabulary.write_text(json.dumps(character_vocabulary(gpt.text_tokens, gpt.start_text)))
    native.export(folder, model, vocabulary, random=True)
    return folder


@pytest.mark.parametrize("decoder", ["ar_nar", "delay", "masked-all"])
@pytest.mark.parametrize("conditioner", CONDITIONERS)
def test_any_conditioner_with_any_decoder(tmp_path: Path, decoder: str, conditioner: str) -> None:
    """Through a checkpoint's file and the public interface."""
    save(tmp_path / "a.wav", Audio(0.1 * torch.randn(22050), 22050))
    folder = checkpoint(tmp_path / "c", decoder, conditioner)
    model = XTTS.from_pretrained(folder, device="cpu")
    reference = Reference(tmp_path / "a.wav", "one", "en")
    requests = [Request("Good day.", "en", (reference,), seed) for seed in (1, 2)]
    many = model.synthesise_batch(requests, max_codes=8)
    (alone,) = model.synthesise_batch(requests[:1], max_codes=8)
    assert torch.equal(many[0].audio.samples, alone.audio.samples)
    assert 0 < len(alone.audio.samples) <= 8 * RVQ.code_hop


def test_a_decoders_steps_may_be_swept(tmp_path: Path) -> None:
    """What is set for inference keeps the weights; another decoder has none."""
    folder = checkpoint(tmp_path / "c", "masked-all", "no_reference")
    own = XTTS.from_pretrained(folder, device="cpu")
    voice = own.clone_voice([])
    said = own.synthesise("Good day.", language="en", voice=voice, duration_s=0.2)
    assert len(said.samples) == 10 * RVQ.code_hop
    swept = XTTS.from_pretrained(folder, device="cpu", decoder={"steps": 1})
    for one, two in zip(own.model.parameters(), swept.model.parameters(), strict=True):
        assert torch.equal(one, two)
    assert swept.model.config.decoder.settings["steps"] == 1
    level_one = XTTS.from_pretrained(folder, device="cpu", decoder={"name": "single"})
    assert level_one.model.decoder.levels == 1


def test_a_decoder_is_a_setting_of_the_system(tmp_path: Path) -> None:
    """On the bench: resolved, described, streaming where it can, the same as by hand."""
    folder = str(checkpoint(tmp_path / "m", "masked", "code_prompt"))
    where = Where(Document("x"))
    parts = {"conditioner": None, "vocoder": None, "sampling": None}
    resolved = XttsSystem.complete({"checkpoint": folder, "decoder": {"steps": 2}, **parts}, where)
    assert resolved["decoder"]["steps"] == 2
    assert resolved["decoder"]["first"] == "ar"
    save(tmp_path / "a.wav", Audio(0.1 * torch.randn(22050), 22050))
    request = Request("Good day.", "en", (Reference(tmp_path / "a.wav"),), 3)
    few, own = (
        XttsSystem(checkpoint=folder, decoder=d, max_codes=8, device="cpu")
        for d in ({"steps": 2}, None)
    )
    assert few.untrained == own.untrained == ()
    assert few.weights_random
    assert not few.streams
    assert few.sample_rate == RVQ.sample_rate
    facts = few.facts
    assert facts["decoder"]["name"] == "masked"
    assert all(int(facts[part]["parameters"]) > 0 for part in ("decoder", "gpt"))  # type: ignore[arg-type]
    assert int(facts["vocoder"]["flops"]) > 0  # type: ignore[arg-type]
    (one,), (two,) = few.synthesise([request]), own.synthesise([request])
    assert isinstance(one, Synthesis)
    assert isinstance(two, Synthesis)
    assert one.audio.samples.shape == two.audio.samples.shape  # the same first level
    few.check()


def test_the_bench_streams_what_it_says(tmp_path: Path) -> None:
    folder = str(checkpoint(tmp_path / "d", "delay", "no_reference"))
    system = XttsSystem(checkpoint=folder, max_codes=15, device="cpu")
    assert system.streams
    request = Request("Good day.", "en", (), 5)
    (whole,) = system.synthesise([request])
    assert isinstance(whole, Synthesis)
    pieces = [chunk.samples for chunk in system.stream(request, system.prepare(()))]
    torch.testing.assert_close(torch.cat(pieces), whole.audio.samples, rtol=1e-4, atol=1e-5)
    with pytest.raises(UsageError, match="decoder 'delay' cannot serve several streams"):
        system.serve(2)


def test_configurations_keep_their_decoder(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "c", "masked", "perceiver", latents=2)
    loaded = XTTS.from_pretrained(folder, device="cpu").model.config
    assert loaded == config_of("masked", "perceiver", latents=2)
    assert set(registry.targets("decoders")) == {"single", "ar_nar", "masked", "delay"}
