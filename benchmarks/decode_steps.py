"""What a decoding step costs on a GPU at XTTS-v2's sizes (random weights), and where time goes.

    python benchmarks/decode_steps.py [--codes 200] [--out FILE.json]

The plain path in fp32; the engine with one row in each dtype, with the share of the memory's
bandwidth that a step attains (the measured copy rate), reading a prompt, and how many codes are
those of the plain path; many rows in bf16; and the kernels of a step by time.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import full_size as full
import torch
from torch.profiler import ProfilerActivity, profile

from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.generate import Prompt, generate
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import ModelConfig
from xtts_lab.nn.gpt import Gpt

TEXT_TOKENS, PREFIX = 45, 32
NOTES = [
    "XTTS-v2's sizes, random weights; 32 prefix positions and 45 text tokens before the codes.",
    "The step's share: the bytes of all matrices read once at the copy rate, over the step's time.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--codes", type=int, default=200)
    parser.add_argument("--rows", default="32,128,256")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    full.exact()
    torch.manual_seed(0)
    with torch.device("cuda"):
        gpt = Gpt(ModelConfig().reduced(asked.layers).gpt).eval().requires_grad_(False)
    gpt.audio_head.bias[gpt.config.stop_audio] = -1e4
    text = torch.randint(3, 250, (TEXT_TOKENS,))
    prompt = Prompt(torch.randn(PREFIX, gpt.config.width), text, 0, SamplingOptions(), asked.codes)
    rows: list[dict[str, Any]] = []
    for row in measurements(gpt, prompt, [int(n) for n in asked.rows.split(",")]):
        rows.append(row)
        print(row, flush=True)
        full.write(asked.out, "Decoding", rows, NOTES)


def measurements(gpt: Gpt, prompt: Prompt, many: list[int]) -> Iterator[dict[str, Any]]:
    rate = copy_rate()
    codes = prompt.max_codes or 0
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        (plain,) = generate(gpt, [prompt])
        torch.cuda.synchronize()
        taken.append((time.perf_counter() - start) * 1e3 / codes)
    yield {"what": "decode", "engine": "plain", "dtype": "float32", "rows": 1, "ms": taken[1]}
    for name, dtype in full.DTYPES.items():
        engine = _engine(gpt, prompt, dtype, 1)
        engine.start([prompt])
        engine.advance(codes)
        made = engine.codes(codes)[0].tolist()
        same = sum(a == b for a, b in zip(made, plain.codes.tolist(), strict=True))
        prefill = timed(lambda engine=engine: engine.start([prompt]))
        step = timed(partial(engine.advance, 20), partial(_spoken, engine, prompt, 60)) / 20
        share = engine.weights.bytes_per_step / rate * 1e3 / step
        yield {
            "what": "decode", "engine": "fast", "dtype": name, "rows": 1, "ms": round(step, 4),
            "share_of_copy_rate": round(share, 3), "start_ms": round(prefill, 3),
            "same_codes": f"{same} of {codes}", "copy_tb_s": round(rate / 1e12, 2),
        }  # fmt: skip
        if dtype == torch.bfloat16:
            yield from kernels(engine, name, 1)
        del engine
    for rows in many:
        engine = _engine(gpt, prompt, torch.bfloat16, rows)
        engine.start([replace(prompt, seed=seed) for seed in range(rows)])
        engine.advance(60)
        step = timed(partial(engine.advance, 5), repeats=8) / 5
        yield {
            "what": "decode", "engine": "fast", "dtype": "bfloat16", "rows": rows,
            "ms": round(step, 4),
        }  # fmt: skip
        yield from kernels(engine, "bfloat16", rows)
        del engine


def _engine(gpt: Gpt, prompt: Prompt, dtype: torch.dtype, rows: int) -> DecodingEngine:
    own = gpt if dtype == torch.float32 else copy.deepcopy(gpt).to(dtype)
    return DecodingEngine(
        own, prompt.sampling, rows=rows, steps=prompt.max_codes, prompt=128, dtype=dtype,
        banned=gpt.config.stop_audio,
    )  # fmt: skip


def _spoken(engine: DecodingEngine, prompt: Prompt, codes: int) -> None:
    engine.start([prompt])
    engine.advance(codes)


def kernels(engine: DecodingEngine, dtype: str, rows: int) -> Iterator[dict[str, Any]]:
    """Microseconds a step by kernel, the eight longest."""
    with profile(activities=[ProfilerActivity.CUDA]) as made:
        engine.advance(20)
        torch.cuda.synchronize()
    for row in sorted(made.key_averages(), key=lambda r: -r.device_time_total)[:8]:
        yield {
            "what": "kernels", "kernel": row.key[:48], "dtype": dtype, "rows": rows,
            "us_a_step": round(row.device_time_total / 20, 1), "launches": row.count / 20,
        }  # fmt: skip


def timed(
    call: Callable[[], Any], reset: Callable[[], Any] = lambda: None, repeats: int = 9
) -> float:
    """Median milliseconds of a call, the device's work included; `reset` is not timed."""
    taken = []
    for _ in range(repeats + 2):
        reset()
        torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        torch.cuda.synchronize()
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken[2:])


def copy_rate() -> float:
    """Bytes a second of a large copy on the device, read and written."""
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / (timed(lambda: target.copy_(source)) / 1e3)


if __name__ == "__main__":
    with torch.inference_mode():
        main()
