"""The decoding engine: its kernels, interpreted on the CPU, draw what the plain path draws.

Triton's interpreter has to be chosen before Triton is imported, hence a process of its own. On a
GPU the same check runs compiled (mark `gpu`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from xtts_lab.errors import UsageError
from xtts_lab.inference.fast.schedule import Schedule
from xtts_lab.inference.generate import Prompt, generate
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.nn.gpt import Gpt, GptConfig

STEPS = 3
OPTIONS = {
    "default": SamplingOptions(),
    "greedy": SamplingOptions(temperature=0.0),
    "unfiltered": SamplingOptions(top_k=0, top_p=1.0, repetition_penalty=1.0),
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


def check(name: str, device: str = "cpu") -> None:
    """Two rows of unequal length: codes equal, states within rounding of the plain path's."""
    from xtts_lab.inference.fast.engine import DecodingEngine
    from xtts_lab.inference.fast.step import Tuning

    gpt, options = _gpt().to(device), OPTIONS[name]
    prompts = _prompts(options, device)
    tuning = Tuning(32, 32, 32, 32, 64, splits=2, block_keys=16)
    engine = DecodingEngine(gpt, options, rows=2, steps=STEPS, tuning=tuning)
    engine.start(prompts[::-1])
    engine.advance(1)
    engine.start(prompts)  # nothing of what came before is left
    engine.advance(STEPS)
    codes = engine.codes(STEPS)
    for row, plain in enumerate(generate(gpt, prompts)):
        n = min(STEPS, plain.codes.shape[0])
        assert codes[row, :n].tolist() == plain.codes[:n].tolist()
        torch.testing.assert_close(
            engine.state.states[row, :n], plain.states[:n], atol=1e-5, rtol=1e-5
        )


def check_stream(device: str = "cpu") -> None:
    """Pieces joined are what the plain path speaks, whether it stops by itself or at the limit."""
    from xtts_lab.inference.fast.engine import DecodingEngine
    from xtts_lab.inference.fast.step import Tuning
    from xtts_lab.inference.fast.streaming import FastStream
    from xtts_lab.inference.speak import speak
    from xtts_lab.model import ModelConfig, XttsModel

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


def test_interpreted_kernels_draw_what_the_plain_path_draws() -> None:
    code = "from tests.test_fast_decoding import OPTIONS, check\nfor name in OPTIONS: check(name)\n"
    code += "from tests.test_fast_decoding import check_stream; check_stream()"
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", OPTIONS)
def test_compiled_kernels_draw_what_the_plain_path_draws(name: str) -> None:
    check(name, "cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_compiled_streaming_equals_offline() -> None:
    check_stream("cuda")


@pytest.mark.parametrize(
    "wrong", [{"first": 0}, {"first": 5, "most": 4}, {"growth": 0.5}, {"growth": float("nan")}]
)
def test_a_schedule_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="chunks"):
        Schedule(**wrong)  # type: ignore[arg-type]
