"""Load: arrivals by their closed forms, scripted servers, and systems on the bench."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.experiment.timing import probe as probes
from xtts_lab.experiment.timing.one_by_one import OneByOne, server_of
from xtts_lab.experiment.timing.open_loop import arrivals_s, serve
from xtts_lab.metrics.load import Load
from xtts_lab.runs import keys
from xtts_lab.types import Audio, Evidence, Loaded, Loading, Request, Synthesis, Timings, Utterance

RATE = 1000  # a sample a millisecond


@pytest.mark.parametrize("rate", [0.5, 10.0, 400.0])
def test_requests_come_at_their_rate_and_without_memory(rate: float) -> None:
    """Gaps are exponential: mean and deviation are 1 / rate, e^-1 of them are longer than that."""
    due = arrivals_s(rate, 4001, seed=3)
    gaps = np.diff(due)
    assert due[0] == 0.0
    assert gaps.mean() * rate == pytest.approx(1.0, abs=0.06)
    assert gaps.std() * rate == pytest.approx(1.0, abs=0.08)
    assert (gaps > 1.0 / rate).mean() == pytest.approx(np.exp(-1.0), abs=0.03)
    assert due == arrivals_s(rate, 4001, seed=3)
    assert due != arrivals_s(rate, 4001, seed=4)


class Clock:
    """Moves on by what is done, and by sleeping."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0.0
        self.now += max(seconds, 1e-4)


class Slow:
    """A system of two chunks of 100 ms, the first after 30 ms of work and the second after 20."""

    languages, sample_rate = frozenset({"en"}), RATE

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def prepare(self, references: Any) -> str:
        return f"voice of {len(references)}"

    def stream(self, request: Request, voice: str) -> Any:
        assert voice == "ready"
        for work_s in (0.03, 0.02):
            self._clock.now += work_s
            if request.text == "bad" and work_s == 0.02:
                raise RuntimeError("lost\nits voice")
            yield Audio(torch.full((100,), 0.5), RATE)


def asked(*texts: str) -> list[tuple[Request, object]]:
    return [(Request(text, "en", (), 0), "ready") for text in texts]


def test_who_waits_in_line_waits_from_when_it_was_due() -> None:
    """Three at once: each is heard 50 ms of work after the one before it."""
    clock = Clock()
    served = serve(
        OneByOne(Slow(clock)), asked("a", "b", "c"), [0.0, 0.0, 0.01], clock, clock.sleep
    )
    assert [one.arrivals for one in served] == [
        pytest.approx([0.03, 0.05]),
        pytest.approx([0.08, 0.10]),
        pytest.approx([0.12, 0.14]),
    ]
    assert [one.end for one in served] == pytest.approx([0.05, 0.10, 0.14])


def test_a_driver_that_is_held_up_does_not_forgive_it() -> None:
    """The second is due while the first blocks: its clock has started all the same."""
    clock = Clock()
    served = serve(OneByOne(Slow(clock)), asked("a", "b"), [0.0, 0.005], clock, clock.sleep)
    assert served[1].arrivals[0] == pytest.approx(0.03 + 0.02 + 0.03 - 0.005)


def test_an_idle_server_waits_for_the_next_request() -> None:
    clock = Clock()
    served = serve(OneByOne(Slow(clock)), asked("a", "b"), [0.0, 2.0], clock, clock.sleep)
    assert served[1].arrivals[0] == pytest.approx(0.03, abs=1e-3)


def test_what_fails_ends_itself_alone() -> None:
    clock = Clock()
    served = serve(OneByOne(Slow(clock)), asked("a", "bad", "c"), [0.0] * 3, clock, clock.sleep)
    assert [one.error for one in served] == [None, "RuntimeError: lost", None]
    assert [len(one.chunks) for one in served] == [2, 1, 2]


class Odd(BaseException):
    """What no part should raise."""


UNWELCOME = [SystemExit(0), GeneratorExit(), Odd("so there"), MemoryError(), StopIteration(3)]


@pytest.mark.parametrize("error", UNWELCOME, ids=repr)
def test_whatever_a_stream_raises_ends_it_alone(error: BaseException) -> None:
    class Raises(Slow):
        def stream(self, request: Request, voice: str) -> Any:
            if request.text == "bad":
                return Raising()
            return super().stream(request, voice)

    class Raising:
        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            raise error

    clock = Clock()
    served = serve(OneByOne(Raises(clock)), asked("a", "bad", "c"), [0.0] * 3, clock, clock.sleep)
    said = (
        None if isinstance(error, StopIteration) else type(error).__name__
    )  # an end, without a word
    assert [one.error and one.error.split(":")[0] for one in served] == [None, said, None]
    assert [len(one.chunks) for one in served] == [2, 0, 2]


@pytest.mark.parametrize("error", UNWELCOME[:4], ids=repr)
@pytest.mark.parametrize("where", ["check", "prepare", "stream", "synthesise"])
def test_whatever_a_system_raises_is_said_of_it(
    where: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Raises(Slow):
        def check(self) -> None:
            self.may("check")

        def may(self, what: str) -> None:
            if what == where:
                raise error

        def prepare(self, _references: Any) -> str:
            self.may("prepare")
            return "ready"

        def stream(self, request: Request, voice: str) -> Any:
            self.may("stream")
            return super().stream(request, voice)

        def synthesise(self, _requests: Any) -> Any:
            self.may("synthesise")
            return iter([Synthesis(Audio(torch.full((200,), 0.5), RATE))])

        def close(self) -> None:
            pass

    monkeypatch.setattr(probes, "construct", lambda *_: Raises(Clock()))
    wanted = probes.Asked([Request("a", "en", (), 0)] * 2, 1, (50.0,), 2)

    def find() -> probes.Probed:
        return probes.probe("raises", {}, None, wanted, lambda _: None)

    if where == "check":
        with pytest.raises(UsageError, match=f"raises: cannot be set up: {type(error).__name__}"):
            find()
    else:
        failures = find().failures
        assert failures
        assert all(type(error).__name__ in failure for failure in failures)


def test_an_interrupt_is_no_failure_of_a_system() -> None:
    class Interrupted(Slow):
        def stream(self, _request: Request, _voice: str) -> Any:
            raise KeyboardInterrupt

    clock = Clock()
    with pytest.raises(KeyboardInterrupt):
        serve(OneByOne(Interrupted(clock)), asked("a"), [0.0], clock, clock.sleep)


def test_a_server_that_refuses_a_request_has_failed_it() -> None:
    class Full(OneByOne):
        def submit(self, request: Request, voice: Any) -> int:
            if request.text == "bad":
                raise ValueError("no room")
            return super().submit(request, voice)

    clock = Clock()
    served = serve(Full(Slow(clock)), asked("bad", "b"), [0.0, 0.0], clock, clock.sleep)
    assert [one.error for one in served] == ["ValueError: no room", None]
    assert served[0].chunks == []


def test_a_system_serves_itself_where_it_can() -> None:
    class Serving(Slow):
        def serve(self, streams: int) -> str:
            return f"server of {streams}"

    assert server_of(Serving(Clock()), 5) == "server of 5"  # type: ignore[comparison-overlap]
    assert isinstance(server_of(Slow(Clock()), 5), OneByOne)


def evidence(*loads: Loaded) -> Evidence:
    return Evidence(Utterance("u", "hi", "en", "s"), 1.0, Timings(), {}, loads=loads)


def pooled(metric: Load, trials: Sequence[Evidence]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for trial in trials:
        for name, value in metric.components([trial]).items():
            sums[name] = sums.get(name, 0.0) + value
    return dict(metric.values(sums))


def test_a_load_by_its_closed_form() -> None:
    """Two requests at 10/s; one is heard after 130 ms and runs dry for 40, one breaks off."""
    metric = Load(rates=(10.0,))
    good = Loaded(10.0, (100.0, 340.0), (200.0, 300.0), 30.0, 0.0)
    broken = Loaded(10.0, (50.0,), (100.0,), None, None, "lost its voice")
    found = pooled(metric, [evidence(good), evidence(broken)])
    assert found == pytest.approx(
        {
            **{f"10_per_s.first_sound_ms.p{p}": 130.0 for p in (50, 95, 99)},
            "10_per_s.first_audio_ms.p50": 75.0,
            "10_per_s.first_audio_ms.p95": 97.5,
            "10_per_s.first_audio_ms.p99": 99.5,
            "10_per_s.underruns_per_utterance": 0.5,
            "10_per_s.underrun_ms_per_utterance": 20.0,
            "10_per_s.failed": 0.5,
            "10_per_s.equals_alone": 0.5,
        }
    )


def test_rates_do_not_mix() -> None:
    metric = Load(rates=(1.0, 20.0))
    one = Loaded(1.0, (10.0,), (100.0,), 0.0, 0.0)
    two = Loaded(20.0, (90.0,), (100.0,), 0.0, 0.5)
    found = pooled(metric, [evidence(one, two)])
    assert found["1_per_s.first_audio_ms.p50"] == 10.0
    assert found["20_per_s.first_audio_ms.p50"] == 90.0
    assert (found["1_per_s.equals_alone"], found["20_per_s.equals_alone"]) == (1.0, 0.0)


def test_a_tail_takes_its_trials() -> None:
    metric = Load(rates=(1.0,))
    assert metric.least["1_per_s.first_sound_ms.p95"] == 200
    assert metric.least["1_per_s.first_sound_ms.p50"] == 1


def test_a_trial_that_was_not_driven_has_no_figures() -> None:
    assert Load().components([evidence()]) == {}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rates": ()}, "rates"), ({"rates": (0.0,)}, "rates"), ({"rates": (-1.0,)}, "rates"),
        ({"rates": (1e6,)}, "rates"), ({"rates": (float("nan"),)}, "rates"),
        ({"rates": (2.0, 2.0)}, "twice"), ({"streams": 0}, "streams"), ({"trials": 0}, "trials"),
        ({"warmups": -1}, "warmups"), ({"silence_dbfs": 1.0}, "silence_dbfs"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Load(**wrong)


def test_what_a_load_is_known_by() -> None:
    asked = Loading((1.0,), 4, None, 2, -40.0, 0)
    audio = [("k", "s"), ("l", "t")]
    known = keys.load_key(audio, 1.0, asked)
    others = {
        keys.load_key(audio[::-1], 1.0, asked),
        keys.load_key(audio[:1], 1.0, asked),
        keys.load_key(audio, 2.0, asked),
        *(
            keys.load_key(audio, 1.0, Loading((1.0,), *rest))
            for rest in ((5, None, 2, -40.0, 0), (4, None, 3, -40.0, 0), (4, None, 2, -50.0, 0))
        ),
        keys.load_key(audio, 1.0, Loading((1.0,), 4, None, 2, -40.0, 1)),
    }
    assert known not in others
    assert len(others) == 7
    # Other rates of the same metric, and a limit that leaves the same trials, change nothing.
    assert keys.load_key(audio, 1.0, Loading((1.0, 9.0), 4, 2, 2, -40.0, 0)) == known


EXPERIMENT = """\
name: load
systems:
  xtts: {name: xtts, checkpoint: random-tiny, max_codes: 5}
  espeak: {name: espeak}
  still: {name: "null"}
texts: {name: builtin, languages: [en], per_language: 1}
speakers: {name: synthetic, count: 2, references: 1}
pairing: cross
sanity: false
metrics:
  - {name: load, rates: [20, 50], streams: 3, trials: 2, warmups: 1}
statistics: {resamples: 100}
"""


def _run(folder: Path, text: str = EXPERIMENT) -> int:
    (folder / "e.yaml").write_text(text)
    return run_app(["run", str(folder / "e.yaml"), "--out", str(folder / "out")])


def test_systems_under_load_on_the_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours serves several at once, espeak one by one; who cannot stream has no rows. Resumes."""
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    assert _run(tmp_path) == 0
    run = tmp_path / "out"
    seen = pd.read_parquet(run / "load.parquet")
    assert set(seen["arm"]) == {"xtts", "espeak"}
    assert seen.groupby(["arm", "rate"])["trial_id"].nunique().tolist() == [2, 2, 2, 2]
    assert seen["error"].isna().all()
    durations = pd.read_parquet(run / "trials.parquet").set_index("trial_id")["duration_s"]
    for _, row in seen.iterrows():
        played = sum(json.loads(row["durations_ms"]))
        assert played == pytest.approx(1e3 * durations[row["trial_id"]], abs=0.01)
        assert json.loads(row["arrivals_ms"]) == sorted(json.loads(row["arrivals_ms"]))
    scores = pd.read_parquet(run / "scores.parquet").groupby(["arm", "metric"])["value"]
    for arm in ("xtts", "espeak"):
        for rate in (20, 50):
            assert scores.min()[arm, f"load.{rate}_per_s.equals_alone"] == 1.0
            assert scores.max()[arm, f"load.{rate}_per_s.failed"] == 0.0
    summary = pd.read_csv(run / "summary.csv").set_index(["arm", "metric", "language"])
    assert summary.loc[("xtts", "load.20_per_s.first_audio_ms.p50", "all"), "mean"] > 0
    assert _run(tmp_path, EXPERIMENT.replace("[20, 50]", "[20, 40]")) == 0
    again = pd.read_parquet(run / "load.parquet")
    assert set(again["rate"]) == {20.0, 40.0}
    assert (
        again[again["rate"] == 20]["arrivals_ms"].tolist()
        == seen[seen["rate"] == 20]["arrivals_ms"].tolist()
    )


def test_two_loads_in_one_experiment_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = EXPERIMENT.replace("warmups: 1}", "warmups: 1}\n  - {name: load, rates: [5]}")
    assert _run(tmp_path, two) == 2
    assert "another load" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
