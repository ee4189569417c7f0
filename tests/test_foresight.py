"""A copy in 8 bits guesses codes ahead: what is said stays the GPT's own."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.xtts_fixtures import tiny_model
from xtts_lab.inference import large_pages
from xtts_lab.inference.ahead import foresight, packed
from xtts_lab.inference.ahead.eight_bits import GuessingLinear, PairedLinear
from xtts_lab.inference.ahead.foresight import can_look_ahead
from xtts_lab.inference.ahead.packed import PackedLinear
from xtts_lab.inference.ahead.tiles import has_tiles
from xtts_lab.inference.generate import Generation, Prompt, generate
from xtts_lab.inference.kept import Kept
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.speech import PlainSpeech
from xtts_lab.nn.gpt import Gpt

GREEDY = SamplingOptions(temperature=0.0)
MODEL = tiny_model()
GPT = MODEL.gpt


@pytest.fixture(autouse=True)
def _worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foresight, "WORTH_BYTES", 0)
    monkeypatch.setattr(large_pages, "WORTH_BYTES", 0)
    if not can_look_ahead(GPT):
        pytest.skip("this CPU lacks the products")


def _prompt(seed: int, options: SamplingOptions, codes: int = 30) -> Prompt:
    made = torch.Generator().manual_seed(seed)
    text = torch.randint(3, 200, (4 + seed % 5,), generator=made)
    prefix = torch.randn(3 + seed % 2, GPT.config.width, generator=made)
    return Prompt(prefix, text, seed, options, codes)


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many codes were read at once, from now on; a prompt counts as one."""
    read: list[int] = []
    extend = Gpt.extend

    def counted(self: Gpt, x: torch.Tensor, *rest: object) -> torch.Tensor:
        read.append(x.shape[1])
        return extend(self, x, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Gpt, "extend", counted)
    return read


def _same(one: Generation, other: Generation) -> None:
    assert one.codes.tolist() == other.codes.tolist()
    assert (one.stop, one.tight_steps) == (other.stop, other.tight_steps)
    torch.testing.assert_close(one.states, other.states, atol=1e-4, rtol=1e-4)


@pytest.fixture(params=[True, False], ids=["tiles", "vectors"])
def products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both kinds of products in 8 bits, where the CPU has them."""
    if request.param and not has_tiles():
        pytest.skip("this CPU has no tiles")
    monkeypatch.setattr(foresight, "has_tiles", lambda: request.param)


@pytest.fixture(params=[True, False], ids=["packed", "rows"])
def laid_anew(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways to read float32, whoever made the CPU."""
    monkeypatch.setattr(packed, "pays", lambda: request.param)
    return bool(request.param)


@pytest.mark.usefixtures("laid_anew")
@pytest.mark.parametrize(
    "options",
    [GREEDY, SamplingOptions(), SamplingOptions(coqui_compat=True, temperature=0.3)],
    ids=["greedy", "sampled", "compat"],
)
def test_codes_and_states_are_the_gpts_own(options: SamplingOptions) -> None:
    kept = Kept(GPT)
    for seed in range(3):
        prompt = _prompt(seed, options, codes=1 + 13 * seed)
        _same(generate(GPT, [prompt], kept)[0], generate(GPT, [prompt])[0])
    begun = replace(_prompt(5, options), codes=torch.tensor([3, 1, 2]))
    _same(generate(GPT, [begun], kept)[0], generate(GPT, [begun])[0])


def test_right_guesses_save_readings(monkeypatch: pytest.MonkeyPatch, laid_anew: bool) -> None:
    kept, read = Kept(GPT), _counted(monkeypatch)
    ahead = kept.foresight(1)
    assert ahead is not None
    ahead.guessing = GPT  # never wrong, but for rounding
    generate(GPT, [_prompt(0, GREEDY, codes=31)], kept)
    # 30 of 31 codes are read; where rows cost nothing, more at once the more guesses were right.
    assert read[1:] == ([4, 6, 8, 8, 4] if laid_anew else [3] * 10)


def test_wrong_guesses_cost_readings_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, prompt = Kept(GPT), _prompt(1, GREEDY)
    ahead = kept.foresight(1)
    assert ahead is not None
    other = tiny_model(seed=3).gpt
    ahead.guessing = other
    read = _counted(monkeypatch)
    _same(generate(GPT, [prompt], kept)[0], generate(GPT, [prompt])[0])
    assert len(read) > 15


def test_guesses_end_where_the_stop_token_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    gpt, read = copy.deepcopy(GPT), _counted(monkeypatch)
    stop = gpt.config.stop_audio
    with torch.no_grad():
        gpt.audio_head.bias[stop] = 100.0
    kept = Kept(gpt)
    made = generate(gpt, [_prompt(0, GREEDY)], kept)[0]
    assert (made.stop, len(made.codes), len(read)) == ("end", 0, 1)


@pytest.mark.usefixtures("laid_anew")
def test_what_is_streamed_and_spoken_is_what_it_was() -> None:
    prompt, vector = _prompt(2, SamplingOptions()), torch.ones(MODEL.config.sizes.embedding)
    speech = PlainSpeech(MODEL, "")
    (alone,) = speech.speak([prompt], [vector])
    streamed = torch.cat(list(speech.stream(prompt, vector, 7)))
    together = speech.speak([prompt, _prompt(3, GREEDY)], [vector, vector])[0]
    assert alone.codes.tolist() == together.codes.tolist()
    torch.testing.assert_close(streamed, alone.samples, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together.samples, alone.samples, atol=1e-4, rtol=1e-4)
    again = PlainSpeech(MODEL, "").speak([prompt], [vector])[0]
    assert torch.equal(again.samples, alone.samples)


@pytest.mark.usefixtures("products")
def test_half_precision_rounds_weights_and_what_meets_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(foresight, "_gains", lambda _dtype: True)
    gpt = copy.deepcopy(GPT).to(torch.float16)
    prompt = _prompt(0, GREEDY, codes=6)
    (made,) = generate(gpt, [prompt], Kept(gpt))
    (wanted,) = generate(GPT, [prompt])
    assert made.states.dtype == torch.float32
    torch.testing.assert_close(made.states[0], wanted.states[0], atol=0.05, rtol=0.05)


def test_layers_of_8_bits_and_of_pairs_are_nearly_the_layer() -> None:
    torch.manual_seed(0)
    linear, x = torch.nn.Linear(64, 48), torch.randn(5, 64) * torch.logspace(-3, 3, 5)[:, None]
    with torch.inference_mode():
        expected = linear(x)
        guessing = GuessingLinear(linear)
        bias = guessing.bias.expand(5, -1)
        guessed, paired = guessing(x, bias), PairedLinear(linear, guessing)(x, bias)
        half = linear.half()(x.half()).float()
    most = expected.abs().amax(dim=-1)
    assert 0 < float(((guessed - expected).abs().amax(dim=-1) / most)[-1]) < 0.05
    errors = [(made - expected).norm(dim=-1) for made in (paired, half)]
    assert bool((errors[0] < errors[1]).all())
    assert float((errors[0][0] / expected[0].norm(dim=-1)).max()) < 2e-4


def test_a_layer_laid_anew_is_the_layer_for_any_number_of_rows() -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(96, 80)
    laid = PackedLinear(linear)
    with torch.inference_mode():
        for count in (1, 3, 48):
            x = torch.randn(count, 96)
            expected = linear.double()(x.double()).float()
            torch.testing.assert_close(laid(x, laid.bias.float()), expected, atol=1e-5, rtol=1e-5)


def test_who_made_the_cpu_says_whether_it_pays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packed, "_CPUS", tmp_path / "cpuinfo")
    for maker, expected in (("AuthenticAMD", True), ("GenuineIntel", False), (None, False)):
        packed.pays.cache_clear()
        if maker is None:
            packed._CPUS.unlink()
        else:
            packed._CPUS.write_text(f"processor : 0\nvendor_id : {maker}\n")
        assert packed.pays() is (expected and torch.backends.mkl.is_available())
    packed.pays.cache_clear()


def test_other_numbers_are_read_as_they_are() -> None:
    assert Kept(copy.deepcopy(GPT).to(torch.bfloat16)).foresight(1) is None


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XTTS_LAB_NO_FORESIGHT", "1")
    assert Kept(GPT).foresight(1) is None


def test_one_short_text_does_without() -> None:
    assert Kept(GPT, once=True).foresight(1) is None
    assert Kept(GPT).foresight(2) is None


def test_memory_in_large_pages_holds_what_it_held() -> None:
    held = torch.arange(1 << 20)
    large_pages.ask(held.data_ptr(), held.nbytes)
    assert torch.equal(held, torch.arange(1 << 20))
    large_pages.ask(0, large_pages.PAGE)  # nobody's: refused, and nothing happens
