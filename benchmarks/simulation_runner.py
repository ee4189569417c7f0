"""Simulated experiments, dealt out over processes: each has a generator of its own.

What an experiment shows depends on the seed, the world and its own number, never on the number of
processes or on what else ran. Where time runs out, every world has about as many experiments.
"""

from __future__ import annotations

import multiprocessing
import os
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

Draws = Iterable[tuple[int, np.random.Generator]]
"""The number of an experiment, which also seeds its resampling, and its generator."""

Experiment = Callable[[Draws], Iterator[Mapping[str, bool]]]
"""Yields outcomes, each true or false, of the experiments it is given; one name may recur."""

CHUNK = 10


@dataclass(frozen=True)
class Job:
    """Experiments of one world: where their outcomes stand, and how many for each one asked."""

    section: str
    row: str
    column: str
    experiment: Experiment
    times: float = 1.0

    @property
    def key(self) -> tuple[str, str, str]:
        return self.section, self.row, self.column


@dataclass
class Count:
    """How often something was so."""

    hits: int = 0
    number: int = 0

    @property
    def share(self) -> float:
        return self.hits / self.number if self.number else float("nan")

    @property
    def error(self) -> float:
        """Its standard error, which the simulation would need more experiments to make smaller."""
        return float(np.sqrt(self.share * (1.0 - self.share) / self.number)) if self.number else 0.0


@dataclass
class Results:
    """Counts by (section, row, column) and outcome; `done` of `wanted` experiments were run."""

    wanted: int
    done: int = 0
    counts: dict[tuple[str, str, str], dict[str, Count]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Count))
    )


@dataclass(frozen=True)
class _Chunk:
    job: Job
    numbers: range
    seed: int
    until: float


def run(
    jobs: Sequence[Job],
    experiments: int,
    *,
    seed: int,
    workers: int,
    minutes: float | None,
    keep: Callable[[Results], None],
) -> Results:
    """Run `experiments` of each job, until `minutes` are over; say every half minute how far it is.

    `workers` processes: one each of NumPy's threads. `keep` is given what there is whenever a world
    ends, and every half minute, since worlds go on at one pace.
    """
    until = time.time() + 60.0 * minutes if minutes is not None else float("inf")
    chunks = _chunks(jobs, experiments, seed, until)
    results = Results(sum(len(chunk.numbers) for _, chunk in chunks))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    said = time.time()
    left = Counter(job for job, _ in chunks)
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for job, done, outcomes in pool.imap_unordered(_work, chunks):
            results.done += done
            for name, (hits, number) in outcomes.items():
                count = results.counts[jobs[job].key][name]
                count.hits += hits
                count.number += number
            left[job] -= 1
            late = time.time() > said + 30.0
            if late or not left[job]:
                keep(results)
            if late:
                said = time.time()
                print(f"{results.done:,} of {results.wanted:,} experiments", flush=True)
    return results


def _chunks(
    jobs: Sequence[Job], experiments: int, seed: int, until: float
) -> list[tuple[int, _Chunk]]:
    """Return the work in pieces, so ordered that all jobs go on at one pace."""
    pieces = []
    for at, job in enumerate(jobs):
        number = max(1, round(job.times * experiments))
        for begin in range(0, number, CHUNK):
            numbers = range(begin, min(number, begin + CHUNK))
            pieces.append((begin / number, at, _Chunk(job, numbers, seed, until)))
    return [(at, chunk) for _, at, chunk in sorted(pieces, key=lambda piece: piece[:2])]


def _work(piece: tuple[int, _Chunk]) -> tuple[int, int, dict[str, tuple[int, int]]]:
    at, chunk = piece
    if time.time() > chunk.until:
        return at, 0, {}
    found: dict[str, list[bool]] = defaultdict(list)
    own = zlib.crc32("\x1f".join(chunk.job.key).encode())
    draws = ((i, np.random.default_rng([chunk.seed, own, i])) for i in chunk.numbers)
    for outcomes in chunk.job.experiment(draws):
        for name, outcome in outcomes.items():
            found[name].append(bool(outcome))
    counts = {name: (sum(seen), len(seen)) for name, seen in found.items()}
    return at, len(chunk.numbers), counts
