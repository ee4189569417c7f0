"""Latency: closed forms by a scripted clock, a player simulated tick by tick, and espeak-ng."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from xtts_lab.experiment.stream import (
    StreamError,
    clock_of,
    difference,
    first_sound,
    time_trial,
    warm_up,
)
from xtts_lab.metrics.info import MetricInfo, Pool
from xtts_lab.metrics.latency import (
    Latency,
    counted_quantile,
    heard_ms,
    playback_ms,
    underruns_ms,
)
from xtts_lab.statistics.bootstrap import design, generator, weights
from xtts_lab.statistics.cells import cell_table, cells_of, placed
from xtts_lab.statistics.intervals import student
from xtts_lab.statistics.summaries import compare, summarise
from xtts_lab.statistics.variance import units
from xtts_lab.types import Audio, Evidence, Reference, Request, Streamed, Timings, Utterance

RATE = 1000  # a sample a millisecond


class ScriptedClock:
    """Shows what it was last told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class ScriptedSystem:
    """Takes `prepare_ms` for a voice and, before each chunk, as long as its script says."""

    languages = frozenset({"en"})
    sample_rate = RATE

    def __init__(
        self, clock: ScriptedClock, script: Sequence[tuple[float, Sequence[float]]]
    ) -> None:
        self._clock, self._script = clock, script
        self.prepare_ms, self.tail_ms = 0.0, 0.0
        self.said: list[str] = []

    def prepare(self, references: Sequence[Reference]) -> str:
        assert not references
        self._clock.now_s += self.prepare_ms / 1e3
        return "voice"

    def stream(self, request: Request, voice: str) -> Iterator[Audio]:
        assert voice == "voice"
        for wait_ms, samples in self._script:
            self._clock.now_s += wait_ms / 1e3
            yield Audio(torch.tensor(samples), RATE)
        self._clock.now_s += self.tail_ms / 1e3
        self.said.append(request.text)


HELLO = Request("hello", "en", (), 0)


def timed(system: ScriptedSystem, clock: ScriptedClock, offline: Sequence[float] = ()) -> Streamed:
    return time_trial(system, HELLO, Audio(torch.tensor(offline), RATE), clock, -40.0)


def test_the_clock_of_a_scripted_system() -> None:
    clock = ScriptedClock()
    quiet, loud = [0.0] * 100, [0.5] * 100
    script = [(50.0, quiet), (5.0, []), (65.0, [*quiet[:30], *loud[:70]]), (180.0, loud)]
    system = ScriptedSystem(clock, script)
    system.prepare_ms, system.tail_ms = 400.0, 7.0
    streamed = timed(system, clock, [*quiet, *quiet[:30], *loud[:70], *loud])
    assert streamed.arrivals_ms == pytest.approx((50.0, 120.0, 300.0))
    assert streamed.durations_ms == pytest.approx((100.0, 100.0, 100.0))
    assert streamed.total_ms == pytest.approx(307.0)
    assert streamed.sound_at_ms == pytest.approx(130.0)
    assert streamed.prepare_ms == pytest.approx(400.0)
    assert streamed.cold_first_audio_ms == pytest.approx(450.0)
    assert streamed.difference == 0.0  # 0.5 is exact in 16 bits
    found = values([streamed])
    assert found == pytest.approx(
        {
            **{f"first_audio_ms.p{p}": 50.0 for p in (50, 95, 99)},
            # The second chunk plays from 150 ms on; the sound stands 30 ms into it.
            **{f"first_sound_ms.p{p}": 180.0 for p in (50, 95, 99)},
            **{f"cold_first_audio_ms.p{p}": 450.0 for p in (50, 95, 99)},
            **{f"longest_gap_ms.p{p}": 180.0 for p in (50, 95, 99)},
            "first_chunk_ms.mean": 100.0,
            "rtf.mean": 307.0 / 300.0,
            # Played to its end at 250 ms, 50 ms before the third chunk is there.
            "underruns_per_utterance": 1.0,
            "underrun_ms_per_utterance": 50.0,
            "stream_equals_offline": 1.0,
        }
    )


def test_silence_has_no_first_sound_and_one_chunk_no_gap() -> None:
    clock = ScriptedClock()
    streamed = timed(ScriptedSystem(clock, [(10.0, [0.009] * 20)]), clock)
    assert streamed.sound_at_ms is None
    assert streamed.difference is None  # the lengths differ
    found = values([streamed])
    assert not any(name.startswith(("first_sound_ms", "longest_gap_ms")) for name in found)
    assert found["underruns_per_utterance"] == 0.0
    assert found["stream_equals_offline"] == 0.0


@pytest.mark.parametrize("script", [[], [(5.0, [])]])
def test_a_stream_without_samples_is_a_failure(script: Any) -> None:
    clock = ScriptedClock()
    with pytest.raises(StreamError, match="no samples"):
        timed(ScriptedSystem(clock, script), clock)


def test_sound_starts_at_the_level_asked_for() -> None:
    samples = torch.tensor([0.0, -0.0099, 0.01, 0.5])
    assert first_sound(samples, -40.0) == 2
    assert first_sound(samples, -6.5) == 3
    assert first_sound(samples, -5.0) is None


def test_differences_are_of_samples_and_need_equal_lengths_and_rates() -> None:
    one = Audio(torch.tensor([0.0, 0.25, 2.0]), RATE)
    two = Audio(torch.tensor([0.0, 0.5, 1.0]), RATE)
    assert difference(one, two) == pytest.approx(0.25, abs=1e-4)
    assert difference(one, Audio(two.samples[:2], RATE)) is None
    assert difference(one, Audio(two.samples, 2 * RATE)) is None


def test_warm_ups_go_round_and_their_failures_are_left_to_the_timed_ones() -> None:
    clock = ScriptedClock()
    system = ScriptedSystem(clock, [(1.0, [0.1])])
    requests = [Request(text, "en", (), 0) for text in ("a", "b")]
    warm_up(system, requests, 3)
    assert system.said == ["a", "b", "a"]
    broken: Any = ScriptedSystem(clock, [(1.0, "no samples")])  # type: ignore[list-item]
    warm_up(broken, requests, 2)
    assert broken.said == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_clock_waits_for_the_device() -> None:
    clock = clock_of({"device": "auto"}, None)
    big = torch.randn(4096, 4096, device="cuda")
    for _ in range(50):
        big = (big @ big).tanh()
    done = torch.cuda.Event()
    done.record()
    clock()
    assert done.query()


def streamed_of(arrivals: Sequence[float], durations: Sequence[float], **more: Any) -> Streamed:
    known = {"total_ms": 1.0, "sound_at_ms": 0.0, "prepare_ms": 0.0, "cold_first_audio_ms": 1.0}
    return Streamed(tuple(arrivals), tuple(durations), **{**known, "difference": 0.0, **more})


def evidence(stream: Streamed | None) -> Evidence:
    said = Utterance("u", "hello", "en", "s")
    return Evidence(said, 1.0, Timings(), {}, stream=stream)


def values(streams: Sequence[Streamed]) -> dict[str, float]:
    metric, sums = Latency(), dict[str, float]()
    for stream in streams:
        for name, part in metric.components([evidence(stream)]).items():
            sums[name] = sums.get(name, 0.0) + part
    return dict(metric.values(sums))


def test_what_was_not_streamed_has_no_latency() -> None:
    assert Latency().components([evidence(None)]) == {}
    assert Latency().detail([evidence(None)]) == {}


chunks = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40)), min_size=1, max_size=8)


@given(chunks, st.data())
def test_underruns_are_those_of_a_player_simulated_tick_by_tick(
    script: list[tuple[int, int]], data: st.DataObject
) -> None:
    arrivals = np.cumsum([wait for wait, _ in script]).tolist()
    durations = [duration for _, duration in script]
    audio_ms = sum(durations)
    played, starved, waits, tick = 0, 0, [], arrivals[0]
    heard_at: list[int] = []
    while played < audio_ms:
        there = sum(d for a, d in zip(arrivals, durations, strict=True) if a <= tick)
        if played < there:
            heard_at.append(tick)
            played += 1
            if starved:
                waits.append(starved)
            starved = 0
        else:
            starved += 1
        tick += 1
    assert underruns_ms(arrivals, durations) == pytest.approx(waits)
    position = data.draw(st.integers(0, audio_ms - 1))
    assert heard_ms(streamed_of(arrivals, durations), position) == heard_at[position]
    starts = playback_ms(arrivals, durations)
    assert all(start >= arrival for start, arrival in zip(starts, arrivals, strict=True))


@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 4)), min_size=1, max_size=30),
    st.sampled_from([0.5, 0.95, 0.99]),
)
def test_counted_quantiles_are_numpys(counted: list[tuple[float, int]], q: float) -> None:
    counted = sorted(dict(counted).items())
    values, counts = (np.array(side, np.float64) for side in zip(*counted, strict=True))
    found = counted_quantile(values, np.stack([counts, np.zeros_like(counts)]), q)
    every = np.repeat(values, counts.astype(int))
    expected = np.quantile(every, q) if every.size else np.nan
    assert found[0] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
    assert np.isnan(found[1])


METRIC = Latency()


def info_of(*quantities: str) -> dict[str, MetricInfo]:
    return {
        q: MetricInfo(
            METRIC.units[q],
            METRIC.directions[q],
            pool=Pool(partial(METRIC.pool, q), partial(METRIC.merge, q)),
            least=METRIC.least[q],
        )
        for q in quantities
    }


def table_of(
    times: dict[tuple[str, str], list[float]], quantities: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return scores and trials of (arm, language) -> first_audio_ms, ten sentences a speaker."""
    scores, trials = [], []
    for (arm, language), arrivals in times.items():
        for i, arrival in enumerate(arrivals):
            place = {"trial_id": f"{arm}/{language}{i:04}", "arm": arm, "language": language}
            said = {"utterance_id": f"{language}{i:04}", "text": f"{language} {i % 10}"}
            trials.append(
                {**place, **said, "speaker": f"{language}{i // 10}", "reference_language": language}
                | {"repeat": 0, "status": "ok", "weights_random": False}
            )
            stream = streamed_of([arrival], [10.0])
            parts = METRIC.components([evidence(stream)])
            kept = {n: v for n, v in parts.items() if n.startswith("first_audio_ms@")}
            scores += [
                {**place, "metric": q, "value": arrival, "numerator": np.nan, "denominator": np.nan}
                | {"detail": json.dumps({"components": kept})}
                for q in quantities
            ]
    return pd.DataFrame(scores), pd.DataFrame(trials)


P = [f"first_audio_ms.p{p}" for p in (50, 95, 99)]
OPTIONS: dict[str, Any] = {"confidence": 0.9, "resamples": 200, "seed": 3}


def drawn(count: int, seed: int) -> list[float]:
    return np.random.default_rng(seed).lognormal(4.0, 0.4, count).round(3).tolist()


def test_percentiles_are_of_a_languages_trials_and_averaged_over_languages() -> None:
    times = {("a", "en"): drawn(250, 0), ("a", "de"): drawn(200, 1), ("a", "fr"): drawn(199, 2)}
    summary = summarise(*table_of(times, P), info_of(*P), **OPTIONS)
    rows = summary.set_index(["metric", "language"])
    for name, q in (("p50", 0.5), ("p95", 0.95)):
        by_language = {lang: float(np.quantile(t, q)) for (_, lang), t in times.items()}
        if name == "p95":
            del by_language["fr"]
            assert np.isnan(rows.loc[("first_audio_ms.p95", "fr"), "mean"])
            assert np.isnan(rows.loc[("first_audio_ms.p95", "fr"), "ci_low"])
        for language, expected in by_language.items():
            row = rows.loc[(f"first_audio_ms.{name}", language)]
            assert row["mean"] == pytest.approx(expected)
            assert row["ci_low"] < row["mean"] < row["ci_high"]
        whole = rows.loc[(f"first_audio_ms.{name}", "all")]
        assert whole["mean"] == pytest.approx(np.mean(list(by_language.values())))
        assert whole["n"] == 649
        assert whole["unit"] == "ms"
    assert "first_audio_ms.p99" not in set(summary["metric"])  # nowhere 1,000 trials


def test_the_interval_of_a_median_is_that_of_repeating_what_was_drawn() -> None:
    times = {("a", "en"): drawn(80, 5)}
    scores, trials = table_of(times, P[:1])
    summary = summarise(scores, trials, info_of(*P), **OPTIONS)
    row = summary[summary["language"] == "en"].iloc[0]
    frame = cell_table(scores, placed(trials))
    cells, _ = cells_of(frame)
    names = ("summary", "a", "monolingual", P[0], "en")
    speakers, sentences = weights(design(cells), 200, generator(OPTIONS["seed"], *names))
    counts = (speakers[cells.speaker] * sentences[cells.sentence]).astype(int)
    of_cell = frame["numerator"].to_numpy()
    medians = [np.median(np.repeat(of_cell, c)) for c in counts.T if c.any()]
    # Stretched as every interval is (see `intervals`): to n - 1 and Student's tails.
    n = units(design(cells))
    stretch = np.sqrt(n / (n - 1)) * student(n - 1, 0.9) / -ndtri(0.05)
    ends = np.quantile(medians, [0.05, 0.95], method="weibull")
    expected = row["mean"] + stretch * (ends - row["mean"])
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(expected, rel=4e-3)


def test_arms_are_compared_on_the_percentiles_of_what_both_have() -> None:
    slow = drawn(250, 7)
    times = {("slow", "en"): slow, ("fast", "en"): [t * 0.6 for t in slow]}
    scores, trials = table_of(times, P)
    table = compare(scores, trials, info_of(*P), baseline="slow", **OPTIONS).set_index("metric")
    for name, q in (("p50", 0.5), ("p95", 0.95)):
        row = table[table["language"] == "all"].loc[f"first_audio_ms.{name}"]
        gap = np.quantile(times["fast", "en"], q) - np.quantile(slow, q)
        assert row["difference"] == pytest.approx(gap)
        assert row["verdict"] in ("undecided", "better")
    assert table.loc[table["language"] == "all", "ci_high"].loc["first_audio_ms.p50"] < 0
    assert "first_audio_ms.p99" not in table.index
    half = scores[scores["arm"].eq("slow") | scores["trial_id"].str[-4:].astype(int).lt(150)]
    few = compare(half, trials, info_of(*P), baseline="slow", **OPTIONS)
    assert set(few["metric"]) == {"first_audio_ms.p50"}


@settings(max_examples=20)
@given(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=20))
def test_merging_times_moves_them_by_a_thousandth(times: list[float]) -> None:
    quantity = "first_audio_ms.p50"
    for time in times:
        (name,) = [
            n
            for n in METRIC.components([evidence(streamed_of([time], [1.0]))])
            if n.startswith("first_audio_ms@")
        ]
        merged = METRIC.merge(quantity, name)
        assert merged is not None
        assert float(merged.partition("@")[2]) == pytest.approx(time, rel=2e-3, abs=2e-4)
        assert METRIC.merge("first_sound_ms.p50", name) is None
