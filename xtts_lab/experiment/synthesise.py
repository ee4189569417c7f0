"""The first stage: every trial's audio. A failed trial is recorded, and the run goes on."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtts_lab import audio, files
from xtts_lab.experiment.construction import construct, describe
from xtts_lab.experiment.estimate import remember
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.pool import chunks, perform_all
from xtts_lab.experiment.progress import track
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.shared import Cache
from xtts_lab.runs.store import RunFolder
from xtts_lab.runs.trial_details import DetailError, checked
from xtts_lab.types import Failure, Request, Synthesis, Timings

Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One trial's work unit, independent of every other."""

    trial_id: str
    key: str
    request: Request
    destination: Path


@dataclass(frozen=True)
class Batch:
    """Jobs of one arm, for one process."""

    spec: Mapping[str, Any]
    device: str | None
    jobs: Sequence[Job]


def synthesise(
    plan: Plan, folder: RunFolder, journal: Journal, cache: Cache, workers: int
) -> tuple[int, int]:
    """Make the audio that is missing; return how many were synthesised, and found in the cache."""
    missing = [t for t in plan.trials if not _is_done(t, folder, journal)]
    wanted = [t for t in missing if not _from_cache(t, folder, journal, cache)]
    by_arm: dict[str, list[Trial]] = {}
    for trial in wanted:
        by_arm.setdefault(trial.arm.id, []).append(trial)
    batches = [
        batch for trials in by_arm.values() for batch in _batches(plan, trials, folder, workers)
    ]
    audio_of = {trial.id: folder.path / trial.audio for trial in wanted}
    records = perform_all(perform, batches, workers)
    for record in track(records, "synthesise", len(wanted)):
        if record["status"] == "ok":
            kept = {**record, "timings": None, "synthesis_s": None}
            cache.put_audio(record["key"], audio_of[record["id"]], kept)
        journal.append(record)
    _remember_costs(plan, by_arm, journal, cache)
    return len(wanted), len(missing) - len(wanted)


def _remember_costs(
    plan: Plan, by_arm: Mapping[str, Sequence[Trial]], journal: Journal, cache: Cache
) -> None:
    for arm, trials in by_arm.items():
        records = [journal.get(trial.id) or {} for trial in trials]
        made = [record for record in records if record.get("status") == "ok"]
        if made:
            seconds = sum(record["synthesis_s"] for record in made) / len(made)
            size = sum(record["bytes"] for record in made) / len(made)
            remember(cache, plan.systems[arm], seconds, size)


def _is_done(trial: Trial, folder: RunFolder, journal: Journal) -> bool:
    record = journal.get(trial.id)
    if record is None or record["key"] != trial.key or record["status"] != "ok":
        return False
    return files.holds(folder.path / trial.audio, record["sha256"])


def _from_cache(trial: Trial, folder: RunFolder, journal: Journal, cache: Cache) -> bool:
    record = cache.get_audio(trial.key, folder.path / trial.audio)
    if record is None:
        return False
    known = journal.get(trial.id) or {}
    if (known.get("key"), known.get("sha256")) != (trial.key, record["sha256"]):
        journal.append({**record, "id": trial.id})
    return True  # where the same audio was lost, what was timed when it was made still holds


def _batches(
    plan: Plan, trials: Sequence[Trial], folder: RunFolder, workers: int
) -> Iterator[Batch]:
    jobs = [Job(t.id, t.key, t.request, folder.path / t.audio) for t in trials]
    for part in chunks(jobs, workers):
        yield Batch(trials[0].arm.spec, plan.device, part)


def perform(batch: Batch) -> Iterator[Record]:
    """Synthesise a batch and write its audio; yield one record per job, in order."""
    system = construct("systems", batch.spec, batch.device)
    pending = list(batch.jobs)
    try:
        while pending:
            # After an exception the system is asked again, for what is left.
            for record in _attempt(system, list(pending)):
                pending.pop(0)
                yield record
    finally:
        system.close()


def _attempt(system: Any, jobs: Sequence[Job]) -> Iterator[Record]:
    """Yield records until all jobs are done or the system raises, which fails one job."""
    results = iter(system.synthesise([job.request for job in jobs]))
    for job in jobs:
        start = time.perf_counter()
        try:
            result = next(results)
        except StopIteration:
            result = Failure("the system yielded no result")
        except Exception as error:  # whatever a system raises fails this trial only
            yield _failed(job, describe(error))
            return
        yield _record(job, result, time.perf_counter() - start)


def _record(job: Job, result: Synthesis | Failure, synthesis_s: float) -> Record:
    if isinstance(result, Failure):
        return _failed(job, result.error)
    try:
        details = checked(result.details)
        audio.save(job.destination, result.audio)
    except (DetailError, audio.AudioError) as error:
        return _failed(job, str(error))
    return {
        "id": job.trial_id,
        "key": job.key,
        "status": "ok",
        "error": None,
        "sha256": audio.sha256(job.destination),
        "bytes": job.destination.stat().st_size,
        "sample_rate": result.audio.sample_rate,
        "duration_s": round(result.audio.duration_s, 6),
        "stop": result.stop,
        "details": details,
        "synthesis_s": synthesis_s,
        "timings": dataclasses.asdict(result.timings),
    }


def _failed(job: Job, error: str) -> Record:
    return {"id": job.trial_id, "key": job.key, "status": "failed", "error": error}


def timings_of(record: Record) -> Timings:
    """Return a record's timings; all None where the audio came from the cache."""
    return Timings(**(record.get("timings") or {}))
