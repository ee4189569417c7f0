"""How the decoding kernels and the batched vocoder should cut their work, on one GPU.

    python benchmarks/tune_step.py {single,many,vocoder} ...

XTTS-v2's sizes, random weights. Each candidate is timed as it is used, inside a graph, and its
codes are compared with those of the first: a candidate that draws others in fp32 is wrong.
"""

from __future__ import annotations

import argparse
import copy
import inspect
import re
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from operator import itemgetter
from pathlib import Path

import torch

from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.fast.hifigan.generator import WideGenerator
from xtts_lab.inference.fast.tuning import Tuning
from xtts_lab.inference.generate import Prompt, generate
from xtts_lab.inference.graph import Graphed
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import ModelConfig
from xtts_lab.nn.gpt import Gpt
from xtts_lab.nn.hifigan import HifiganConfig, HifiganGenerator

CODES = 200
CUDA = torch.device("cuda")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="+", choices=("single", "many", "vocoder"))
    parser.add_argument(
        "--write", action="store_true", help="make the best of `single` the default"
    )
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(0)
    asked = parser.parse_args()
    run = {"single": partial(single, asked.write), "many": many, "vocoder": vocoder}
    for what in asked.what:
        run[what]()


def candidates() -> list[Tuning]:
    """How one row's kernels may cut their work; the first is what is chosen now."""
    base = Tuning.choose(CUDA, 1, torch.bfloat16)
    made = [base]
    made += [
        replace(base, early=early, ahead=ahead)
        for early in (True, False)
        for ahead in (True, False)
    ]
    made += [replace(base, draw_warps=warps) for warps in (1, 2, 4)]
    made += [replace(base, attention_warps=warps) for warps in (1, 2)]
    made += [replace(base, splits=s, block_keys=k) for s, k in ((8, 32), (16, 16), (32, 16))]
    made.append(replace(base, draw_warps=2, attention_warps=2))
    for qkv, out, up, down in ((8, 8, 8, 2), (16, 8, 16, 2), (16, 4, 16, 4)):
        made.append(replace(base, qkv_rows=qkv, out_rows=out, up_rows=up, down_rows=down))
    return list(dict.fromkeys(made))


def single(write: bool) -> None:
    """One row: every candidate's step in bf16; the best is held to the plain path in fp32."""
    gpt, prompt = _gpt(), _prompt()
    (plain,) = generate(gpt, [prompt])
    halved = copy.deepcopy(gpt).to(torch.bfloat16)
    measured: list[tuple[float, Tuning]] = []
    first: list[int] = []
    for tuning in candidates():
        with _Reported(str(tuning)):
            made, spent = stepped(halved, torch.bfloat16, prompt, tuning)
            first = first or made
            same = sum(a == b for a, b in zip(made, first, strict=True))
            print(f"{spent:.4f} ms a step, {same} of {CODES} codes equal: {tuning}", flush=True)
            measured.append((spent, tuning))
    for spent, tuning in sorted(measured, key=itemgetter(0)):
        made, exact = stepped(gpt, torch.float32, prompt, tuning)
        same = sum(a == b for a, b in zip(made, plain.codes.tolist(), strict=True))
        print(
            f"best: {spent:.4f} ms in bf16, {exact:.4f} in fp32, there {same} of {CODES}: {tuning}"
        )
        if same == CODES:
            if write:
                write_defaults(tuning)
            return


def stepped(
    gpt: Gpt, dtype: torch.dtype, prompt: Prompt, tuning: Tuning
) -> tuple[list[int], float]:
    """The codes that a tuning draws, and milliseconds a step."""
    engine = DecodingEngine(
        gpt, prompt.sampling, steps=CODES, prompt=128, dtype=dtype, tuning=tuning,
        banned=gpt.config.stop_audio,
    )  # fmt: skip
    engine.start([prompt])
    engine.advance(CODES)
    made = engine.codes(CODES)[0].tolist()
    engine.start([prompt])
    engine.advance(60)
    return made, milliseconds(partial(engine.advance, 20)) / 20


def write_defaults(best: Tuning) -> None:
    """Make a tuning the default: the fields of `xtts_lab/inference/fast/tuning.py`."""
    path = Path(inspect.getfile(Tuning))
    text = path.read_text()
    for field in fields(Tuning):
        if field.name != "pdl":  # depends on the device
            line = rf"    {field.name}: (int|bool) = \S+"
            text = re.sub(line, rf"    {field.name}: \1 = {getattr(best, field.name)}", text)
    path.write_text(text)


def many() -> None:
    """Many rows: how attention cuts its work, then whole steps."""
    gpt, prompt = _gpt(), _prompt()
    for rows in (128, 256):
        engine = DecodingEngine(
            gpt, prompt.sampling, rows=rows, steps=CODES, prompt=128, dtype=torch.bfloat16,
            banned=gpt.config.stop_audio,
        )  # fmt: skip
        engine.start([replace(prompt, seed=seed) for seed in range(rows)])
        engine.advance(60)
        print(f"rows {rows}: {milliseconds(partial(engine.advance, 5)) / 5:.3f} ms a step")
        best = []
        for keys, warps in ((32, 1), (32, 2), (64, 2), (64, 4), (128, 4), (128, 8)):
            cut = replace(engine.step.tuning, block_keys=keys, attention_warps=warps)
            step = replace(engine.step, tuning=cut)
            spent = microseconds_of_attention(step, rows)
            best.append((spent, keys, warps))
            print(f"rows {rows}: attention of {keys} keys {warps} warps {spent:.1f} us a layer")
        _, keys, warps = min(best)
        cut = replace(engine.step.tuning, block_keys=keys, attention_warps=warps)
        engine.step = replace(engine.step, tuning=cut)
        engine._graphs = None
        engine.advance(2)
        print(f"rows {rows}: {milliseconds(partial(engine.advance, 5)) / 5:.3f} ms a step at best")
        del engine


def microseconds_of_attention(step: object, rows: int) -> float:
    """Per layer, inside a graph of all layers."""
    attend, state = step._attend, step.state  # type: ignore[attr-defined]
    layers = state.cache.keys.shape[0]
    qkv = torch.randn(rows, 3 * state.x.shape[1], device=CUDA, dtype=torch.bfloat16)

    def run() -> None:
        for index in range(layers):
            attend(qkv, state.cache.layer(index))

    return milliseconds(Graphed(run, CUDA)) * 1e3 / layers


def vocoder() -> None:
    """HiFi-GAN on 64 windows: seconds of speech a second, by the width of their core."""
    with CUDA:
        config = HifiganConfig()
        generator = HifiganGenerator(config).eval().half()
    torch.backends.cudnn.benchmark = True
    for core in (64, 160, 320):
        frames = torch.randn(64, 1024, core + 2 * config.context_frames, device=CUDA).half()
        vector = torch.randn(64, 512, device=CUDA).half()
        wanted = generator(frames, vector)
        for name, call in (("plain", generator), ("channels last", WideGenerator(generator))):
            with _Reported(name):
                run = partial(call, frames, vector)
                off = float((run() - wanted).abs().max() / wanted.abs().max())
                graph = Graphed(run, CUDA)
                spent = milliseconds(graph)
                speech = 64 * core * config.hop_length / 24_000
                print(
                    f"vocoder {name:14} core {core}: {speech / spent * 1e3:.0f} s of speech a "
                    f"second, off by {off:.1e}", flush=True,
                )  # fmt: skip


def milliseconds(call: Callable[[], object]) -> float:
    """Median of ten calls."""
    times = []
    call()
    for _ in range(10):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return sorted(times)[len(times) // 2]


class _Reported:
    """A candidate that this machine refuses is a line of its own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, Exception):
            print(f"{self.name}: failed: {str(error)[:200]}", flush=True)
            return True
        return False


def _gpt() -> Gpt:
    with CUDA:
        gpt = Gpt(ModelConfig().gpt).eval().requires_grad_(False)
    gpt.audio_head.bias[gpt.config.stop_audio] = -1e4
    return gpt


def _prompt() -> Prompt:
    return Prompt(torch.randn(32, 1024), torch.randint(3, 250, (45,)), 0, SamplingOptions(), CODES)


if __name__ == "__main__":
    with torch.inference_mode():
        main()
