"""Texts to FLAC files, many at once, at XTTS-v2's sizes: ours beside coqui-tts, where installed.

    python benchmarks/throughput.py [--folder DIR] [--count 2000] [--reference-count 20] [--out F]

Random weights whose stop token is never drawn; every text gets codes in proportion to its length
(30 to 200, 1.4 to 9.3 s), on both sides. Ours: texts are read in windows, one ahead, spoken by
`XTTS.speech`, and written as FLAC by threads; a first window warms up. The reference speaks one
after the other, `--reference-count` of the same texts, stratified by length. The memory held
beside the weights is stated with the budget.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import full_size as full
import soundfile
import torch

from xtts_lab.api import XTTS
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.precision import products

WINDOW = 512
NOTES = [
    "From texts to FLAC files; XTTS-v2's sizes, random weights whose stop token is never drawn.",
    "Held: the peak of device memory less the weights; the budget is memory_gb.",
    "The reference speaks one after the other, texts stratified by length, in fp32.",
]
WRITERS = 4
WORDS = (
    "morning", "river", "window", "garden", "quiet", "people", "between", "another", "market",
    "summer", "letter", "number", "always", "winter", "little", "around", "street", "music",
    "table", "paper", "never", "under", "water", "stone", "light",
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """A text, and how many codes it gets."""

    text: str
    codes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--fp32-count", type=int, default=512)
    parser.add_argument("--reference-count", type=int, default=20)
    parser.add_argument("--memory-gb", type=float, default=40.0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary) / "weights"
        full.checkpoint(folder, asked.layers)
        for row in measured(asked, folder, Path(temporary)):
            rows.append(row)
            print(row, flush=True)
            full.write(asked.out, "Throughput", rows, NOTES)


def measured(asked: argparse.Namespace, folder: Path, out: Path) -> Iterator[dict[str, Any]]:
    items = texts(asked.count)
    base = None
    if asked.reference_count and (model := full.reference(folder, asked.device)) is not None:
        base = reference_row(model, folder, stratified(items, asked.reference_count), out)
        yield base
        del model
    for dtype, count in (("float16", asked.count), ("float32", asked.fp32_count)):
        row = ours_row(asked, folder, items[:count], dtype, out)
        if base is not None:
            row["ratio"] = round(row["speech_a_second"] / base["speech_a_second"], 1)
        yield row


def texts(count: int) -> list[Item]:
    """English sentences of 4 to 28 words, drawn once and for all; a word is about 7 codes."""
    drawn = random.Random(0)
    made = []
    for _ in range(count):
        words = drawn.choices(WORDS, k=drawn.randint(4, 28))
        made.append(Item(" ".join(words).capitalize() + ".", 7 * len(words) + drawn.randint(2, 4)))
    return made


def stratified(items: Sequence[Item], count: int) -> list[Item]:
    """As many items, at even distances in length."""
    ordered = sorted(items, key=lambda item: item.codes)
    return [ordered[int((i + 0.5) * len(ordered) / count)] for i in range(count)]


def ours_row(
    asked: argparse.Namespace, folder: Path, items: Sequence[Item], dtype: str, out: Path
) -> dict[str, Any]:
    model = XTTS.from_pretrained(
        folder, device=asked.device, dtype=dtype, engine="fast", memory_gb=asked.memory_gb
    )
    voice = model.voice("Ana")
    say(model, voice, items[:WINDOW], out)  # a warm-up: engines, graphs, caches of the text
    cuda = asked.device == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    weights = sum(p.nbytes for p in model.model.parameters())
    start = time.perf_counter()
    speech = say(model, voice, items, out)
    taken = time.perf_counter() - start
    row: dict[str, Any] = {
        "what": "throughput", "dtype": dtype, "utterances": len(items),
        "speech_s": round(speech), "taken_s": round(taken, 2),
        "speech_a_second": round(speech / taken, 1), "memory_gb": asked.memory_gb,
    }  # fmt: skip
    if cuda:
        peak = torch.cuda.max_memory_allocated()
        row |= {"held_gb": round((peak - weights) / 1e9, 1), "weights_gb": round(weights / 1e9, 2)}
    engine = getattr(model.speech, "_engine", None)
    row["rows"] = None if engine is None else engine.state.rows
    return row


def say(model: XTTS, voice: Any, items: Sequence[Item], out: Path) -> float:
    """Say all, as files; return the seconds of speech."""
    windows = [items[i : i + WINDOW] for i in range(0, len(items), WINDOW)]
    seconds = 0.0
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(WRITERS) as writers:
        read = [reader.submit(prompts, model, voice, window) for window in windows]
        written = []
        for number, window in enumerate(read):
            given = window.result()
            with products(tf32=False):
                spoken = model.speech.speak(given, [voice.embedding] * len(given))
            for place, one in enumerate(spoken):
                seconds += one.samples.shape[0] / model.sample_rate
                path = out / f"{number}-{place}.flac"
                written.append(writers.submit(write, path, one.samples, model.sample_rate))
        for done in written:
            done.result()
    return seconds


def prompts(model: XTTS, voice: Any, items: Sequence[Item]) -> list[Prompt]:
    made = []
    for seed, item in enumerate(items):
        (piece,) = model.tokenizer.pieces(item.text, "en")
        ids = torch.tensor(piece.ids)
        made.append(Prompt(voice.prefix, ids, seed, model.sampling, item.codes))
    return made


def write(path: Path, samples: torch.Tensor, rate: int) -> None:
    soundfile.write(path, samples.numpy(), rate, format="FLAC", subtype="PCM_16")


def reference_row(model: Any, folder: Path, items: Sequence[Item], out: Path) -> dict[str, Any]:
    """The reference, text by text, from its text front end to the file."""
    from xtts_lab.checkpoint import load

    voice = load(folder).voices["Ana"]
    device = next(model.parameters()).device
    prefix = voice.prefix[None].float().to(device)
    vector = voice.embedding[None, :, None].float().to(device)

    def one(item: Item, number: int) -> float:
        made = model.inference(
            item.text, "en", prefix, vector, max_new_tokens=item.codes, enable_text_splitting=False
        )
        samples = torch.as_tensor(made["wav"])
        write(out / f"reference-{number}.flac", samples.float().cpu(), 24_000)
        return samples.shape[-1] / 24_000

    with torch.inference_mode():
        one(items[0], 0)
        start = time.perf_counter()
        speech = sum(one(item, number) for number, item in enumerate(items))
        taken = time.perf_counter() - start
    return {
        "what": "throughput, reference", "dtype": "float32", "utterances": len(items),
        "speech_s": round(speech), "taken_s": round(taken, 2),
        "speech_a_second": round(speech / taken, 2),
    }  # fmt: skip


if __name__ == "__main__":
    main()
