"""The latency driver: trials streamed again, one at a time, in this process, by the clock.

A trial is streamed twice. First with its voice ready: the clock starts when the text is submitted,
and is read when the samples of each chunk lie in the memory of the host. Then with a cold voice:
the clock starts when the references are handed over, to `prepare` and `stream` in turn. Both
streams are played to their end, so that no system is left in the middle of an utterance. On a GPU
the device is synchronised before each reading of the clock, which is therefore never early.
Warm-ups come first, untimed, whenever an arm's streaming starts, after a resumption too. Arms are
timed one after the other: a machine that meanwhile does something else slows one arm, not all.

Metrics judge the files that `synthesise` made; so that their scores hold for what was streamed, the
largest difference between both is kept.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.progress import track
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.pool import perform_all
from xtts_lab.experiment.workers.tasks import Logs, at_work
from xtts_lab.notices import describe, one_line
from xtts_lab.records import seal
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.keys import stream_key
from xtts_lab.runs.store import RunFolder
from xtts_lab.types import Audio, Request, Streamed, Streaming, StreamingSystem

if TYPE_CHECKING:
    from torch import Tensor

Record = dict[str, Any]
Clock = Callable[[], float]
"""Returns seconds."""


class StreamError(ValueError):
    """A stream that cannot be timed; the message is one line."""


@dataclass(frozen=True)
class Job:
    """One trial to stream; its id is the trial's, `offline` the audio that it is known by."""

    id: str
    key: str
    request: Request
    offline: Path


@dataclass(frozen=True)
class Batch:
    """Trials of one arm to stream, after `warmups` streams of its first `requests`."""

    spec: Mapping[str, Any]
    device: str | None
    jobs: Sequence[Job]
    requests: Sequence[Request]
    warmups: int
    silence_dbfs: float
    kind: str = "systems"

    def failed(self, job: Job, error: str) -> Record:
        """Return the record of a trial that cannot be timed."""
        return {"id": job.id, "key": job.key, "error": one_line(error)}


def stream_trials(plan: Plan, folder: RunFolder, trials: Journal, logs: Logs) -> dict[str, Record]:
    """Stream what a metric wants streamed and is not in `logs`; return records by trial.

    Only trials with audio, of arms that can stream, have one. A failure is a record with an error;
    it is tried again in the next run. Empty where no metric asks for streaming.
    """
    asked = next((use.metric.streaming for use in plan.metrics if use.metric.streaming), None)
    if asked is None:
        return {}
    by_arm: dict[str, list[Trial]] = {}
    for trial in plan.trials:
        by_arm.setdefault(trial.arm.id, []).append(trial)
    found: dict[str, Record] = {}
    for arm, own in by_arm.items():
        if not plan.facts[arm].streams:
            continue
        jobs = [job for t in own[: asked.trials] if (job := _job(t, folder, trials, asked))]
        found |= _stream_arm(plan, own[0].arm.spec, jobs, asked, logs)
    return found


def _job(trial: Trial, folder: RunFolder, trials: Journal, asked: Streaming) -> Job | None:
    made = trials.get(trial.id)
    if made is None or made["status"] != "ok":
        return None
    key = stream_key(trial.key, made["sha256"], asked)
    return Job(trial.id, key, trial.request, folder.path / trial.audio)


def _stream_arm(
    plan: Plan,
    spec: Mapping[str, Any],
    jobs: Sequence[Job],
    asked: Streaming,
    logs: Logs,
) -> dict[str, Record]:
    missing = [job for job in jobs if not _is_done(job, logs.ended)]
    if missing:
        requests = [job.request for job in jobs[: asked.warmups]]
        batch = Batch(spec, plan.device, missing, requests, asked.warmups, asked.silence_dbfs)
        child = logs.need_child([batch], plan.experiment.host)
        made = perform_all(perform, [batch], 1, child=child)
        for _ in track(logs.keep(made), "stream", len(missing)):
            pass
    known = {job.id: logs.ended.get(job.id) for job in jobs}
    return {trial_id: record for trial_id, record in known.items() if record is not None}


def perform(batch: Batch, parts: Parts) -> Iterator[Record]:
    """Stream a batch on all cores; yield that each trial begins, and its record."""
    try:
        system = parts.get("systems", batch.spec, batch.device)
        clock = clock_of(batch.spec, batch.device)
    except BaseException as error:
        if not parts.to_blame(error):
            raise
        yield from (batch.failed(job, describe(error)) for job in batch.jobs)
        return
    for number, job in enumerate(batch.jobs):
        yield at_work(job)
        if number == 0:
            warm_up(system, batch.requests, batch.warmups)
        yield _record(batch, system, parts, job, clock)


def _is_done(job: Job, journal: Journal) -> bool:
    record = journal.get(job.id)
    return record is not None and record["key"] == job.key and record["error"] is None


def clock_of(spec: Mapping[str, Any], device: str | None) -> Clock:
    """Return a clock for a system: one that waits for its GPU first, where it computes on one."""
    name = resolve_device(device or str(spec["device"])) if "device" in spec else "cpu"
    if not name.startswith("cuda"):
        return time.perf_counter
    import torch

    def synchronised() -> float:
        torch.cuda.synchronize(name)
        return time.perf_counter()

    return synchronised


def warm_up(system: StreamingSystem, requests: Sequence[Request], count: int) -> None:
    """Stream `count` requests untimed, from the first on, and again where they are fewer."""
    for i in range(count):
        request = requests[i % len(requests)]
        # What fails here fails again when it is timed, and is recorded there.
        try:
            for chunk in system.stream(request, system.prepare(request.references)):
                _on_host(chunk)
        except KeyboardInterrupt:
            raise
        except BaseException:
            continue


def _record(batch: Batch, system: StreamingSystem, parts: Parts, job: Job, clock: Clock) -> Record:
    try:
        offline = audio.load(job.offline)
        streamed = time_trial(system, job.request, offline, clock, batch.silence_dbfs)
        record = {"id": job.id, "key": job.key, "error": None, **dataclasses.asdict(streamed)}
        seal(record)  # raises for what cannot be recorded
    except BaseException as error:  # whatever a system raises fails this trial only
        if not parts.to_blame(error):
            raise
        return batch.failed(job, describe(error))
    return record


def streamed_of(record: Mapping[str, Any]) -> Streamed:
    """Return what a record without an error says."""
    known = {field.name: record[field.name] for field in dataclasses.fields(Streamed)}
    known |= {name: tuple(known[name]) for name in ("arrivals_ms", "durations_ms")}
    return Streamed(**known)


@dataclass(frozen=True, eq=False)
class _Played:
    """One stream: its chunks on the host, when each was there and when all had ended, in s."""

    chunks: list[Audio]
    arrivals: list[float]
    end: float


def time_trial(
    system: StreamingSystem, request: Request, offline: Audio, clock: Clock, silence_dbfs: float
) -> Streamed:
    """Stream a request with a voice that is ready, then with a cold one.

    Raises `StreamError` for a stream without samples, and whatever the system raises.
    """
    voice = system.prepare(request.references)
    _rest(system)
    start = clock()
    ready = _play(system, request, voice, clock)
    _rest(system)
    cold_start = clock()
    fresh = system.prepare(request.references)
    prepared = clock()
    cold = _play(system, request, fresh, clock)
    samples, rate = joined(ready.chunks)
    onset = first_sound(samples, silence_dbfs)
    return Streamed(
        arrivals_ms=tuple(_ms(at - start) for at in ready.arrivals),
        durations_ms=tuple(_ms(chunk.duration_s) for chunk in ready.chunks),
        total_ms=_ms(ready.end - start),
        sound_at_ms=None if onset is None else _ms(onset / rate),
        prepare_ms=_ms(prepared - cold_start),
        cold_first_audio_ms=_ms(cold.arrivals[0] - cold_start),
        difference=difference(Audio(samples, rate), offline),
    )


def _rest(system: StreamingSystem) -> None:
    """Wait, untimed, until a hosted system may be asked again: it says so by `rest`."""
    rest = getattr(system, "rest", None)
    if rest is not None:
        rest()


def _play(system: StreamingSystem, request: Request, voice: Any, clock: Clock) -> _Played:
    chunks: list[Audio] = []
    arrivals: list[float] = []
    for chunk in _sounding(system.stream(request, voice)):
        arrivals.append(clock())
        chunks.append(chunk)
    end = clock()
    if not chunks:
        raise StreamError("the stream holds no samples")
    return _Played(chunks, arrivals, end)


def _sounding(chunks: Iterator[Audio]) -> Iterator[Audio]:
    """Yield the chunks that can be played, on the host."""
    for chunk in chunks:
        if chunk.samples.shape[-1] > 0:
            yield _on_host(chunk)


def _on_host(chunk: Audio) -> Audio:
    return Audio(chunk.samples.detach().to("cpu"), chunk.sample_rate)


def joined(chunks: Sequence[Audio]) -> tuple[Tensor, int]:
    """Return the samples [T] of chunks, and their rate; `StreamError` where it changes."""
    import torch

    rates = {chunk.sample_rate for chunk in chunks}
    if len(rates) > 1:
        raise StreamError(f"the stream changes its sample rate: {sorted(rates)}")
    return torch.cat([chunk.samples.float() for chunk in chunks]), rates.pop()


def first_sound(samples: Tensor, silence_dbfs: float) -> int | None:
    """Return the index of the first of samples [T] at or above a level re full scale, or None."""
    loud = (samples.abs() >= 10.0 ** (silence_dbfs / 20.0)).nonzero()
    return int(loud[0]) if len(loud) else None


def difference(streamed: Audio, offline: Audio) -> float | None:
    """Return the largest absolute difference of samples; None where rate or length differ.

    `offline` comes from a 16-bit file, whose rounding alone makes up to 1.6e-5.
    """
    one, two = streamed.samples, offline.samples
    if streamed.sample_rate != offline.sample_rate or one.shape != two.shape:
        return None
    written = one.clamp(-1.0, 32767.0 / 32768.0)  # as 16-bit files hold it
    return float((written - two).abs().max())


def _ms(seconds: float) -> float:
    return round(1e3 * seconds, 6)
