"""Every vocoder: streaming equals offline, rows are independent, seeds, speeds, refusals."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import ClassVar, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xtts_fixtures import tiny_model
from xtts_lab import registry
from xtts_lab.checkpoint.assembling import skeleton
from xtts_lab.errors import UsageError
from xtts_lab.inference.costs import vocoder_cost
from xtts_lab.inference.generate import Generation, Prompt
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.speak import before_vocoder, speak, stream, vocode
from xtts_lab.model import XttsModel, build, part
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.vocoders.stages import Local, Stage
from xtts_lab.vocoders.streaming import VocoderStream

ALL = {
    "hifigan": {"channels": 32},
    "vocos": {"width": 16, "inner": 32, "layers": 2},
    "mel_hifigan": {"channels": 32},
    "mel_vocos": {"width": 16, "inner": 32, "layers": 2},
    "griffin_lim": {"iterations": 4},
    "diffusion": {"width": 16, "heads": 2, "layers": 1, "steps": 3, "iterations": 4},
    "diffusion, hifigan": {
        "width": 16, "heads": 2, "layers": 1, "steps": 3, "waveform": "hifigan", "channels": 32,
    },
}  # fmt: skip
STREAMING = ("hifigan", "vocos", "mel_hifigan", "mel_vocos")


@cache
def model_with(case: str) -> XttsModel:
    """The tiny model with another vocoder, random and loud enough to compare."""
    base = tiny_model()
    chosen = part("vocoders", case.partition(",")[0], **ALL[case])  # type: ignore[arg-type]
    model = XttsModel(base.config)
    model.gpt, model.conditioner = base.gpt, base.conditioner
    model.speaker_encoder, model.dvae = base.speaker_encoder, base.dvae
    torch.manual_seed(0)
    model.vocoder = build("vocoders", chosen, base.config.sizes)
    for name, weight in model.vocoder.named_parameters():
        if name.endswith("output.weight"):
            weight.data *= 8.0
    model.config = replace(base.config, vocoder=chosen)
    return model.eval().requires_grad_(False)


def inputs(vocoder: Vocoder, rows: int, count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    if vocoder.reads == "states":
        return torch.randn(rows, count, 64, generator=generator)
    return torch.randn(rows, 80, 4 * count, generator=generator) - 4.0


def generation(count: int, seed: int = 0) -> Generation:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 1024, (count,), generator=generator)
    return Generation(codes, torch.randn(count, 64, generator=generator), "limit")


def embedding(seed: int = 3) -> torch.Tensor:
    drawn = torch.randn(32, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.norm()


def test_every_registered_vocoder_is_here() -> None:
    assert {case.partition(",")[0] for case in ALL} == set(registry.targets("vocoders")) - {
        "codec"  # see `tests/test_decoders.py`: it takes another model
    }
    streaming = {case for case in ALL if model_with(case).vocoder.streams}
    assert streaming == set(STREAMING)


@pytest.mark.parametrize("case", STREAMING)
@settings(max_examples=10)
@given(
    count=st.integers(1, 40),
    pieces=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    speed=st.sampled_from([1.0, 1.3, 0.7]),
)
@torch.inference_mode()
def test_streaming_equals_offline(case: str, count: int, pieces: list[int], speed: float) -> None:
    model, made, vector = model_with(case), generation(count), embedding()
    whole = vocode(model, made, vector, 0, speed)
    chain = (*before_vocoder(model, speed), *model.vocoder.stages(vector[None]))
    speech = VocoderStream(chain)
    given_ = made.states.t() if model.vocoder.reads == "states" else made.codes[None]
    parts, at = [], 0
    while at < count:
        size = pieces[at % len(pieces)]
        parts.append(speech.push(given_[:, at : at + size]))
        at += size
    joined = torch.cat([*parts, speech.finish()])
    assert joined.shape == whole.shape
    torch.testing.assert_close(joined, whole, rtol=0, atol=1e-4)


@pytest.mark.parametrize("case", STREAMING)
def test_a_streamed_utterance_is_the_spoken_one(case: str) -> None:
    """Codes drawn while the vocoder speaks, stop token and all."""
    model, vector = model_with(case), embedding()
    options = SamplingOptions(temperature=0.9)
    prompt = Prompt(torch.randn(8, 64), torch.tensor([5, 6, 7]), 11, options, max_codes=30)
    whole = speak(model, [prompt], [vector])[0].samples
    pieces = list(stream(model, prompt, vector, chunk_codes=4))
    assert len(pieces) > 2
    assert float(whole.std()) > 1e-4
    torch.testing.assert_close(torch.cat(pieces), whole, rtol=0, atol=1e-4)


@pytest.mark.parametrize("case", ALL)
@torch.inference_mode()
def test_rows_are_independent(case: str) -> None:
    vocoder = model_with(case).vocoder
    given_, vectors = inputs(vocoder, 3, 12), torch.stack([embedding(i) for i in range(3)])
    together = vocoder(given_, vectors, 5)
    assert float(together.abs().max()) <= 1.0
    for row in range(3):
        alone = vocoder(given_[row : row + 1], vectors[row : row + 1], 5)[0]
        # Griffin-Lim's phases multiply rounding, as does a diffusion that begins at pure noise.
        torch.testing.assert_close(together[row], alone, rtol=0, atol=2e-3)


@pytest.mark.parametrize("case", ALL)
@torch.inference_mode()
def test_a_code_is_46_ms(case: str) -> None:
    vocoder = model_with(case).vocoder
    samples = vocoder(inputs(vocoder, 1, 20), embedding()[None])
    assert samples.shape[1] / vocoder.sample_rate == pytest.approx(20 * 1024 / 22050, abs=0.012)


@torch.inference_mode()
def test_noise_comes_from_the_seed_alone() -> None:
    vocoder = model_with("diffusion").vocoder
    states, vector = inputs(vocoder, 1, 10), embedding()[None]
    one, again, other = (vocoder(states, vector, seed) for seed in (4, 4, 5))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("case", ["griffin_lim", "diffusion"])
def test_what_cannot_stream_says_so(case: str) -> None:
    prompt = Prompt(torch.zeros(1, 64), torch.tensor([5]), 0)
    with pytest.raises(UsageError, match=f"'{case}' cannot stream; synthesise instead"):
        next(stream(model_with(case), prompt, embedding()))


@pytest.mark.parametrize("case", ALL)
@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_speed_changes_the_length(case: str, speed: float) -> None:
    model, made = model_with(case), generation(20)
    plain = vocode(model, made, embedding(), 0)
    hurried = vocode(model, made, embedding(), 0, speed)
    assert hurried.shape[0] / plain.shape[0] == pytest.approx(1 / speed, rel=0.03)


@pytest.mark.parametrize("case", ALL)
def test_nothing_said_is_no_sound(case: str) -> None:
    assert vocode(model_with(case), generation(0), embedding(), 0).shape == (0,)


class CodeTable(Vocoder):
    """A waveform a code: the shortest vocoder that reads codes."""

    reads: ClassVar[Literal["states", "codes", "mel"]] = "codes"
    streams: ClassVar[bool] = True
    sample_rate = 22050

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(1024, 1024)

    def forward(
        self, codes: torch.Tensor, _embedding: torch.Tensor, _seed: int = 0
    ) -> torch.Tensor:
        waveform: torch.Tensor = self.table(codes).flatten(1).tanh()
        return waveform

    def stages(self, embedding: torch.Tensor) -> tuple[Stage, ...]:
        return (Local(lambda codes: self(codes[:, 0], embedding).unsqueeze(1), 1024, 0),)


def test_a_vocoder_may_read_codes() -> None:
    model = XttsModel(tiny_model().config)
    model.gpt = tiny_model().gpt
    model.vocoder = CodeTable()
    model.eval().requires_grad_(False)
    prompt = Prompt(torch.randn(8, 64), torch.tensor([5, 6, 7]), 2, max_codes=9)
    spoken = speak(model, [prompt], [embedding()])[0]
    assert spoken.samples.shape[0] == 1024 * len(spoken.codes)
    pieces = list(stream(model, prompt, embedding(), chunk_codes=4))
    assert torch.equal(torch.cat(pieces), spoken.samples)
    with pytest.raises(UsageError, match="codes, which have no other speed"):
        speak(model, [prompt], [embedding()], speed=1.5)


def test_a_mel_needs_a_dvae() -> None:
    model = XttsModel(replace(tiny_model().config, dvae=None))
    model.vocoder = model_with("griffin_lim").vocoder
    with pytest.raises(UsageError, match=r"needs the checkpoint's DVAE \(dvae.pth\)"):
        vocode(model, generation(3), embedding(), 0)


@pytest.mark.parametrize("case", ALL)
def test_costs(case: str) -> None:
    model = model_with(case)
    parameters, flops = vocoder_cost(skeleton(model.config).to("meta"))
    assert parameters == sum(p.numel() for p in model.vocoder.parameters())
    assert flops > 0 or case == "griffin_lim"
