"""How soon a streaming system is heard, and whether it keeps up: from what the driver timed.

Times start when the text is submitted, the voice being ready, unless said otherwise:

- `first_audio_ms`: until the first playable samples lie in the memory of the host;
- `first_sound_ms`: until the first sample that is not silent is heard from a player that starts
  with the first chunk: what a listener waits, leading silence and underruns included;
- `cold_first_audio_ms`: `first_audio_ms` with the time to make the voice from its references;
- `longest_gap_ms`: the longest time between the arrivals of two chunks of an utterance;
- `first_chunk_ms`: how long the first chunk plays: what the player can live on;
- `rtf`: real-time factor, time until the stream has ended by duration of the audio;
- `underruns_per_utterance`, `underrun_ms_per_utterance`: how often, and how long in all, the player
  has played everything before the next chunk arrives;
- `stream_equals_offline`: share of trials whose streamed samples are those of the trial's audio, to
  `tolerance`: where it is 1, the scores of that audio hold for what was streamed.

Percentiles are those of a language's trials (linear between order statistics), 95th from 200 trials
and 99th from 1,000; `all` is their mean over languages. A percentile of a sum is not the sum of
percentiles: no figure here may be added to another. Systems that cannot stream have none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xtts_lab.errors import UsageError
from xtts_lab.metrics.base import POSITIVE, SHARE, BaseMetric, Bounds
from xtts_lab.types import Direction, Evidence, Json, Streamed, Streaming

Floats = NDArray[np.float64]

TIMED = ("first_audio_ms", "first_sound_ms", "cold_first_audio_ms", "longest_gap_ms")
LEAST_TRIALS: Mapping[int, int] = {50: 1, 95: 200, 99: 1000}
"""Percentile -> the trials of a language that it takes: beyond one of a tail there are ten."""
AVERAGED: Mapping[str, tuple[str, Direction]] = {
    "first_chunk_ms.mean": ("ms", "none"),
    "rtf.mean": ("1", "lower"),
    "underruns_per_utterance": ("1", "lower"),
    "underrun_ms_per_utterance": ("ms", "lower"),
    "stream_equals_offline": ("ratio", "higher"),
}
RESAMPLING_STEP = 0.002
"""While resampling, times within this factor count as one: far below what percentiles vary."""


def percentiles(name: str) -> Iterator[tuple[str, int]]:
    """Yield each percentile's quantity of a time, and the percentile."""
    for percent in LEAST_TRIALS:
        yield f"{name}.p{percent}", percent


def playback_ms(arrivals_ms: Sequence[float], durations_ms: Sequence[float]) -> list[float]:
    """Return when each chunk starts to play: once it is there and all before it have been played.

    The player starts as soon as it has the first chunk, and never drops or stretches a sample.
    """
    starts: list[float] = []
    free = -math.inf
    for arrival, duration in zip(arrivals_ms, durations_ms, strict=True):
        starts.append(max(arrival, free))
        free = starts[-1] + duration
    return starts


def underruns_ms(arrivals_ms: Sequence[float], durations_ms: Sequence[float]) -> list[float]:
    """Return how long the player falls silent, each time that it waits for a chunk."""
    starts = playback_ms(arrivals_ms, durations_ms)
    ends = [start + duration for start, duration in zip(starts, durations_ms, strict=True)]
    waits = [start - end for start, end in zip(starts[1:], ends, strict=False)]
    return [wait for wait in waits if wait > 0.0]


def heard_ms(stream: Streamed, position_ms: float) -> float:
    """Return when the player plays the sample at a position of the audio."""
    starts = playback_ms(stream.arrivals_ms, stream.durations_ms)
    before = 0.0
    for start, duration in zip(starts, stream.durations_ms, strict=True):
        if position_ms < before + duration:
            return start + position_ms - before
        before += duration
    return starts[-1] + stream.durations_ms[-1]  # the very end, by rounding


def times_of(stream: Streamed) -> dict[str, float]:
    """Return the times whose percentiles are reported; without sound, or chunks to wait, fewer."""
    arrivals = stream.arrivals_ms
    times = {"first_audio_ms": arrivals[0], "cold_first_audio_ms": stream.cold_first_audio_ms}
    if stream.sound_at_ms is not None:
        times["first_sound_ms"] = heard_ms(stream, stream.sound_at_ms)
    if len(arrivals) > 1:
        times["longest_gap_ms"] = max(after - before for before, after in pairwise(arrivals))
    return times


def counted_quantile(values: Floats, counts: Floats, q: float) -> Floats:
    """Return quantile `q` [...] of ascending `values` [V] that occur `counts` [..., V] times.

    That of `numpy.quantile` on the repeated values; NaN where all counts are 0.
    """
    below = np.cumsum(counts, axis=-1)
    total = below[..., -1]
    place = q * np.maximum(total - 1.0, 0.0)
    first = np.floor(place)
    low, high = (
        values[np.minimum((below <= rank[..., None]).sum(axis=-1), len(values) - 1)]
        for rank in (first, np.minimum(first + 1.0, np.maximum(total - 1.0, 0.0)))
    )
    found: Floats = np.where(total > 0, low + (place - first) * (high - low), np.nan)
    return found


class Latency(BaseMetric):
    """Streaming latency of the trials that the driver streamed.

    `warmups`: untimed utterances of each arm beforehand. `trials`: how many trials of each arm are
    streamed, from the first on; None for all. `silence_dbfs`: what lies below counts as silent.
    `tolerance`: absolute difference of samples up to which streamed audio equals offline audio.

    Components: `trials`, the sums behind the averages, and counts of times by their value, under
    `<time>@MILLISECONDS`.
    """

    of_speech = False
    directions: Mapping[str, Direction] = {
        **{quantity: "lower" for name in TIMED for quantity, _ in percentiles(name)},
        **{quantity: direction for quantity, (_, direction) in AVERAGED.items()},
    }
    units: Mapping[str, str] = {
        **{quantity: "ms" for name in TIMED for quantity, _ in percentiles(name)},
        **{quantity: unit for quantity, (unit, _) in AVERAGED.items()},
    }
    bounds: Mapping[str, Bounds] = {
        **dict.fromkeys(directions, POSITIVE),
        "stream_equals_offline": SHARE,
    }
    ratios: Mapping[str, tuple[str, str]] = {
        quantity: (quantity, "trials") for quantity in AVERAGED
    }
    pooled = tuple(quantity for name in TIMED for quantity, _ in percentiles(name))
    least: Mapping[str, int] = {
        quantity: LEAST_TRIALS[percent] for name in TIMED for quantity, percent in percentiles(name)
    }

    def __init__(
        self,
        *,
        warmups: int = 2,
        trials: int | None = None,
        silence_dbfs: float = -40.0,
        tolerance: float = 1e-3,
    ) -> None:
        if warmups < 0:
            raise UsageError(f"warmups: must be at least 0, not {warmups}")
        if trials is not None and trials < 1:
            raise UsageError(f"trials: must be at least 1, not {trials}; leave it out for all")
        if silence_dbfs > 0.0:
            raise UsageError(f"silence_dbfs: must be at most 0 (full scale), not {silence_dbfs}")
        if tolerance < 0.0:
            raise UsageError(f"tolerance: must be at least 0, not {tolerance}")
        self.streaming = Streaming(warmups, trials, silence_dbfs)
        self._tolerance = tolerance

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return the counts and sums of one trial; empty where it was not streamed."""
        (trial,) = trials
        if trial.stream is None:
            return {}
        stream = trial.stream
        waits = underruns_ms(stream.arrivals_ms, stream.durations_ms)
        equal = stream.difference is not None and stream.difference <= self._tolerance
        return {
            **{_counter(name, time): 1.0 for name, time in times_of(stream).items()},
            "first_chunk_ms.mean": stream.durations_ms[0],
            "rtf.mean": stream.total_ms / math.fsum(stream.durations_ms),
            "underruns_per_utterance": float(len(waits)),
            "underrun_ms_per_utterance": math.fsum(waits),
            "stream_equals_offline": float(equal),
            "trials": 1.0,
        }

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the pooled quantities: percentiles of whatever was counted, however few."""
        names, totals = list(sums), np.array(list(sums.values()), np.float64)
        found = {quantity: float(self.pool(quantity, names, totals)) for quantity in self.pooled}
        means = {quantity: sums[above] / sums[n] for quantity, (above, n) in self.ratios.items()}
        return {**{q: value for q, value in found.items() if not math.isnan(value)}, **means}

    def pool(self, quantity: str, names: Sequence[str], totals: Floats) -> Floats:
        """Return a percentile [...] of summed components [..., K] with the given names."""
        name, _, percent = quantity.rpartition(".p")
        counted = {float(n.partition("@")[2]): i for i, n in enumerate(names) if _is_of(name, n)}
        if not counted:
            return np.full(totals.shape[:-1], np.nan)
        values = np.array(sorted(counted))
        counts = totals[..., [counted[value] for value in values.tolist()]]
        return counted_quantile(values, counts, int(percent) / 100)

    def merge(self, quantity: str, name: str) -> str | None:
        """Return the count that stands for `name` while resampling; None for another time."""
        family = quantity.rpartition(".p")[0]
        if not _is_of(family, name):
            return None
        time = max(float(name.partition("@")[2]), 1e-3)
        step = round(math.log(time) / RESAMPLING_STEP)
        return _counter(family, math.exp(step * RESAMPLING_STEP))

    def detail(self, trials: Sequence[Evidence]) -> Mapping[str, Json]:
        """Return the number of chunks, and how far they are from the trial's audio."""
        (trial,) = trials
        if trial.stream is None:
            return {}
        return {"chunks": len(trial.stream.arrivals_ms), "difference": trial.stream.difference}


def _counter(name: str, time_ms: float) -> str:
    return f"{name}@{time_ms:.4f}"


def _is_of(name: str, component: str) -> bool:
    return component.startswith(f"{name}@")
