"""Open-loop load at XTTS-v2's sizes: Poisson arrivals, one GPU, ours beside coqui-tts one by one.

    python benchmarks/load.py [--rates 1,10,20] [--trials 200] [--rows 16] [--dtype bfloat16]

Requests of 45 text tokens and 60 to 150 codes. `audible`: from when a request was due to come until
its first sample of at least -40 dBFS would be played. Underruns: a player that starts with the
first piece runs dry. `equal`: the samples are those of the same request alone on the same server.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import full_size as full
import torch

from xtts_lab.experiment.timing.open_loop import Served, arrivals_s, serve
from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.fast.rows import EngineRows
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.inference.serving.server import StreamServer
from xtts_lab.inference.serving.voicing import StreamVocoder
from xtts_lab.types import Audio, Delivery

NOTES = [
    "XTTS-v2's sizes, random weights whose stop token is never drawn; 45 text tokens, 60 to 150 "
    "codes, voice ready; Poisson arrivals, open loop: a request's clock starts when it is due.",
    "audible: until the first sample of at least -40 dBFS is played. equal: whose samples are "
    "those of the same request alone on the same server, to 1e-3.",
]
SILENCE = 10 ** (-40 / 20)


class Prompted:
    """A server of prompts, as the open-loop driver wants one."""

    def __init__(self, server: StreamServer, vector: torch.Tensor) -> None:
        self.server, self.vector = server, vector

    @property
    def idle(self) -> bool:
        return self.server.idle

    def submit(self, request: Any, _voice: object) -> int:
        return self.server.submit([request], self.vector)

    def poll(self) -> list[Delivery]:
        rate = self.server.vocoder.model.vocoder.sample_rate
        return [
            Delivery(p.ticket, Audio(p.samples, rate), p.last, p.error) for p in self.server.poll()
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--rates", default="1,10,20")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--chunks", default="6:2:40")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--seconds", type=float, default=60.0, help="at most, of a rate")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    full.exact()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary, torch.inference_mode():
        folder = asked.folder or Path(temporary)
        full.checkpoint(folder, asked.layers)
        model = full.ours(folder, asked.device)
        server = made(model, asked)
        requests = wanted(model, asked.trials)
        alone = {}
        for rate in map(float, asked.rates.split(",")):
            count = min(asked.trials, max(int(rate * asked.seconds), 1))
            pairs = [(request, None) for request in requests[:count]]
            served = serve(server, pairs, arrivals_s(rate, count, 0))
            for i in range(count):
                if i not in alone:
                    (alone[i],) = serve(server, pairs[i : i + 1], [0.0])
            rows.append({"what": "load", "rate": rate, **row(served, alone, asked)})
            print(rows[-1], flush=True)
            full.write(asked.out, "Load", rows, NOTES)


def made(model: Any, asked: argparse.Namespace) -> Prompted:
    """Our server, warmed up."""
    dtype = full.DTYPES[asked.dtype]
    half = torch.float32 if asked.dtype == "float32" else torch.float16
    sampling = full.prompts(model, 1)[0].sampling
    engine = DecodingEngine(
        model.gpt, sampling, rows=asked.rows, steps=160, prompt=128, dtype=dtype
    )
    vocoder, schedule = StreamVocoder(model, half), Schedule.parse(asked.chunks)
    vocoder.warm(schedule)
    rows = EngineRows(engine)
    rows.warm()
    server = Prompted(StreamServer(rows, vocoder, schedule), full.speaker(model))
    serve(server, [(p, None) for p in wanted(model, asked.rows + 4)], [0.0] * (asked.rows + 4))
    return server


def wanted(model: Any, count: int) -> list[Prompt]:
    texts = full.prompts(model, 1)
    lengths = torch.randint(60, 151, (count,), generator=torch.Generator().manual_seed(2)).tolist()
    return [replace(texts[i % len(texts)], seed=i, max_codes=n) for i, n in enumerate(lengths)]


def row(served: Sequence[Served], alone: dict[int, Served], asked: argparse.Namespace) -> Any:
    first = [one.arrivals[0] * 1e3 for one in served]
    audible = [value for one in served if (value := audible_ms(one)) is not None]
    equal = [same(one, alone[i]) for i, one in enumerate(served)]
    return {
        "dtype": asked.dtype, "rows": asked.rows, "chunks": asked.chunks,
        "first_ms": full.spread(first), "first_p95": round(full.percentile(first, 0.95), 2),
        "audible_ms": full.spread(audible), "audible_p95": round(full.percentile(audible, 0.95), 2),
        "underruns": sum(underruns(one) for one in served),
        "failed": sum(bool(one.error) for one in served),
        "equal": f"{sum(equal)}/{len(equal)}",
        "largest_difference": max(difference(one, alone[i]) for i, one in enumerate(served)),
        "alone_first_ms": full.spread([one.arrivals[0] * 1e3 for one in alone.values()]),
    }  # fmt: skip


def starts(one: Served) -> list[float]:
    """When each piece starts to play, in s."""
    found, free = [], -math.inf
    for at, chunk in zip(one.arrivals, one.chunks, strict=True):
        found.append(max(at, free))
        free = found[-1] + chunk.duration_s
    return found


def underruns(one: Served) -> int:
    ends = [at + c.duration_s for at, c in zip(starts(one), one.chunks, strict=True)]
    return sum(after > before + 1e-9 for before, after in zip(ends, starts(one)[1:], strict=False))


def audible_ms(one: Served) -> float | None:
    """When the first sample that is not silent is played."""
    for at, chunk in zip(starts(one), one.chunks, strict=True):
        loud = (chunk.samples.abs() >= SILENCE).nonzero()
        if len(loud):
            return (at + int(loud[0]) / chunk.sample_rate) * 1e3
    return None


def joined(one: Served) -> torch.Tensor:
    return torch.cat([chunk.samples for chunk in one.chunks])


def same(one: Served, other: Served) -> bool:
    return joined(one).shape == joined(other).shape and difference(one, other) <= 1e-3


def difference(one: Served, other: Served | None) -> float:
    if other is None or joined(one).shape != joined(other).shape:
        return math.inf
    return float((joined(one) - joined(other)).abs().max())


if __name__ == "__main__":
    main()
