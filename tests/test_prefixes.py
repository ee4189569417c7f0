"""A voice's prefix is read once, and weights may move: what is said stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from xtts_lab.inference import large_pages
from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.generate import Generation, Prompt, generate
from xtts_lab.inference.kept import Kept
from xtts_lab.inference.prefixes import Prefixes
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.nn.gpt import Gpt, GptConfig

OPTIONS = SamplingOptions()
CONFIG = GptConfig(
    layers=2, width=24, heads=2, text_tokens=300, audio_tokens=40, start_audio=38, stop_audio=39,
    max_audio=40,
)  # fmt: skip


def _gpt(seed: int = 0) -> Gpt:
    torch.manual_seed(seed)
    gpt = Gpt(CONFIG).eval()
    for parameter in gpt.parameters():  # norms and biases count too
        parameter.data += 0.1 * torch.randn_like(parameter)
    return gpt


GPT = _gpt()


def _prompt(seed: int, options: SamplingOptions, prefix: int = 3) -> Prompt:
    made = torch.Generator().manual_seed(seed)
    text = torch.randint(2, 200, (4 + seed % 5,), generator=made)
    return Prompt(torch.randn(prefix, 24, generator=made), text, seed, options)


def _same(one: Generation, other: Generation) -> None:
    assert one.codes.tolist() == other.codes.tolist()
    assert (one.stop, one.tight_steps) == (other.stop, other.tight_steps)
    torch.testing.assert_close(one.states, other.states, atol=1e-5, rtol=1e-5)


def test_prefixes_are_read_once_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, read = Kept(GPT), []
    prefill = Gpt.prefill

    def counted(self: Gpt, x: torch.Tensor, *rest: object) -> torch.Tensor:
        read.append(x.shape[1])
        return prefill(self, x, *rest)  # type: ignore[arg-type]

    first, other = _prompt(0, OPTIONS), _prompt(7, OPTIONS, prefix=5)
    said = [
        first,
        replace(first, seed=4, text=other.text),
        other,
        replace(other, prefix=other.prefix[:0]),
    ]
    plain = [generate(GPT, [prompt])[0] for prompt in said]
    monkeypatch.setattr(Gpt, "prefill", counted)
    together = generate(GPT, said, kept)
    assert sorted(read) == [3, 5]
    alone = [generate(GPT, [prompt], kept)[0] for prompt in said]
    assert sorted(read) == [3, 5]
    for made in (together, alone):
        for one, wanted in zip(made, plain, strict=True):
            _same(one, wanted)


def test_a_prefix_changed_in_place_is_another() -> None:
    kept, prompt = Kept(GPT), _prompt(0, OPTIONS)
    generate(GPT, [prompt], kept)
    prompt.prefix.mul_(-1.0)
    _same(generate(GPT, [prompt], kept)[0], generate(GPT, [prompt])[0])


def test_prefixes_take_no_more_room_than_they_may() -> None:
    size = 2 * CONFIG.layers * 3 * CONFIG.width * 4
    prefixes = Prefixes(GPT, most_bytes=2 * size)
    voices = list(_voices(4))
    for voice in (*voices, voices[2]):
        prefixes(voice)
    assert len(prefixes) == 2
    alone = Prefixes(GPT, most_bytes=0)
    alone(voices[0])
    alone(voices[1])
    assert len(alone) == 1  # the one in use stays


def _voices(count: int) -> Iterator[torch.Tensor]:
    for seed in range(count):
        yield torch.randn(3, 24, generator=torch.Generator().manual_seed(seed))


def test_the_engine_reads_a_prefix_once_and_says_what_the_plain_path_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, other = _prompt(0, OPTIONS), _prompt(7, OPTIONS, prefix=5)
    said = [first, replace(first, seed=4), other, replace(other, prefix=other.prefix[:0])]
    wanted = generate(GPT, said)
    read: list[int] = []
    prefill = Gpt.prefill

    def counted(self: Gpt, x: torch.Tensor, *rest: object) -> torch.Tensor:
        read.append(x.shape[1])
        return prefill(self, x, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Gpt, "prefill", counted)
    for rows in (1, 4):
        read.clear()
        engine = DecodingEngine(GPT, OPTIONS, rows=rows, prompt=16)
        for begin in range(0, 4, rows):
            engine.start(said[begin : begin + rows])
            engine.advance(CONFIG.max_codes)
            for row, made in enumerate(engine.collect(range(rows))):
                _same(made, wanted[begin + row])
        engine.admit([rows - 1], [other])
        assert read == [3, 5]


def test_weights_in_large_pages_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    gpt = _gpt()
    gpt.blocks[0].mlp.up.weight.data = gpt.blocks[0].mlp.up.weight.T.contiguous().T
    before = {name: value.clone() for name, value in gpt.state_dict().items()}
    strides = [parameter.stride() for parameter in gpt.parameters()]
    assert not large_pages.move(gpt)  # too small to be worth it
    monkeypatch.setattr(large_pages, "WORTH_BYTES", 0)
    if not large_pages.move(gpt):
        pytest.skip("this system has no large pages to give")
    assert [parameter.stride() for parameter in gpt.parameters()] == strides
    for name, value in gpt.state_dict().items():
        assert torch.equal(value, before[name])
    _same(*(generate(one, [_prompt(0, OPTIONS)])[0] for one in (gpt, gpt)))
