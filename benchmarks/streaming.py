"""First audio and sustained streaming at XTTS-v2's sizes: ours beside coqui-tts, where installed.

    python benchmarks/streaming.py [--folder DIR] [--trials 200] [--reference-trials 20] [--out F]

Random weights whose stop token is never drawn, 45 text tokens, the voice ready and the text
tokenised on both sides; a trial's clock starts when the prompt is handed over and is read when the
samples lie in the host's memory. Every system has had a warm-up (`warm`, then five streams).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import full_size as full
import torch

from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.fast.streaming import FastStream
from xtts_lab.inference.serving.schedule import Schedule

SCHEDULES = (Schedule(20, 1.0, 20), Schedule(6, 2.0, 40), Schedule(10, 2.0, 40))
WARM_UPS = 5
NOTES = [
    "XTTS-v2's sizes, random weights whose stop token is never drawn; text tokenised and voice "
    "ready on both sides; 20 texts of 45 tokens, another seed a trial.",
    f"Warm-up: graphs captured, then {WARM_UPS} streams untimed (the reference: 2).",
    "first_ms: until the first samples lie in the host's memory, in ms; first_chunk_ms: how long "
    "they play. A first chunk of six codes is 85 ms of final audio: the vocoder looks 15 frames "
    "(160 ms) ahead of it.",
    "gap_beyond_delivered_ms: the longest wait for a piece less what was still to be played; "
    "below 0: never silent. Cost: seconds of work a second of audio.",
    "ratio: the fp32 reference's median by ours; ratio_equal: the reference's at equal precision "
    "(halves under autocast).",
]
SUSTAINED_CODES = 600
"""600 codes are 28 s; 60 s are three such prompts in a row, as a long text is said."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--reference-trials", type=int, default=20)
    parser.add_argument(
        "--reference-dtypes", default="float32",
        help="float16 and bfloat16 run the reference under autocast, as its users would.",
    )  # fmt: skip
    parser.add_argument("--codes", type=int, default=60)
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    full.exact()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary, torch.inference_mode():
        folder = asked.folder or Path(temporary)
        full.checkpoint(folder, asked.layers)
        for row in measured(asked, folder):
            rows.append(row)
            print(row, flush=True)
            full.write(asked.out, "Streaming", rows, NOTES)


def measured(asked: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    model = full.ours(folder, asked.device)
    reference = full.reference(folder, asked.device) if asked.reference_trials else None
    bases: dict[str, float] = {}
    for name in asked.reference_dtypes.split(",") if reference is not None else ():
        row = reference_row(reference, model, asked, name)
        bases[name] = row["first_ms"]["p50"]
        yield row
    for name in asked.dtypes.split(","):
        dtype = full.DTYPES[name]
        vocoding = torch.float32 if name == "float32" else torch.float16
        engine = DecodingEngine(
            model.gpt, full.prompts(model, 1)[0].sampling, dtype=dtype, prompt=128,
        )  # fmt: skip
        fast = FastStream(model, engine, vocoding)
        for schedule in SCHEDULES:
            row = {"what": "first audio", "dtype": name, "chunks": str(schedule)}
            fast.warm(schedule)
            row |= first_audio(fast, model, schedule, asked)
            if "float32" in bases:
                row["ratio"] = round(bases["float32"] / row["first_ms"]["p50"], 1)
            if name in bases:
                row["ratio_equal"] = round(bases[name] / row["first_ms"]["p50"], 1)
            yield row
        yield {"what": "sustained", "dtype": name, **sustained(fast, model, SCHEDULES[1])}
        del engine, fast


def first_audio(
    fast: FastStream, model: Any, schedule: Schedule, asked: argparse.Namespace
) -> dict[str, Any]:
    prompts, vector = full.prompts(model, asked.codes), full.speaker(model)
    firsts, durations, factors = [], [], []
    for trial in range(asked.trials + WARM_UPS):
        prompt = replace(prompts[trial % len(prompts)], seed=trial)
        start = time.perf_counter()
        arrivals, samples = [], []
        for piece in fast.stream(prompt, vector, schedule):
            arrivals.append(time.perf_counter() - start)
            samples.append(piece.shape[0])
        if trial >= WARM_UPS:
            firsts.append(arrivals[0] * 1e3)
            durations.append(samples[0] / model.vocoder.sample_rate * 1e3)
            factors.append(arrivals[-1] / (sum(samples) / model.vocoder.sample_rate))
    return {
        "first_ms": full.spread(firsts), "first_chunk_ms": round(statistics.median(durations), 1),
        "rtf": round(statistics.median(factors), 4),
    }  # fmt: skip


def sustained(fast: FastStream, model: Any, schedule: Schedule) -> dict[str, Any]:
    """A minute and more, three prompts in a row: gaps against what is ahead, cost of a second."""
    vector, rate = full.speaker(model), model.vocoder.sample_rate
    arrivals: list[float] = []
    seconds: list[float] = []
    start = time.perf_counter()
    for prompt in full.prompts(model, SUSTAINED_CODES, 3):
        for piece in fast.stream(prompt, vector, schedule):
            arrivals.append(time.perf_counter() - start)
            seconds.append(piece.shape[0] / rate)
    gaps = [after - before for before, after in pairwise(arrivals)]
    worst = max(gap - ahead for gap, ahead in zip(gaps, _ahead(arrivals, seconds), strict=True))
    third = len(gaps) // 3
    cost = [gap / made for gap, made in zip(gaps, seconds[1:], strict=True)]
    return {
        "audio_s": round(sum(seconds), 1), "rtf": round(arrivals[-1] / sum(seconds), 4),
        "longest_gap_ms": round(max(gaps) * 1e3, 1),
        "gap_beyond_delivered_ms": round(worst * 1e3, 1),  # below 0: never silent
        "cost_first_third": round(statistics.median(cost[:third]), 4),
        "cost_last_third": round(statistics.median(cost[-third:]), 4),
    }  # fmt: skip


def _ahead(arrivals: list[float], seconds: list[float]) -> Iterator[float]:
    """After each piece, how much of what was delivered is still to be played, in s."""
    end = arrivals[0]
    for at, duration in zip(arrivals[:-1], seconds, strict=False):
        end = max(end, at) + duration
        yield end - at


def reference_row(
    reference: Any, model: Any, asked: argparse.Namespace, name: str
) -> dict[str, Any]:
    """The reference's first audio, 20-code chunks; and the gaps of one longer stream."""
    dtype = full.DTYPES[name]
    with torch.autocast(asked.device, dtype, enabled=dtype != torch.float32):
        return {"what": "first audio, coqui-tts", "dtype": name, "chunks": "20",
                **reference_times(reference, model, asked)}  # fmt: skip


def reference_times(reference: Any, model: Any, asked: argparse.Namespace) -> dict[str, Any]:
    vector = full.speaker(model)
    firsts, gaps = [], []
    for trial, prompt in enumerate(full.prompts(model, 41, asked.reference_trials + 2)):
        start = time.perf_counter()
        pieces = full.reference_stream(reference, prompt, vector, 41)
        next(pieces)
        if trial >= 2:
            firsts.append((time.perf_counter() - start) * 1e3)
        if trial == 2:
            before = time.perf_counter()
            for _ in pieces:
                gaps.append(round((time.perf_counter() - before) * 1e3, 1))
                before = time.perf_counter()
    return {"first_ms": full.spread(firsts), "gaps_ms": gaps}


if __name__ == "__main__":
    main()
