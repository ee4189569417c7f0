"""What a decoding step costs on a GPU at XTTS-v2's sizes (random weights), and where time goes.

    python benchmarks/decode_steps.py [--layers 30] [--codes 200] [--out FILE.json]

For each dtype: the plain path of `inference.generate`, then the engine under several tunings, with
the share of the memory's bandwidth that a step attains (the measured copy rate); prefill; the
vocoder on 20 codes; and whether the engine draws what the plain path draws.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from xtts_lab.inference.fast.batch_vocoder import BatchVocoder
from xtts_lab.inference.fast.continuous import decode_all
from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.fast.streaming import FastStream
from xtts_lab.inference.fast.tuning import Tuning
from xtts_lab.inference.generate import Prompt, steps
from xtts_lab.inference.graph import Graphed
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.model import ModelConfig, XttsModel

TEXT_TOKENS, PREFIX = 45, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--codes", type=int, default=200)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(0)
    config = ModelConfig().reduced(arguments.layers)
    model = XttsModel(config).to("cuda").eval()
    rows: list[dict[str, Any]] = [{"device": torch.cuda.get_device_name(), "copy": copy_rate()}]
    print(rows[0], flush=True)
    prompt = Prompt(
        torch.randn(PREFIX, config.gpt.width), torch.randint(3, 250, (TEXT_TOKENS,)), 0,
        SamplingOptions(), arguments.codes,
    )  # fmt: skip
    for row in measurements(model, prompt, arguments.codes, rows[0]["copy"]):
        rows.append(row)
        print(row, flush=True)
        if arguments.out:
            arguments.out.write_text(json.dumps(rows, indent=1))


def measurements(
    model: XttsModel, prompt: Prompt, codes: int, rate: float
) -> Iterator[dict[str, Any]]:
    stop = model.gpt.config.stop_audio
    plain: list[int] = []
    with torch.inference_mode():
        model.gpt.audio_head.bias[stop] = -1e4
    for _ in range(2):
        start = time.perf_counter()
        plain = [int(step.codes[0]) for step in steps(model.gpt, [prompt])]
        torch.cuda.synchronize()
    elapsed = (time.perf_counter() - start) * 1e3
    yield {"what": "plain fp32", "ms_a_step": elapsed / len(plain)}
    yield from vocoder(model)
    yield from first_audio(model, prompt, codes)
    yield from throughput(model, prompt)
    for dtype in (torch.bfloat16, torch.float32):
        for name, tuning in list(tunings())[: None if dtype == torch.bfloat16 else 2]:
            try:
                yield engine_row(model, prompt, codes, dtype, name, tuning, rate, plain)
            except Exception as error:  # a tuning that this compiler refuses is a row of its own
                yield {"what": name, "dtype": str(dtype), "error": repr(error)[:300]}


def tunings() -> Iterator[tuple[str, Tuning]]:
    base = Tuning()
    yield "base", base
    yield "pdl", replace(base, pdl=True)
    for qkv, out, up, down, warps in ((4, 2, 4, 1, 2), (16, 8, 16, 4, 8), (4, 4, 4, 2, 4)):
        cut = replace(base, qkv_rows=qkv, out_rows=out, up_rows=up, down_rows=down, warps=warps)
        yield f"rows {qkv}/{out}/{up}/{down} warps {warps} pdl", replace(cut, pdl=True)
    yield "splits 8 block 32 pdl", replace(base, splits=8, block_keys=32, pdl=True)


def engine_row(
    model: XttsModel,
    prompt: Prompt,
    codes: int,
    dtype: torch.dtype,
    name: str,
    tuning: Tuning,
    rate: float,
    plain: list[int],
) -> dict[str, Any]:
    stop = model.gpt.config.stop_audio
    engine = DecodingEngine(
        model.gpt, prompt.sampling, steps=codes, dtype=dtype, tuning=tuning, banned=stop
    )
    engine.start([prompt])
    engine.advance(codes)
    made = engine.codes(codes)[0].tolist()
    same = next((i for i, (a, b) in enumerate(zip(made, plain, strict=False)) if a != b), codes)
    prefill = timed(lambda: engine.start([prompt]), 10)
    engine.start([prompt])
    torch.cuda.synchronize()
    step = timed(lambda: engine.advance(20), max(codes // 20 - 1, 1)) / 20
    floor = engine.weights.bytes_per_step / rate * 1e3
    return {
        "what": name, "dtype": str(dtype).removeprefix("torch."), "ms_a_step": round(step, 4),
        "start_ms": round(prefill, 3), "share_of_copy_rate": round(floor / step, 3),
        "same_codes": same, "tight": int(engine.state.tight[0]),
    }  # fmt: skip


def first_audio(model: XttsModel, prompt: Prompt, codes: int) -> Iterator[dict[str, Any]]:
    """Voice and text tokens ready: from the request to the first samples on the host, and on."""
    vector = torch.randn(model.config.sizes.embedding)
    for dtype in (torch.bfloat16, torch.float32):
        engine = DecodingEngine(
            model.gpt, prompt.sampling, steps=codes, dtype=dtype,
            banned=model.gpt.config.stop_audio,
        )  # fmt: skip
        fast = FastStream(model, engine)
        for schedule in (Schedule(20, 1.0, 20), Schedule(6), Schedule(10)):
            firsts, totals, lengths = [], [], []
            for trial in range(25):
                start = time.perf_counter()
                pieces = []
                for piece in fast.stream(replace(prompt, seed=trial), vector, schedule):
                    if not pieces:
                        firsts.append((time.perf_counter() - start) * 1e3)
                    pieces.append(piece.shape[0] / model.vocoder.sample_rate)
                totals.append(time.perf_counter() - start)
                lengths.append(sum(pieces))
            yield {
                "what": f"stream {schedule}", "dtype": str(dtype).removeprefix("torch."),
                "first_ms": [round(x, 2) for x in sorted(firsts[5:])], "first_s": pieces[0],
                "rtf": round(statistics.median(totals[5:]) / lengths[-1], 4),
            }  # fmt: skip


def throughput(model: XttsModel, prompt: Prompt) -> Iterator[dict[str, Any]]:
    """Many prompts of mixed length: codes by continuous batching, then waveforms in batches."""
    lengths = torch.randint(40, 301, (512,), generator=torch.Generator().manual_seed(0)).tolist()
    prompts = [replace(prompt, seed=i, max_codes=n) for i, n in enumerate(lengths)]
    vector = torch.randn(model.config.sizes.embedding)
    for dtype, rows, half in (
        (torch.bfloat16, 64, torch.float16), (torch.bfloat16, 128, torch.float16),
        (torch.bfloat16, 256, torch.float16), (torch.float32, 128, torch.float32),
    ):  # fmt: skip
        engine = DecodingEngine(
            model.gpt, prompt.sampling, rows=rows, steps=300, prompt=128, dtype=dtype,
            banned=model.gpt.config.stop_audio,
        )  # fmt: skip
        vocode = BatchVocoder(model, dtype=half, batch=64)
        list(decode_all(engine, prompts[:rows]))
        vocode([torch.randn(200, 1024)] * 8, [vector] * 8)
        torch.cuda.synchronize()
        start = time.perf_counter()
        made = dict(decode_all(engine, prompts))
        torch.cuda.synchronize()
        decoded = time.perf_counter() - start
        sound = vocode([made[i].states for i in range(len(made))], [vector] * len(made))
        spoken = sum(s.shape[0] for s in sound) / model.vocoder.sample_rate
        whole = time.perf_counter() - start
        yield {
            "what": f"throughput rows {rows}", "dtype": str(dtype).removeprefix("torch."),
            "speech_s": round(spoken), "decode_s": round(decoded, 2), "whole_s": round(whole, 2),
            "speech_a_second": round(spoken / whole),
            "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 1),
        }  # fmt: skip
        del engine, vocode, made


def vocoder(model: XttsModel) -> Iterator[dict[str, Any]]:
    """HiFi-GAN on windows of frames: called, and as a graph."""
    generator = model.vocoder.generator
    vector = torch.randn(1, 512, device="cuda")
    for dtype in (torch.float32, torch.float16):
        half = generator.to(dtype)
        for frames in (32, 48, 64, 96, 128):
            window = torch.randn(1, 1024, frames, device="cuda", dtype=dtype)
            speaker = vector.to(dtype)
            with torch.inference_mode():
                call = lambda w=window, s=speaker, g=half: g(w, s)  # noqa: E731
                called = timed(call, 10)
                graph = Graphed(call, window.device)
                replayed = timed(graph, 20)
            yield {
                "what": f"hifigan {frames} frames", "dtype": str(dtype).removeprefix("torch."),
                "called_ms": round(called, 3), "graph_ms": round(replayed, 3),
                "context_frames": generator.config.context_frames,
            }  # fmt: skip
    generator.to(torch.float32)


def timed(call: Callable[[], Any], repeats: int) -> float:
    """Median milliseconds of a call, the device's work included."""
    taken = []
    for _ in range(repeats + 2):
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
    return 2 * source.numel() / (timed(lambda: target.copy_(source), 10) / 1e3)


if __name__ == "__main__":
    main()
