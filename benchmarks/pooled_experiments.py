"""Intervals of pooled quantities, which are no ratio of sums and have no derivative either."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial

import numpy as np
import pandas as pd
from hostile_experiments import options
from simulation_runner import Draws, Job

from xtts_lab.metrics.identification import Identification
from xtts_lab.metrics.info import MetricInfo, Pool
from xtts_lab.metrics.latency import Latency
from xtts_lab.statistics.estimates import level

Components = list[dict[str, float]]


def identified(speakers: int, rng: np.random.Generator) -> Components:
    """Draw a genuine and an impostor score of 20 trials a speaker."""
    genuine = 0.7 + 0.05 * rng.normal(size=(speakers, 1)) + 0.05 * rng.normal(size=(speakers, 20))
    impostor = 0.5 + 0.05 * rng.normal(size=(speakers, 1)) + 0.05 * rng.normal(size=(speakers, 20))
    pairs = zip(genuine.ravel(), impostor.ravel(), strict=True)
    return [{f"genuine@{a:.5f}": 1.0, f"impostor@{b:.5f}": 1.0} for a, b in pairs]


def timed(speakers: int, rng: np.random.Generator) -> Components:
    """Draw 20 lognormal times a speaker."""
    speaker = 0.2 * rng.normal(size=(speakers, 1))
    times = 100 * np.exp(speaker + 0.3 * rng.normal(size=(speakers, 20)))
    return [{f"first_audio_ms@{time:.4f}": 1.0} for time in times.ravel()]


QUANTITIES: dict[str, tuple[Callable[[int, np.random.Generator], Components], str]] = {
    "EER": (identified, "eer"),
    "p50": (timed, "first_audio_ms.p50"),
    "p95": (timed, "first_audio_ms.p95"),
}


def jobs() -> Iterator[Job]:
    """Yield one job a quantity and number of speakers."""
    for speakers in (10, 20, 40):
        for name in QUANTITIES:
            told = partial(covered, name, speakers)
            yield Job("pooled quantities", f"{speakers} speakers x 20", name, told)


def covered(name: str, speakers: int, draws: Draws) -> Iterator[Mapping[str, bool]]:
    """Say whether the interval of a level covers what 2,000 speakers show."""
    draw, truth, known = QUANTITIES[name][0], _truth(name), _known(name)
    for i, rng in draws:
        parts = draw(speakers, rng)
        frame = pd.DataFrame(
            {"language": "en", "speaker": np.repeat(np.arange(speakers), 20)}
            | {"sentence": np.arange(len(parts)), "components": parts}
        )
        found = level(frame, known, options(i)).interval
        yield {"covered": found.low <= truth <= found.high}


def _known(name: str) -> MetricInfo:
    quantity = QUANTITIES[name][1]
    metric = Identification() if name == "EER" else Latency()
    pool = Pool(partial(metric.pool, quantity), partial(metric.merge, quantity))
    unit, bounds = metric.units[quantity], metric.bounds[quantity]
    return MetricInfo(unit, "lower", pool=pool, bounds=bounds)


@cache
def _truth(name: str) -> float:
    pool = _known(name).pool
    assert pool is not None
    counts: dict[str, float] = {}
    for part in QUANTITIES[name][0](2_000, np.random.default_rng(8)):
        for component, amount in part.items():
            short = pool.merge(component)
            if short is not None:
                counts[short] = counts.get(short, 0.0) + amount
    return float(pool.values(list(counts), np.array(list(counts.values()))))
