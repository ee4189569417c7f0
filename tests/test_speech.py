"""Who speaks for an XTTS: the fast engine says what the plain path says, whatever the company.

On the CPU the engine's step is torch's own (`fast.torch_step`); the kernels are held to the plain
path in test_fast_decoding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from xtts_lab.api import XTTS
from xtts_lab.errors import UsageError
from xtts_lab.inference.fast import speech as fast_speech
from xtts_lab.inference.fast.batch_vocoder import BatchVocoder
from xtts_lab.inference.fast.engine import DecodingEngine, row_bytes
from xtts_lab.inference.fast.speech import FastSpeech
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.precision import each_with, products
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.speak import Spoken, speak
from xtts_lab.systems import xtts as xtts_system
from xtts_lab.systems.xtts import XttsSystem
from xtts_lab.types import Failure, Reference, Request, Synthesis, Voice

from .xtts_fixtures import write_voice

TEXTS = ("Good morning.", "One.", "The sea is calm tonight, the tide is full.", "Well, well.")


@pytest.fixture(scope="module")
def plain() -> XTTS:
    return XTTS.from_pretrained("random-tiny", device="cpu", engine="plain")


@pytest.fixture(scope="module")
def fast() -> XTTS:
    return XTTS.from_pretrained("random-tiny", device="cpu", engine="fast")


@pytest.fixture(scope="module")
def voice(plain: XTTS, tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return plain.clone_voice([write_voice(tmp_path_factory.mktemp("v") / "v.wav", 2.0)])


def prompts(model: XTTS, count: int, **changed: Any) -> list[Prompt]:
    torch.manual_seed(1)
    width = model.model.config.gpt.width
    made = [
        Prompt(torch.randn(8, width), torch.randint(3, 200, (3 + 2 * i,)), i, max_codes=6 + i % 5)
        for i in range(count)
    ]
    return [replace(prompt, **changed) for prompt in made]


def vectors(model: XTTS, count: int) -> list[Tensor]:
    torch.manual_seed(2)
    return list(torch.randn(count, model.model.config.sizes.embedding))


Tensor = torch.Tensor


def assert_same(made: Sequence[Spoken], wanted: Sequence[Spoken]) -> None:
    for one, other in zip(made, wanted, strict=True):
        assert one.codes.tolist() == other.codes.tolist()
        assert (one.stop, one.tight_steps) == (other.stop, other.tight_steps)
        torch.testing.assert_close(one.samples, other.samples, atol=1e-4, rtol=1e-3)


def test_the_engine_is_chosen_and_says_why(plain: XTTS, fast: XTTS) -> None:
    auto = XTTS.from_pretrained("random-tiny", device="cpu")
    assert (auto.speech.name, auto.speech.reason) == ("plain", "device cpu")
    assert (plain.speech.name, plain.speech.reason) == ("plain", "asked for")
    assert (fast.speech.name, fast.speech.reason) == ("fast", "")


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"engine": "quick"}, "engine: 'quick' is none of auto, fast, plain"),
        ({"dtype": "int8"}, "dtype: 'int8' is none of float32"),
        ({"engine": "fast", "memory_gb": 0.0}, "memory_gb: 0.0"),
        ({"engine": "fast", "memory_gb": float("nan")}, "memory_gb: nan"),
    ],
)
def test_a_choice_that_cannot_be_is_one_line(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        XTTS.from_pretrained("random-tiny", device="cpu", **wrong)


@pytest.mark.parametrize("speed", [1.0, 0.8, 1.3])
def test_many_prompts_are_said_as_each_alone(fast: XTTS, speed: float) -> None:
    given, of = prompts(fast, 7), vectors(fast, 7)
    alone = [speak(fast.model, [p], [v], speed)[0] for p, v in zip(given, of, strict=True)]
    assert_same(fast.speech.speak(given, of, speed), alone)
    assert_same(fast.speech.speak(given[::-1], of[::-1], speed), alone[::-1])
    assert_same(fast.speech.speak(given[2:3], of[2:3], speed), alone[2:3])


def test_what_the_engine_cannot_do_goes_the_plain_way(fast: XTTS) -> None:
    sampling = [
        SamplingOptions(),
        SamplingOptions(guidance=1.5),
        SamplingOptions(coqui_compat=True),
        SamplingOptions(temperature=0.0),
        SamplingOptions(top_k=5),
    ]
    given = [replace(p, sampling=s) for p, s in zip(prompts(fast, 5), sampling, strict=True)]
    of = vectors(fast, 5)
    assert isinstance(fast.speech, FastSpeech)
    assert [fast.speech.refuses(p) for p in given] == ["", "guidance", "coqui_compat", "", ""]
    alone = [speak(fast.model, [p], [v])[0] for p, v in zip(given, of, strict=True)]
    assert_same(fast.speech.speak(given, of), alone)


def test_in_windows_many_are_said_as_each_alone(fast: XTTS) -> None:
    """As a GPU sounds them, long ones and short ones."""
    speech = FastSpeech(fast.model)
    speech.windows, speech._vocoder = True, BatchVocoder(fast.model, core=16)
    given = [replace(p, max_codes=(4, 9, 20)[i]) for i, p in enumerate(prompts(fast, 3))]
    of = vectors(fast, 3)
    alone = [speak(fast.model, [p], [v])[0] for p, v in zip(given, of, strict=True)]
    assert_same(speech.speak(given, of), alone)
    assert sorted(speech._vocoder._windows) == [4, 16]


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 100])
def test_rows_follow_the_memory_given(fast: XTTS, rows: int) -> None:
    model, given = fast.model, prompts(fast, 6)
    size = row_bytes(model.config.gpt, 128, torch.float32)
    speech = FastSpeech(model, (rows + 0.5) * size / 0.8e9)
    assert_same(speech.speak(given, vectors(fast, 6)), speak(model, given, vectors(fast, 6)))
    engine = speech._single if rows == 1 else speech._engine
    assert engine is not None
    assert engine.state.rows == min(rows, 8)


def test_a_row_takes_the_memory_that_is_counted_for_it(fast: XTTS) -> None:
    held = []
    for rows in (2, 3):
        engine = DecodingEngine(fast.model.gpt, SamplingOptions(), rows=rows, prompt=128)
        state = {**vars(engine.state), **vars(engine.state.cache)}
        held.append(sum(t.nbytes for t in state.values() if isinstance(t, Tensor)))
    counted = row_bytes(fast.model.config.gpt, 128, torch.float32)
    assert counted <= held[1] - held[0] <= 1.1 * counted


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_memory_that_does_not_suffice_loses_nothing(
    fast: XTTS, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory after two prompts, with more than `most` rows: the rest is said with fewer."""
    real, tried = fast_speech.decode_all, []

    def tight(engine: DecodingEngine, given: Sequence[Prompt]) -> Iterator[Any]:
        tried.append((engine.state.rows, len(given)))
        for count, item in enumerate(real(engine, given)):
            if count == 2 and engine.state.rows > most:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            yield item

    monkeypatch.setattr(fast_speech, "decode_all", tight)
    speech, given, of = FastSpeech(fast.model), prompts(fast, 8), vectors(fast, 8)
    assert_same(speech.speak(given, of), speak(fast.model, given, of))
    assert [rows for rows, _ in tried] == sorted({8, 4, 2, 1, most} & {8, 4, 2, 1}, reverse=True)[
        : len(tried)
    ]
    assert tried[0][1] == 8
    assert tried[1][1] == 6  # what was said is not said again


def test_too_little_for_one_row_is_told(fast: XTTS, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_engine: DecodingEngine, _given: Sequence[Prompt]) -> Iterator[Any]:
        raise torch.OutOfMemoryError("CUDA out of memory.")
        yield

    monkeypatch.setattr(fast_speech, "decode_all", none)
    with pytest.raises(torch.OutOfMemoryError):
        FastSpeech(fast.model).speak(prompts(fast, 4), vectors(fast, 4))


def test_values_that_are_not_finite_are_their_requests_own(tmp_path: Path) -> None:
    system = XttsSystem(checkpoint="random-tiny", device="cpu", engine="fast", max_codes=4)
    clip = write_voice(tmp_path / "v.wav", 2.0)
    given = [Request(text, "en", (Reference(clip),), i) for i, text in enumerate(TEXTS)]
    whole = list(system.synthesise(given))
    model = system._loaded()
    real = model._prompts

    def poisoned(text: str, *rest: Any) -> Any:
        made, unspoken = real(text, *rest)
        bad = [replace(p, prefix=p.prefix * float("nan")) for p in made]
        return (bad if text == TEXTS[1] else made), unspoken

    model._prompts = poisoned  # type: ignore[method-assign]
    made = list(system.synthesise(given))
    assert [isinstance(one, Failure) for one in made] == [False, True, False, False]
    assert "not finite" in made[1].error  # type: ignore[union-attr]
    for one, other in zip(whole, made, strict=True):
        if isinstance(one, Synthesis) and isinstance(other, Synthesis):
            assert torch.equal(one.codes, other.codes)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", TEXTS)
def test_the_interface_says_the_same_either_way(
    plain: XTTS, fast: XTTS, voice: Voice, text: str
) -> None:
    settings: dict[str, Any] = {"language": "en", "voice": voice, "seed": 3, "max_codes": 12}
    wanted = plain.synthesise(text, **settings).samples
    whole = fast.synthesise(text, **settings).samples
    pieces = [chunk.samples for chunk in fast.stream(text, chunk_codes=3, **settings)]
    torch.testing.assert_close(whole, wanted, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(torch.cat(pieces), wanted, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("vocoder", ["griffin_lim", "vocos", "hifigan"])
def test_any_vocoder_speaks_behind_the_engine(voice: Voice, vocoder: str) -> None:
    made = []
    for engine in ("plain", "fast"):
        model = XTTS.from_pretrained(
            "random-tiny", device="cpu", engine=engine, vocoder={"name": vocoder}
        )
        if vocoder != "griffin_lim":
            torch.manual_seed(0)
            for parameter in model.model.vocoder.parameters():
                parameter.data = 0.02 * torch.randn_like(parameter)
        made.append(model.synthesise("Hello there.", language="en", voice=voice, max_codes=9))
    torch.testing.assert_close(made[0].samples, made[1].samples, atol=1e-4, rtol=1e-3)


def test_less_precision_is_held_once_and_hears_as_before(voice: Voice, tmp_path: Path) -> None:
    model = XTTS.from_pretrained("random-tiny", device="cpu", engine="fast", dtype="bfloat16")
    clip = write_voice(tmp_path / "v.wav", 2.0)
    assert torch.equal(model.clone_voice([clip]).prefix, voice.prefix)
    assert model.synthesise("Hello.", language="en", voice=voice, max_codes=5).samples.numel()
    assert isinstance(model.speech, FastSpeech)
    engine = model.speech._single
    assert engine is not None
    assert engine.gpt is model.model.gpt
    own = {p.data_ptr() for p in model.model.gpt.parameters()}
    for layer in engine.weights.layers:
        assert {layer.qkv.data_ptr(), layer.up.data_ptr(), layer.down.data_ptr()} <= own


def test_tf32_holds_only_while_something_is_made() -> None:
    def seen() -> tuple[bool, bool]:
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    before = seen()
    for wanted in (True, False):
        with products(wanted):
            assert seen() == (wanted, wanted)
        made = []
        for inside in each_with(wanted, iter(seen() for _ in range(2))):
            made.append(inside)
            assert seen() == before
        assert made == [(wanted, wanted)] * 2


@pytest.mark.parametrize("tf32", [False, True])
def test_voices_are_cloned_in_the_precision_that_was_asked_for(tf32: bool, tmp_path: Path) -> None:
    """torch's default is TF32 in convolutions: a clone made outside `products` would have it."""
    model = XTTS.from_pretrained("random-tiny", device="cpu", tf32=tf32)
    seen: list[bool] = []
    for part in (model.model.conditioner, model.model.speaker_encoder):
        part.register_forward_pre_hook(
            lambda *_: seen.append(torch.backends.cudnn.allow_tf32)  # type: ignore[misc]
        )
    model.clone_voice([write_voice(tmp_path / "v.wav", 2.0)])
    assert seen == [tf32] * len(seen)
    assert len(seen) >= 1


@pytest.mark.parametrize("tf32", [False, True])
def test_streams_are_made_in_the_precision_that_was_asked_for(
    tf32: bool, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded before the first piece counts as well: a graph keeps its precision."""
    model = XTTS.from_pretrained("random-tiny", device="cpu", engine="fast", tf32=tf32)
    seen: list[bool] = []
    warm = fast_speech.FastStream.warm

    def watched(stream: fast_speech.FastStream, *given: Any) -> None:
        seen.append(torch.backends.cudnn.allow_tf32)
        warm(stream, *given)

    monkeypatch.setattr(fast_speech.FastStream, "warm", watched)
    for part in model.model.vocoder.modules():
        part.register_forward_pre_hook(
            lambda *_: seen.append(torch.backends.cudnn.allow_tf32)  # type: ignore[misc]
        )
    assert [*model.stream("Hello.", language="en", voice=voice, max_codes=5)]
    server = model.serve(1, max_codes=5)
    server.submit(Request("Hello.", "en", (), 0), voice)
    while not server.idle:
        server.poll()
    assert len(seen) > 1
    assert set(seen) == {tf32}


def test_batches_of_the_fast_engine_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More requests than one window, texts read ahead: results in order, as in one window."""
    clip = write_voice(tmp_path / "v.wav", 2.0)
    given = [Request(TEXTS[i % 4], "en", (Reference(clip),), i) for i in range(7)]
    given[4] = Request("  ", "en", (Reference(clip),), 4)
    made = []
    for window, at_once in ((100, None), (2, None), (100, 1)):
        monkeypatch.setattr(xtts_system, "WINDOW", window)
        system = XttsSystem(
            checkpoint="random-tiny", device="cpu", engine="fast", max_codes=4, at_once=at_once
        )
        made.append(list(system.synthesise(given)))
    timed = [isinstance(m, Synthesis) and m.timings.total_ms is not None for m in made[2]]
    assert timed == [i != 4 for i in range(7)]
    for one, other in zip(made[0] * 2, [*made[1], *made[2]], strict=True):
        assert isinstance(one, Failure) == isinstance(other, Failure)
        if isinstance(one, Synthesis) and isinstance(other, Synthesis):
            assert torch.equal(one.codes, other.codes)  # type: ignore[arg-type]
    assert isinstance(made[1][4], Failure)


def test_leaving_early_leaves_nothing_running(tmp_path: Path) -> None:
    system = XttsSystem(checkpoint="random-tiny", device="cpu", engine="fast", max_codes=2)
    clip = write_voice(tmp_path / "v.wav", 2.0)
    results = system.synthesise([Request("One.", "en", (Reference(clip),), i) for i in range(3)])
    assert isinstance(next(results), Synthesis)
    results.close()  # type: ignore[attr-defined]
    assert isinstance(
        next(system.synthesise([Request("One.", "en", (Reference(clip),), 0)])), Synthesis
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_a_vocoder_of_codes_says_what_the_plain_path_says(tmp_path: Path) -> None:
    """The codes of the engine lie on the CPU, and what reads them on the GPU."""
    clip = write_voice(tmp_path / "v.wav", 3.0)
    given = [Request(TEXTS[i], "en", (Reference(clip),), i) for i in range(3)]
    fast = XTTS.from_pretrained("nano", device="cuda", engine="fast")
    plain = XTTS.from_pretrained("nano", device="cuda", engine="plain")
    made = fast.synthesise_batch(given)
    for one, other in zip(made, plain.synthesise_batch(given), strict=True):
        assert torch.equal(one.codes, other.codes)  # type: ignore[arg-type]
        assert torch.allclose(one.audio.samples, other.audio.samples, atol=1e-3)
    pieces = fast.stream(TEXTS[0], language="en", voice=fast.clone_voice([clip]), seed=0)
    streamed = torch.cat([piece.samples for piece in pieces])
    assert torch.allclose(streamed, made[0].audio.samples, atol=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("most", [256, 24])
def test_on_a_gpu_many_are_said_as_each_alone(most: int) -> None:
    """More prompts than become waveforms at once: sounding goes on beside decoding."""
    model = XTTS.from_pretrained("random-tiny", device="cuda")
    assert isinstance(model.speech, FastSpeech)
    model.speech.most_rows = most
    given, of = prompts(model, 150), vectors(model, 150)
    with products(tf32=False):
        made = model.speech.speak(given, of)
        alone = [speak(model.model, [p], [v])[0] for p, v in zip(given[:40], of[:40], strict=True)]
    for one, other in zip(made, alone, strict=False):
        if not one.tight_steps and not other.tight_steps:
            assert_same([one], [other])
    assert sum(bool(one.tight_steps) for one in made) < 15


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_on_a_gpu_less_precision_speaks_and_streams_alike(dtype: str) -> None:
    model = XTTS.from_pretrained("random-tiny", device="cuda", dtype=dtype)
    said: dict[str, Any] = {"language": "en", "voice": "one", "seed": 3, "max_codes": 30}
    whole = model.synthesise("Good morning.", **said).samples
    pieces = [chunk.samples for chunk in model.stream("Good morning.", chunk_codes=7, **said)]
    torch.testing.assert_close(torch.cat(pieces), whole, atol=2e-2, rtol=2e-2)
