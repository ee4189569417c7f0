"""How a system serves many listeners: requests that come at random times, at given rates.

An open loop: times are drawn beforehand (Poisson, from `seed`), and a request's clock starts when
it is due, whatever the system is at. For each rate, requests a second:

- `RATE_per_s.first_sound_ms`: until the first sample that is not silent is heard from a player that
  starts with the first chunk: leading silence and underruns count;
- `RATE_per_s.first_audio_ms`: until the first playable samples lie in the memory of the host;
- `RATE_per_s.underruns_per_utterance` and `.underrun_ms_per_utterance`: how often, and how long in
  all, that player has played everything before the next chunk arrives;
- `RATE_per_s.failed`: share of requests that ended before their end;
- `RATE_per_s.equals_alone`: share of requests, failed ones among them, whose samples are those of
  the trial's own audio, to `tolerance`: where it is 1, every error rate and similarity of that
  audio holds under load.

Percentiles as in `latency`. A system that serves one stream at a time has the others wait in line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from xtts_lab.errors import UsageError
from xtts_lab.metrics.base import POSITIVE, SHARE, BaseMetric, Bounds
from xtts_lab.metrics.latency import LEAST_TRIALS, Floats, Latency, heard_ms, underruns_ms
from xtts_lab.types import Direction, Evidence, Json, Loaded, Loading, Streamed

TIMED = ("first_sound_ms", "first_audio_ms")
AVERAGED: Mapping[str, tuple[str, Direction]] = {
    "underruns_per_utterance": ("1", "lower"),
    "underrun_ms_per_utterance": ("ms", "lower"),
    "failed": ("ratio", "lower"),
    "equals_alone": ("ratio", "higher"),
}
MOST_PER_S = 1000.0


class Load(BaseMetric):
    """First sound, underruns, failures and equality of trials that came at `rates` a second.

    `streams`: how many the system speaks at once, where it can. `trials`: how many trials of each
    arm come at a rate, from the first on; None for all. `warmups`: streams of each arm beforehand,
    untimed. `seed` draws when requests come. `silence_dbfs` and `tolerance` as for `latency`.
    """

    of_speech = False

    def __init__(
        self,
        *,
        rates: tuple[float, ...] = (1.0, 10.0),
        streams: int = 16,
        trials: int | None = None,
        warmups: int = 2,
        seed: int = 0,
        silence_dbfs: float = -40.0,
        tolerance: float = 1e-3,
    ) -> None:
        if not rates or not all(0.0 < rate <= MOST_PER_S for rate in rates):
            raise UsageError(
                f"rates: {list(rates)}: give requests a second, each over 0, at most {MOST_PER_S:g}"
            )
        if len(set(rates)) < len(rates):
            raise UsageError(f"rates: {list(rates)} names one twice")
        if streams < 1:
            raise UsageError(f"streams: must be at least 1, not {streams}")
        alike = Latency(
            warmups=warmups, trials=trials, silence_dbfs=silence_dbfs, tolerance=tolerance
        )
        self._rates = tuple(rates)
        self.loading = Loading(self._rates, streams, trials, warmups, silence_dbfs, seed)
        self._tolerance = tolerance
        self._latency = alike
        self.directions: Mapping[str, Direction] = {
            **{quantity: "lower" for quantity, _ in self._percentiles()},
            **{quantity: AVERAGED[name][1] for quantity, name in self._averaged()},
        }
        self.units: Mapping[str, str] = {
            **{quantity: "ms" for quantity, _ in self._percentiles()},
            **{quantity: AVERAGED[name][0] for quantity, name in self._averaged()},
        }
        self.bounds: Mapping[str, Bounds] = {
            quantity: SHARE if unit == "ratio" else POSITIVE
            for quantity, unit in self.units.items()
        }
        self.ratios: Mapping[str, tuple[str, str]] = {
            quantity: (quantity, f"{quantity.rpartition('.')[0]}.trials")
            for quantity, _ in self._averaged()
        }
        self.pooled = tuple(quantity for quantity, _ in self._percentiles())
        self.least: Mapping[str, int] = {
            quantity: LEAST_TRIALS[percent] for quantity, percent in self._percentiles()
        }

    def _percentiles(self) -> Iterator[tuple[str, int]]:
        for rate in self._rates:
            for name in TIMED:
                for percent in LEAST_TRIALS:
                    yield f"{prefix(rate)}.{name}.p{percent}", percent

    def _averaged(self) -> Iterator[tuple[str, str]]:
        for rate in self._rates:
            for name in AVERAGED:
                yield f"{prefix(rate)}.{name}", name

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return the counts and sums of one trial; empty where it came at no rate."""
        (trial,) = trials
        found: dict[str, float] = {}
        for load in trial.loads:
            place = prefix(load.rate)
            found |= {f"{place}.{name}": value for name, value in self._parts(load).items()}
        return found

    def _parts(self, load: Loaded) -> dict[str, float]:
        waits = underruns_ms(load.arrivals_ms, load.durations_ms)
        equal = load.difference is not None and load.difference <= self._tolerance
        return {
            **{f"{name}@{time:.4f}": 1.0 for name, time in times_of(load).items()},
            "underruns_per_utterance": float(len(waits)),
            "underrun_ms_per_utterance": math.fsum(waits),
            "failed": float(load.error is not None),
            "equals_alone": float(equal and load.error is None),
            "trials": 1.0,
        }

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the pooled quantities of the rates that the sums are of."""
        import numpy as np

        names, totals = list(sums), np.array(list(sums.values()), np.float64)
        found = {quantity: float(self.pool(quantity, names, totals)) for quantity in self.pooled}
        means = {q: sums[above] / sums[n] for q, (above, n) in self.ratios.items() if n in sums}
        return {**{q: value for q, value in found.items() if not math.isnan(value)}, **means}

    def pool(self, quantity: str, names: Sequence[str], totals: Floats) -> Floats:
        """Return a percentile [...] of summed components [..., K] with the given names."""
        return self._latency.pool(quantity, names, totals)

    def merge(self, quantity: str, name: str) -> str | None:
        """Return the count that stands for `name` while resampling; None for another time."""
        return self._latency.merge(quantity, name)

    def detail(self, trials: Sequence[Evidence]) -> Mapping[str, Json]:
        """Return by rate how far a trial's samples are from its own audio."""
        (trial,) = trials
        return {f"{prefix(load.rate)}.difference": load.difference for load in trial.loads}


def prefix(rate: float) -> str:
    """Return what a rate's quantities begin with."""
    return f"{rate:g}_per_s"


def times_of(load: Loaded) -> dict[str, float]:
    """Return the times whose percentiles are reported; of what failed, those that it came to."""
    if not load.arrivals_ms:
        return {}
    times = {"first_audio_ms": load.arrivals_ms[0]}
    if load.sound_at_ms is not None:
        stream = Streamed(
            load.arrivals_ms, load.durations_ms, load.arrivals_ms[-1], load.sound_at_ms,
            0.0, 0.0, load.difference,
        )  # fmt: skip
        times["first_sound_ms"] = heard_ms(stream, load.sound_at_ms)
    return times
