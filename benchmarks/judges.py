"""Judges one by one on the CPU, and in batches on a device: how much faster, and is it the same?

    python benchmarks/judges.py [--device cuda] [--workers 1] [--clips 64] [--judges whisper,...]
                                [--whisper FILE.pt | random] [--beside 4] [--json OUT]

The clips are espeak-ng's, 1 to 5 s each. One by one: this process, its usual two threads, the
library's weights loaded and warm. In batches: `--workers` processes that share the device, weights
loaded and warm: of the clips that all of them judge, the later two thirds are timed. `same`: clips
with the very same output; `apart`: the largest difference of a number. `--whisper random` has
Whisper base's sizes without its weights: it never stops before 224 tokens, so that takes longest.

`--beside N`: then N such programs at once, each with a GPU of its own (on a CPU all with that), and
`beside`: the clips a second of one of them, as a share of what one made alone. What is lost there
is no GPU's: cores, memory and caches are shared.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from xtts_lab import audio, config
from xtts_lab.data.sentences import builtin
from xtts_lab.experiment.judging import Batch, Need, perform
from xtts_lab.experiment.workers.pool import chunks, perform_all
from xtts_lab.experiment.workers.tasks import AT_WORK
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.types import Clip, Request, Synthesis
from xtts_lab.yaml_file import Document, Where

JUDGES = ("whisper", "world_ctc", "resemblyzer", "dnsmos", "distillmos")
LANGUAGES = ("en", "es", "it", "pt", "de")  # those of world_ctc
Output = dict[str, Any] | str


def speak(folder: Path, count: int) -> list[Clip]:
    """Speak built-in sentences, one language after the other."""
    texts = {code: [sentence.text for sentence in builtin(code)] for code in LANGUAGES}
    turns = [(LANGUAGES[i % len(LANGUAGES)], i // len(LANGUAGES)) for i in range(count)]
    requests = [
        Request(texts[code][i % len(texts[code])], code, (), i // len(texts[code]))
        for code, i in turns
    ]
    clips = []
    for i, made in enumerate(EspeakSystem().synthesise(requests)):
        assert isinstance(made, Synthesis)
        audio.save(folder / f"{i}.wav", made.audio)
        clips.append(Clip(folder / f"{i}.wav", requests[i].language))
    return clips


def random_whisper(path: Path) -> Path:
    """Write a checkpoint of Whisper base's sizes with random weights."""
    import torch
    from whisper.model import ModelDimensions
    from whisper.model import Whisper as Network

    torch.manual_seed(0)
    dims = ModelDimensions(80, 1500, 512, 8, 6, 51865, 448, 512, 8, 6)
    torch.save({"dims": vars(dims), "model_state_dict": Network(dims).state_dict()}, path)
    return path


def judged(
    spec: dict[str, Any], clips: Sequence[Clip], device: str, workers: int
) -> tuple[dict[str, Output], float]:
    """Return output by need, and the clips a second of the later two thirds."""
    needs = [Need(str(i), "", str(spec["name"]), "audio", 0, c, "") for i, c in enumerate(clips)]
    parts = chunks(needs, workers, most=256) if workers > 1 else [needs]
    tasks = [Batch(str(spec["name"]), spec, device, part) for part in parts]
    found: dict[str, Output] = {}
    ended: list[float] = []
    for record in perform_all(perform, tasks, workers, child=workers > 1):
        if AT_WORK not in record:
            found[record["id"]] = record["output"] or str(record["error"])
            ended.append(time.perf_counter())
    first = len(ended) // 3
    return found, (len(ended) - 1 - first) / max(1e-9, ended[-1] - ended[first])


def numbers(output: Any) -> Iterator[float]:
    """Yield all numbers of an output, in order."""
    if isinstance(output, dict):
        for value in output.values():
            yield from numbers(value)
    elif isinstance(output, list):
        for value in output:
            yield from numbers(value)
    elif isinstance(output, int | float):
        yield float(output)


def apart(one: Output, other: Output) -> float:
    """Return the largest difference of two outputs' numbers; infinity where words differ."""
    if isinstance(one, str) or isinstance(other, str) or one.get("text") != other.get("text"):
        return 0.0 if one == other else math.inf
    pairs = zip(numbers(one), numbers(other), strict=True)
    return max((abs(a - b) for a, b in pairs), default=0.0)


def compared(spec: dict[str, Any], clips: Sequence[Clip], asked: argparse.Namespace) -> Any:
    """Judge both ways; return a row."""
    few = list(clips[: asked.one_by_one])
    alone = {**spec, "batch_size": 1} if "batch_size" in spec else spec
    single, slow = judged(alone, few, "cpu", 1)
    many = list(clips) * asked.repeat
    batched, fast = judged(spec, many, asked.device, asked.workers)
    differences = [apart(single[str(i)], batched[str(i)]) for i in range(len(few))]
    return {
        "judge": spec["name"],
        "one_by_one_per_s": round(slow, 2),
        "batched_per_s": round(fast, 1),
        "ratio": round(fast / slow, 1),
        "same": sum(single[str(i)] == batched[str(i)] for i in range(len(few))),
        "of": len(few),
        "apart": max(differences),
        "failed": sum(isinstance(one, str) for one in batched.values()),
    }


def at_once(asked: argparse.Namespace) -> dict[str, float]:
    """Run this program `--beside` times at once; return the mean clips a second by judge."""
    own = ["--device", asked.device, "--judges", asked.judges, "--whisper", asked.whisper]
    own += ["--clips", str(asked.clips), "--repeat", str(asked.repeat), "--one-by-one", "2"]
    began = [
        subprocess.Popen(
            [sys.executable, __file__, *own],
            stdout=subprocess.PIPE,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": str(number)},
        )
        for number in range(asked.beside)
    ]
    said = [line for one in began for line in one.communicate()[0].splitlines()]
    found: dict[str, list[float]] = {}
    for row in map(json.loads, said):
        found.setdefault(row["judge"], []).append(row["batched_per_s"])
    return {judge: sum(each) / len(each) for judge, each in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--one-by-one", type=int, default=24)
    parser.add_argument("--repeat", type=int, default=8)
    parser.add_argument("--judges", default=",".join(JUDGES))
    parser.add_argument("--whisper", default="base")
    parser.add_argument("--beside", type=int, default=0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()

    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = speak(folder, asked.clips)
        if asked.whisper == "random":
            asked.whisper = str(random_whisper(folder / "random.pt"))
        for judge in asked.judges.split(","):
            written = {"name": judge} | ({"model": asked.whisper} if judge == "whisper" else {})
            spec = config.resolve("instruments", written, Where(Document(judge)))
            rows.append(compared(spec, clips, asked))
            print(json.dumps(rows[-1]), flush=True)
    beside = at_once(asked) if asked.beside else {}
    for row in rows:
        if row["judge"] in beside:
            row["beside"] = round(beside[row["judge"]] / row["batched_per_s"], 3)
            print(json.dumps({key: row[key] for key in ("judge", "batched_per_s", "beside")}))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
