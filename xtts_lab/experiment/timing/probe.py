"""One system by the clock: its first audio, what its stages cost, how it bears a load."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xtts_lab import config
from xtts_lab.errors import UsageError
from xtts_lab.experiment.construction import blamed, close, construct
from xtts_lab.experiment.stream import clock_of, time_trial, warm_up
from xtts_lab.experiment.timing.load import loaded
from xtts_lab.experiment.timing.one_by_one import server_of
from xtts_lab.experiment.timing.open_loop import arrivals_s, serve
from xtts_lab.notices import describe
from xtts_lab.types import (
    Audio,
    Evidence,
    Failure,
    Loaded,
    Request,
    Streamed,
    StreamingSystem,
    Timings,
    Utterance,
)
from xtts_lab.yaml_file import Document, Where

STAGE_TRIALS = 20
"""So many requests at most are said stage by stage."""


@dataclass(frozen=True)
class Asked:
    """`rates` a second, each of `load_trials` requests; the rest as for metric `latency`."""

    requests: Sequence[Request]
    warmups: int
    rates: tuple[float, ...] = ()
    load_trials: int = 0
    streams: int = 16
    silence_dbfs: float = -40.0


@dataclass(eq=False)
class Probed:
    """What was seen: `latency` and `load` by quantity, `stages` in ms, failures in words."""

    name: str
    weights_random: bool = False
    trials: int = 0
    latency: Mapping[str, float] = field(default_factory=dict)
    stages: Mapping[str, Sequence[float]] = field(default_factory=dict)
    load: Mapping[float, Mapping[str, float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def probe(
    name: str,
    spec: Mapping[str, Any],
    device: str | None,
    asked: Asked,
    say: Callable[[str], None],
) -> Probed:
    """Measure a system of a resolved spec. What it raises in a trial is recorded, and counted.

    Raises `UsageError` for one that cannot be set up, or cannot stream.
    """
    system = construct("systems", spec, device)
    try:
        if not isinstance(system, StreamingSystem) or not getattr(system, "streams", True):
            raise UsageError(f"{name}: cannot stream, so there is no first audio to time")
        with blamed(name):
            system.check()  # type: ignore[attr-defined]
        _check_voice(name, system, asked.requests[0])
        found = Probed(name, bool(getattr(system, "weights_random", False)))
        warm_up(system, asked.requests, asked.warmups)
        say(f"{name}: {len(asked.requests)} streams")
        _time(system, clock_of(spec, device), asked, found)
        say(f"{name}: stage by stage")
        _stages(system, clock_of(spec, device), asked, found)
        for rate in asked.rates:
            say(f"{name}: {asked.load_trials} requests at {rate:g} a second")
            _load(system, rate, asked, found)
        return found
    finally:
        close(system)


def _check_voice(name: str, system: StreamingSystem, request: Request) -> None:
    """Refuse a voice that cannot be, which would fail every trial alike.

    Whatever else a system raises is counted where it is timed.
    """
    try:
        system.prepare(request.references)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error
    except KeyboardInterrupt:
        raise
    except BaseException:
        return


def _time(system: StreamingSystem, clock: Callable[[], float], asked: Asked, found: Probed) -> None:
    trials = []
    for number, request in enumerate(asked.requests):
        try:
            offline = _offline(system, request)
            seen = time_trial(system, request, offline, clock, asked.silence_dbfs)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            found.failures.append(f"stream {number + 1}: {describe(error)}")
            continue
        trials.append(_evidence(request, stream=seen))
    found.trials = len(trials)
    found.latency = _values("latency", {}, trials)


def _offline(system: Any, request: Request) -> Audio:
    (made,) = system.synthesise([request])
    if isinstance(made, Failure):
        raise UsageError(made.error)
    audio: Audio = made.audio
    return audio


def _stages(
    system: StreamingSystem, clock: Callable[[], float], asked: Asked, found: Probed
) -> None:
    """Conditioning of any system, and the other stages of one whose server tells them apart."""
    stages: dict[str, list[float]] = defaultdict(list)
    server = server_of(system, 1)
    apart = getattr(server, "stages", None)
    for request in asked.requests[:STAGE_TRIALS]:
        try:
            start = clock()
            voice = system.prepare(request.references)
            stages["condition_ms"].append((clock() - start) * 1e3)
            for name, values in apart(request, voice).items() if apart else ():
                stages[name] += values
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            found.failures.append(f"stages: {describe(error)}")
    found.stages = stages


def _load(system: StreamingSystem, rate: float, asked: Asked, found: Probed) -> None:
    requests = list(_cycled(asked.requests, asked.load_trials))
    try:
        voices = [system.prepare(request.references) for request in asked.requests]
        pairs = list(zip(requests, _cycled(voices, len(requests)), strict=True))
        served = serve(server_of(system, asked.streams), pairs, arrivals_s(rate, len(pairs), 0))
        offline = [_offline(system, request) for request in asked.requests]
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        found.failures.append(f"load of {rate:g} a second: {describe(error)}")
        return
    trials = []
    for number, (one, said) in enumerate(zip(served, _cycled(offline, len(served)), strict=True)):
        seen = loaded(rate, one, said, asked.silence_dbfs)
        if seen.error is not None:
            found.failures.append(f"load of {rate:g} a second, {number + 1}: {seen.error}")
        trials.append(_evidence(requests[number], load=seen))
    values = _values("load", {"rates": [rate]}, trials)
    found.load = {**found.load, rate: {q.partition("per_s.")[2]: v for q, v in values.items()}}


def _cycled(items: Sequence[Any], count: int) -> Iterator[Any]:
    return (items[i % len(items)] for i in range(count))


def _evidence(
    request: Request, stream: Streamed | None = None, load: Loaded | None = None
) -> Evidence:
    said = Utterance(request.id, request.text, request.language, "")
    return Evidence(said, 0.0, Timings(), {}, stream=stream, loads=(load,) if load else ())


def _values(
    metric: str, settings: Mapping[str, Any], trials: Sequence[Evidence]
) -> dict[str, float]:
    """The metric's quantities, those that take more trials than there are left out."""
    judge = config.build("metrics", {"name": metric, **settings}, Where(Document(metric)))
    sums: dict[str, float] = defaultdict(float)
    for trial in trials:
        for name, value in judge.components([trial]).items():
            sums[name] += value
    found = judge.values(sums) if sums else {}
    return {q: float(v) for q, v in found.items() if len(trials) >= judge.least.get(q, 0)}
