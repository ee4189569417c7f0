"""The first stage: every trial's audio. A failed trial is recorded, and the run goes on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, overload

from xtts_lab import audio, files, registry
from xtts_lab.experiment.estimate import remember
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.progress import track
from xtts_lab.experiment.workers.ahead import Ahead
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.pool import Workers, chunks
from xtts_lab.experiment.workers.tasks import Logs, work_through
from xtts_lab.notices import one_line
from xtts_lab.records import seal
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.shared import Cache
from xtts_lab.runs.store import RunFolder
from xtts_lab.runs.trial_details import DetailError, checked
from xtts_lab.types import Failure, Request, Synthesis, Timings

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One trial's work unit, independent of every other; its id is the trial's."""

    id: str
    key: str
    request: Request
    destination: Path


class Jobs(Sequence[Job]):
    """The jobs of trials, each made when it is asked for; in another process, a list."""

    def __init__(self, trials: Sequence[Trial], folder: Path) -> None:
        self._trials, self._folder = trials, folder

    def __len__(self) -> int:
        return len(self._trials)

    @overload
    def __getitem__(self, index: int) -> Job: ...

    @overload
    def __getitem__(self, index: slice) -> Jobs: ...

    def __getitem__(self, index: int | slice) -> Job | Jobs:
        if isinstance(index, slice):
            return Jobs(self._trials[index], self._folder)
        trial = self._trials[index]
        return Job(trial.id, trial.key, trial.request, self._folder / trial.audio)

    def __reduce__(self) -> tuple[type[list[Job]], tuple[list[Job]]]:
        return list, (list(self),)


@dataclass(frozen=True)
class Batch:
    """Jobs of one arm, for one process."""

    spec: Mapping[str, Any]
    device: str | None
    jobs: Sequence[Job]
    kind: str = "systems"

    def failed(self, job: Job, error: str) -> Record:
        """Return the record of a trial without audio."""
        return {"id": job.id, "key": job.key, "status": "failed", "error": one_line(error)}


def synthesise(
    plan: Plan,
    folder: RunFolder,
    logs: Logs,
    cache: Cache,
    team: Workers,
    ahead: Ahead | None = None,
) -> tuple[int, int]:
    """Make the audio that is missing; return how many were synthesised, and found in the cache.

    `ahead`: what workers do who have no more to speak.
    """
    journal = logs.ended
    missing = [t for t in plan.trials if not _is_done(t, folder, journal)]
    wanted = [t for t in missing if not _from_cache(t, folder, journal, cache)]
    by_arm: dict[str, list[Trial]] = {}
    for trial in wanted:
        by_arm.setdefault(trial.arm.id, []).append(trial)
    batches = [
        batch
        for trials in by_arm.values()
        for batch in _batches(plan, trials, folder, team.count, len(by_arm))
    ]
    child = logs.need_child(batches, plan.experiment.host)
    if ahead is None or child or not batches:
        made = team.records(batches, child=child)
        for _ in track(logs.keep(made), "synthesise", len(wanted)):
            pass
    else:
        _with_judges(ahead, team.records(batches, follow=ahead.more), wanted, plan, logs)
    fresh = {trial.id for trial in wanted}  # what the cache holds of these, if anything, is damaged
    for trial in plan.trials:
        if trial.id in fresh or not cache.has("audio", trial.key):
            _to_cache(trial, folder, journal, cache)
    _remember_costs(plan, by_arm, journal, cache)
    return len(wanted), len(missing) - len(wanted)


def _with_judges(
    ahead: Ahead, made: Iterator[Record], wanted: Sequence[Trial], plan: Plan, logs: Logs
) -> None:
    at_work = {trial.id for trial in wanted}
    before = [trial for trial in plan.trials if trial.id not in at_work]
    spoken = ahead.spoken(made, wanted, before)
    for _ in track(logs.keep(spoken), "synthesise", len(wanted)):
        pass
    for _ in track(ahead.rest(logs), "measure", ahead.left()):
        pass


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


def _to_cache(trial: Trial, folder: RunFolder, journal: Journal, cache: Cache) -> None:
    """Share what was made, once a system has ended: only then is known whose results are whose."""
    record = journal.get(trial.id) or {}
    if record.get("status") == "ok":
        kept = {**record, "timings": None, "synthesis_s": None}
        cache.put_audio(trial.key, folder.path / trial.audio, kept)


def _batches(
    plan: Plan, trials: Sequence[Trial], folder: RunFolder, workers: int, arms: int
) -> Iterator[Batch]:
    """Yield the tasks of one of so many arms."""
    jobs, arm = Jobs(trials, folder.path), trials[0].arm
    system = registry.lookup("systems", str(arm.speaks["name"]))
    together: int = system.at_a_time(arm.speaks, plan.systems[arm.id].device)
    for part in chunks(jobs, workers, least=least_of(len(jobs), together, workers, arms)):
        yield Batch(arm.spec, plan.device, part)


def least_of(jobs: int, together: int, workers: int, arms: int) -> int:
    """Return the least size of an arm's tasks: what its system does at once, if all have work."""
    shares = workers // math.gcd(workers, arms)  # of each arm, so that all workers get as many
    return min(together, -(-jobs // shares))


def perform(batch: Batch, parts: Parts) -> Iterator[Record]:
    """Synthesise a batch and write its audio; yield what `work_through` does."""
    return work_through(batch, batch.device, parts, _ask, partial(_record, batch))


def _ask(system: Any, jobs: Sequence[Job]) -> Iterator[Synthesis | Failure]:
    results: Iterator[Synthesis | Failure] = system.synthesise([job.request for job in jobs])
    return results


def _record(batch: Batch, job: Job, result: Synthesis | Failure, synthesis_s: float) -> Record:
    if isinstance(result, Failure):
        return batch.failed(job, result.error)
    try:
        details = checked(result.details)
        audio.save(job.destination, result.audio)
    except (DetailError, audio.AudioError) as error:
        return batch.failed(job, str(error))
    record = {
        "id": job.id,
        "key": job.key,
        "status": "ok",
        "error": None,
        "sha256": audio.sha256(job.destination),
        "bytes": job.destination.stat().st_size,
        "sample_rate": int(result.audio.sample_rate),
        "duration_s": round(result.audio.duration_s, 6),
        "stop": one_line(result.stop),
        "details": details,
        "synthesis_s": synthesis_s,
        "timings": dataclasses.asdict(result.timings),
    }
    seal(record)  # raises for what cannot be recorded, such as a timing that is NaN
    return record


def timings_of(record: Record) -> Timings:
    """Return a record's timings; all None where the audio came from the cache."""
    return Timings(**(record.get("timings") or {}))
