"""The load driver: trials of an arm come at random times, at each rate, while the clock runs.

In this process, on all cores, with nothing beside it, as the latency driver. Voices are ready
beforehand. What came at a rate is one piece of work: each request is the others' load, so all of
them are timed again where one must be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtts_lab import audio
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.progress import track
from xtts_lab.experiment.stream import difference, first_sound, joined
from xtts_lab.experiment.timing.one_by_one import server_of
from xtts_lab.experiment.timing.open_loop import Served, arrivals_s, serve
from xtts_lab.experiment.workers.host import Host
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.pool import perform_all
from xtts_lab.experiment.workers.tasks import Logs, at_work
from xtts_lab.notices import describe, one_line
from xtts_lab.records import seal
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.keys import load_key
from xtts_lab.runs.store import RunFolder
from xtts_lab.types import Audio, Loaded, Loading, Reference, Request

Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """All that comes at a rate: trials by id, what each asks for, the audio it is known by."""

    id: str
    key: str
    rate: float
    trials: Sequence[tuple[str, Request, Path]]


@dataclass(frozen=True)
class Batch:
    """The rates of one arm."""

    spec: Mapping[str, Any]
    device: str | None
    jobs: Sequence[Job]
    asked: Loading
    kind: str = "systems"

    def failed(self, job: Job, error: str) -> Record:
        """Return the record of a load that could not be driven."""
        return {"id": job.id, "key": job.key, "error": one_line(error), "trials": {}}


def load_trials(
    plan: Plan, folder: RunFolder, trials: Journal, logs: Logs
) -> dict[str, list[Loaded]]:
    """Drive what a metric wants driven and is not in `logs`; return what is known, by trial.

    Only trials with audio, of arms that can stream. A load that could not be driven is known of
    each of its trials by its error, and is tried again in the next run.
    """
    asked = next((use.metric.loading for use in plan.metrics if use.metric.loading), None)
    if asked is None:
        return {}
    by_arm: dict[str, list[Trial]] = {}
    for trial in plan.trials:
        by_arm.setdefault(trial.arm.id, []).append(trial)
    found: dict[str, list[Loaded]] = {}
    for arm, own in by_arm.items():
        if not plan.facts[arm].streams:
            continue
        made = [t for t in own[: asked.trials] if (trials.get(t.id) or {}).get("status") == "ok"]
        if made:
            jobs = [_job(made, rate, folder, trials, asked) for rate in asked.rates]
            _drive(Batch(own[0].arm.spec, plan.device, jobs, asked), logs, plan.experiment.host)
            for job in jobs:
                _note(job, logs.ended.get(job.id) or {}, found)
    return found


def _job(
    own: Sequence[Trial], rate: float, folder: RunFolder, trials: Journal, asked: Loading
) -> Job:
    sounds = [(t.key, str((trials.get(t.id) or {}).get("sha256"))) for t in own]
    key = load_key(sounds, rate, asked)
    wanted = [(t.id, t.request, folder.path / t.audio) for t in own]
    return Job(f"{own[0].arm.id} at {rate:g}/s", key, rate, wanted)


def _drive(batch: Batch, logs: Logs, host: Host) -> None:
    missing = [job for job in batch.jobs if not _is_done(job, logs.ended)]
    if not missing:
        return
    batch = dataclasses.replace(batch, jobs=missing)
    made = perform_all(perform, [batch], 1, child=logs.need_child([batch], host))
    for _ in track(logs.keep(made), "load", len(missing)):
        pass


def _is_done(job: Job, journal: Journal) -> bool:
    record = journal.get(job.id)
    return record is not None and record["key"] == job.key and record["error"] is None


def _note(job: Job, record: Mapping[str, Any], found: dict[str, list[Loaded]]) -> None:
    for trial_id, _, _ in job.trials:
        said = (record.get("trials") or {}).get(trial_id)
        error = record.get("error") or "not driven"
        one = _unheard(job.rate, error) if said is None else loaded_of(said)
        found.setdefault(trial_id, []).append(one)


def loaded_of(record: Mapping[str, Any]) -> Loaded:
    """Return what a record says of a trial."""
    known = {field.name: record[field.name] for field in dataclasses.fields(Loaded)}
    known |= {name: tuple(known[name]) for name in ("arrivals_ms", "durations_ms")}
    return Loaded(**known)


def perform(batch: Batch, parts: Parts) -> Iterator[Record]:
    """Drive an arm's rates; yield that each begins, and its record."""
    for number, job in enumerate(batch.jobs):
        yield at_work(job)
        try:
            system = parts.get("systems", batch.spec, batch.device)
            yield _record(system, job, batch.asked, batch.asked.warmups if number == 0 else 0)
        except BaseException as error:
            if not parts.to_blame(error):
                raise
            yield batch.failed(job, describe(error))


def _record(system: Any, job: Job, asked: Loading, warmups: int) -> Record:
    voices = _Voices(system)
    wanted = [(request, voices(request.references)) for _, request, _ in job.trials]
    server = server_of(system, asked.streams)
    if warmups:
        count = max(warmups, 1)
        serve(server, [wanted[i % len(wanted)] for i in range(count)], [0.0] * count)
    due = arrivals_s(job.rate, len(wanted), asked.seed)
    served = serve(server, wanted, due)
    trials = {
        trial_id: dataclasses.asdict(loaded(job.rate, one, audio.load(offline), asked.silence_dbfs))
        for (trial_id, _, offline), one in zip(job.trials, served, strict=True)
    }
    record = {"id": job.id, "key": job.key, "error": None, "trials": trials}
    seal(record)  # raises for what cannot be recorded
    return record


class _Voices:
    """Voices ready beforehand, each prepared once."""

    def __init__(self, system: Any) -> None:
        self._system = system
        self._known: dict[tuple[Reference, ...], Any] = {}

    def __call__(self, references: tuple[Reference, ...]) -> Any:
        if references not in self._known:
            self._known[references] = self._system.prepare(references)
        return self._known[references]


def loaded(rate: float, one: Served, offline: Audio, silence_dbfs: float) -> Loaded:
    """Return what became of a request that came at a rate, beside its own audio."""
    if not one.chunks:
        return _unheard(rate, one.error or "the stream holds no samples")
    samples, sample_rate = joined(one.chunks)
    onset = first_sound(samples, silence_dbfs)
    return Loaded(
        rate=rate,
        arrivals_ms=tuple(round(1e3 * at, 6) for at in one.arrivals),
        durations_ms=tuple(round(1e3 * chunk.duration_s, 6) for chunk in one.chunks),
        sound_at_ms=None if onset is None else round(1e3 * onset / sample_rate, 6),
        difference=difference(Audio(samples, sample_rate), offline),
        error=one.error,
    )


def _unheard(rate: float, error: str) -> Loaded:
    return Loaded(rate, (), (), None, None, one_line(error))
