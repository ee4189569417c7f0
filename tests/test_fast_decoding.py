"""The decoding engine: its kernels, interpreted on the CPU, draw what the plain path draws.

Triton's interpreter has to be chosen before Triton is imported, hence a process of its own. On a
GPU the same check runs compiled (mark `gpu`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from xtts_lab.errors import UsageError
from xtts_lab.inference.fast.batch_vocoder import BatchVocoder, cuts
from xtts_lab.inference.generate import Prompt, generate
from xtts_lab.inference.sampling import TIGHT, SamplingOptions, choose
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.model import ModelConfig, XttsModel
from xtts_lab.nn.gpt import Gpt, GptConfig

STEPS = {"cpu": 3, "cuda": 9}  # with graphs of several steps where there are graphs
OPTIONS = {
    "default": SamplingOptions(),
    "greedy": SamplingOptions(temperature=0.0),
    "narrow": SamplingOptions(top_k=5, top_p=0.5),
}


def _gpt() -> Gpt:
    torch.manual_seed(0)
    config = GptConfig(
        layers=1, width=24, heads=2, text_tokens=300, audio_tokens=40, start_audio=38,
        stop_audio=39, max_audio=20,
    )  # fmt: skip
    gpt = Gpt(config).eval()
    for parameter in gpt.parameters():  # norms and biases count too
        parameter.data += 0.1 * torch.randn_like(parameter)
    return gpt


def _prompts(options: SamplingOptions, device: str = "cpu") -> list[Prompt]:
    torch.manual_seed(1)
    return [
        Prompt(torch.randn(3, 24, device=device), torch.randint(2, 200, (4 + 3 * i,)), i, options)
        for i in range(2)
    ]


def check(name: str, device: str = "cpu", copies: int = 1, **cut: Any) -> None:
    """Two rows of unequal length: codes equal, states within rounding of the plain path's."""
    from xtts_lab.inference.fast.engine import DecodingEngine
    from xtts_lab.inference.fast.tuning import Tuning

    gpt, options = _gpt().to(device), OPTIONS[name]
    prompts, steps = _prompts(options, device) * copies, STEPS[device]
    tuning = replace(Tuning(32, 32, 32, 32, 64, splits=2, block_keys=16), **cut)
    engine = DecodingEngine(gpt, options, rows=len(prompts), steps=steps, tuning=tuning)
    engine.start(prompts[::-1])
    engine.advance(1)
    engine.start(prompts)  # nothing of what came before is left
    engine.advance(steps)
    codes = engine.codes(steps)
    for row, plain in enumerate(generate(gpt, prompts)):
        n = min(steps, plain.codes.shape[0])
        assert codes[row, :n].tolist() == plain.codes[:n].tolist()
        torch.testing.assert_close(
            engine.state.states[row, :n], plain.states[:n], atol=1e-5, rtol=1e-5
        )


def check_draws(device: str = "cpu") -> None:
    """Logits of all kinds: the kernel draws what `choose` draws, and as narrowly."""
    from xtts_lab.inference.fast.engine import DecodingEngine
    from xtts_lab.inference.fast.step import DecodingStep

    for options, scale, whole in (
        (SamplingOptions(), 1.0, False),
        (SamplingOptions(top_k=5, top_p=0.5), 30.0, False),
        (SamplingOptions(top_k=9, top_p=1.0, temperature=1.7), 3.0, True),  # with ties
        (SamplingOptions(top_k=0, top_p=0.3), 0.01, False),
    ):
        engine = DecodingEngine(_gpt().to(device), options, rows=4, steps=2)
        assert isinstance(engine.step, DecodingStep)
        state, seed = engine.state, torch.Generator().manual_seed(3)
        logits = torch.randn(state.logits.shape, generator=seed) * scale
        logits = logits.round() if whole else logits
        seen = torch.rand(logits.shape, generator=seed) < 0.2
        uniform = torch.rand(4, generator=seed, dtype=torch.float64)
        state.logits.copy_(logits), state.seen.copy_(seen), state.limits.fill_(9)
        state.uniforms[:, 0] = uniform
        engine.step.draw()
        codes, margins = choose(logits, seen, uniform, options)
        assert state.codes[:, 0].tolist() == codes.tolist()
        assert state.tight.tolist() == (margins < TIGHT).int().tolist()


def check_prompt(turned: bool, device: str = "cpu") -> None:
    """A prompt behind a prefix: states, keys and values are what the model's modules make."""
    from xtts_lab.inference.fast.prompt import Cut, PromptLayers, PromptTuning
    from xtts_lab.inference.fast.weights import DecodingWeights

    gpt, prefix, rows, count = _gpt().to(device), 5, 17, 15
    weights, numbers = DecodingWeights.of(gpt, torch.float32), torch.tensor([count, prefix])
    cut = Cut(outputs=16, inputs=16, splits=3, turned=turned)
    layers = PromptLayers(gpt.config, weights, rows, PromptTuning(cut, cut, cut, cut))
    said, x = numbers.to(device), torch.randn(1, rows, 24, device=device)
    ours, theirs = (gpt.empty_cache(1, prefix + rows) for _ in range(2))
    ours.keys[:], ours.values[:] = torch.randn(2, *ours.keys.shape, device=device)
    theirs.keys.copy_(ours.keys), theirs.values.copy_(ours.values)
    with torch.inference_mode():
        wanted = gpt.extend(x, said[1:], theirs)
        layers(x[0], said[:1], said[1:], ours)
        made = gpt.normalise(x)
    whole = prefix + count
    for one, other in (
        (made[:, :count], wanted[:, :count]),
        (ours.used(whole).keys, theirs.used(whole).keys),
        (ours.used(whole).values, theirs.used(whole).values),
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def check_generator(device: str = "cpu") -> None:
    """Channels last and fused, the generator makes what it makes as a module."""
    from xtts_lab.inference.fast.hifigan.generator import WideGenerator
    from xtts_lab.nn.hifigan import HifiganConfig, HifiganGenerator

    for changed in ({}, {"speaker_in_every_stage": False}, {"embedding": 0}):
        torch.manual_seed(0)
        config = HifiganConfig(
            **{"input_width": 16, "embedding": 12, "channels": 16, "rates": (4, 2)} | changed,
            upsample_kernels=(8, 4), kernels=(3, 5), dilations=((1, 3), (1,)),
        )  # fmt: skip
        generator = HifiganGenerator(config).to(device).eval()
        for parameter in generator.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)
        frames, vectors = torch.randn(2, 16, 5, device=device), torch.randn(2, 12, device=device)
        with torch.inference_mode():
            wanted = generator(frames, vectors)
            for order in (None, torch.channels_last)[: 1 if changed else 2]:
                made = WideGenerator(generator, order)(frames, vectors)
                torch.testing.assert_close(made, wanted, atol=1e-5, rtol=1e-4)


def check_one_window(device: str = "cpu") -> None:
    """In float32 the blocks of a stage go side by side, in pairs of halves: as accurate."""
    from xtts_lab.inference.fast.hifigan.generator import WideGenerator
    from xtts_lab.nn.hifigan import HifiganConfig, HifiganGenerator

    torch.manual_seed(0)
    config = HifiganConfig(
        input_width=16, embedding=12, channels=64, rates=(4, 2), upsample_kernels=(8, 4),
        kernels=(3, 7), dilations=((1, 3), (1, 2)),
    )  # fmt: skip
    generator = HifiganGenerator(config).to(device).eval()
    for parameter in generator.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    frames, vectors = torch.randn(1, 16, 9, device=device), torch.randn(1, 12, device=device)
    with torch.inference_mode():
        wide = WideGenerator(generator)
        assert all(stage.paired is not None for stage in wide.stages)
        made = wide(frames, vectors)
        exact = generator.double()(frames.double(), vectors.double())
    assert float((made - exact).abs().max() / exact.abs().max()) < (
        1e-6 if device == "cpu" else 5e-6
    )


def check_continuous(device: str = "cpu") -> None:
    """Five prompts through two rows: each becomes what it becomes alone."""
    from xtts_lab.inference.fast.continuous import decode_all
    from xtts_lab.inference.fast.engine import DecodingEngine
    from xtts_lab.inference.fast.tuning import Tuning

    gpt = _gpt().to(device)
    options = SamplingOptions(temperature=2.0, top_k=0, top_p=1.0, repetition_penalty=1.0)
    two = _prompts(options, device)
    prompts = [replace(two[i % 2], seed=i, max_codes=(3, 1, 5)[i % 3]) for i in range(5)]
    tuning = Tuning(128, 32, 128, 32, 64, splits=1, block_keys=32)
    engine = DecodingEngine(gpt, options, rows=2, steps=5, tuning=tuning)
    made = dict(decode_all(engine, prompts, look_every=2))
    for index, plain in enumerate(generate(gpt, prompts)):
        assert made[index].codes.tolist() == plain.codes.tolist()
        assert (made[index].stop, made[index].tight_steps) == (plain.stop, plain.tight_steps)
        torch.testing.assert_close(made[index].states, plain.states, atol=1e-5, rtol=1e-5)


def check_stream(device: str = "cpu") -> None:
    """Pieces joined are what the plain path speaks, whether it stops by itself or at the limit."""
    from xtts_lab.inference.fast.engine import DecodingEngine
    from xtts_lab.inference.fast.streaming import FastStream
    from xtts_lab.inference.fast.tuning import Tuning
    from xtts_lab.inference.speak import speak

    torch.manual_seed(0)
    tiny = ModelConfig.tiny(width=32, layers=1)
    gpt = replace(tiny.gpt, audio_tokens=40, start_audio=38, stop_audio=39)
    model = XttsModel(replace(tiny, gpt=gpt, dvae=None)).to(device).eval()
    embedding = torch.randn(32, device=device)
    tuning = Tuning(128, 32, 128, 32, 64, splits=1, block_keys=128)
    options = SamplingOptions(temperature=1.5, top_k=0, top_p=1.0, repetition_penalty=1.0)
    fast = FastStream(model, DecodingEngine(model.gpt, options, steps=9, tuning=tuning))
    for seed, bias in ((0, -50.0), (1, 5.5)):
        with torch.no_grad():  # the second is likely to stop by itself
            model.gpt.audio_head.bias[model.gpt.config.stop_audio] = bias
        text = torch.randint(3, 200, (6,))
        prompt = Prompt(torch.randn(4, 32, device=device), text, seed, options, max_codes=9)
        (whole,) = speak(model, [prompt], [embedding])
        pieces = list(fast.stream(prompt, embedding, Schedule(first=2, growth=1.0, most=2)))
        assert whole.stop == ("end" if bias > 0 else "limit")
        torch.testing.assert_close(torch.cat(pieces), whole.samples, atol=1e-5, rtol=1e-4)
        assert len(pieces) > 1 or bias > 0


def check_all(device: str = "cpu") -> None:
    check("default", device)
    check("greedy", device)
    check("default", device, copies=3)  # more rows than the fused kernels take
    check("default", device, ahead=True)
    check("narrow", device, ahead=True, early=True, splits=1, block_keys=4)
    check_draws(device)
    check_prompt(False, device)
    check_prompt(True, device)
    check_generator(device)
    check_one_window(device)
    check_stream(device)
    check_continuous(device)


def remember_builtins() -> None:
    """Spare the interpreter half its work: to look through Triton's modules at every call."""
    from triton import language
    from triton.runtime import interpreter

    names: dict[int, list[str]] = {}

    def patch(package: Any, builder: Any, scope: Any) -> None:
        if id(package) not in names:
            names[id(package)] = [n for n in dir(package) if is_builtin(getattr(package, n, None))]
        for name in names[id(package)]:
            member = getattr(package, name)
            if is_builtin(member):
                interpreter._patch_attr(package, name, member, builder, scope)

    is_builtin = language.core.is_builtin
    interpreter._patch_builtin = patch


def test_interpreted_kernels_draw_what_the_plain_path_draws() -> None:
    code = "from tests import test_fast_decoding as t; t.remember_builtins(); t.check_all()"
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_compiled_kernels_and_graphs_do_what_the_plain_path_does() -> None:
    check_all("cuda")


@pytest.mark.parametrize(
    "wrong", [{"first": 0}, {"first": 5, "most": 4}, {"growth": 0.5}, {"growth": float("nan")}]
)
def test_a_schedule_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="chunks"):
        Schedule(**wrong)  # type: ignore[arg-type]


def test_waveforms_in_windows_are_those_of_the_whole() -> None:

    torch.manual_seed(0)
    model = XttsModel(replace(ModelConfig.tiny(width=32, layers=1), dvae=None)).eval()
    vocode = BatchVocoder(model, batch=4, core=8)
    states = [torch.randn(n, 32) for n in (30, 1, 0, 47, 9, 10, 11, 12, 13, 9)]
    vectors = [torch.randn(32) for _ in states]
    for made, one, vector in zip(vocode(states, vectors), states, vectors, strict=True):
        with torch.inference_mode():
            whole = model.vocoder(one[None], vector[None])[0] if one.shape[0] else torch.zeros(0)
        torch.testing.assert_close(made, whole, atol=1e-5, rtol=1e-4)


@given(frames=st.integers(9, 400), core=st.integers(1, 40), context=st.integers(0, 15))
def test_windows_cover_an_utterance_once_and_keep_their_context(
    frames: int, core: int, context: int
) -> None:
    width = core + 2 * context
    assume(frames > width)
    at = 0
    for cut in cuts(0, frames, core, context):
        assert cut.start == at
        assert cut.first >= 0
        assert cut.first + width <= frames
        assert cut.first == 0 or cut.start - cut.first >= context
        assert cut.stop == frames or cut.first + width - cut.stop >= context
        at = cut.stop
    assert at == frames


def test_what_the_engine_does_not_know_is_refused() -> None:
    from xtts_lab.inference.fast.engine import DecodingEngine

    gpt, options = _gpt(), SamplingOptions()
    for unknown in (SamplingOptions(guidance=2.0), SamplingOptions(coqui_compat=True)):
        with pytest.raises(UsageError, match="neither coqui_compat nor guidance"):
            DecodingEngine(gpt, unknown)
    engine = DecodingEngine(gpt, options, rows=2, prompt=8)
    prompts = _prompts(options)
    long = replace(prompts[0], text=torch.full((18,), 3), prefix=torch.zeros(12, 24))
    for wrong, match in (
        (prompts[:1], "decodes 2 rows"),
        ([prompts[0], replace(prompts[1], sampling=SamplingOptions(top_k=5))], "sampling"),
        ([prompts[0], long], "positions"),
    ):
        with pytest.raises(UsageError, match=match):
            engine.start(wrong)
