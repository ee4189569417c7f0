"""The second stage: every instrument's output on the audio that metrics need, once per audio."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from xtts_lab.experiment.estimate import remember
from xtts_lab.experiment.judging import Batch, Need, alike_together, uses_language
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.progress import track
from xtts_lab.experiment.workers.examining import prepare_instrument
from xtts_lab.experiment.workers.pool import Workers, chunks
from xtts_lab.experiment.workers.tasks import Logs
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.keys import EvidenceContent, evidence_key
from xtts_lab.runs.shared import Cache
from xtts_lab.runs.store import RunFolder
from xtts_lab.types import Clip

TOGETHER = 256
"""Clips of a task at most: some batches of a judge on a GPU."""


class Needs:
    """What the metrics need of trials that have audio. Keys that trials share are hashed once."""

    def __init__(self, plan: Plan, folder: RunFolder, trials: Journal) -> None:
        self._plan, self._folder, self._trials = plan, folder, trials
        specs = plan.experiment.spec.instruments
        self._told = {key: uses_language(spec) for key, spec in specs.items()}
        self._keys: dict[tuple[str, str, str | None], str] = {}
        self._found: dict[str, tuple[str, list[Need]]] = {}  # by trial: its audio, and what of it

    def of(self, trials: Iterable[Trial]) -> list[Need]:
        """Return all outputs that the metrics need of those that have audio, in order."""
        found: list[Need] = []
        for trial in trials:
            record = self._trials.get(trial.id)
            if record is not None and record["status"] == "ok":
                found += self._of(trial, record["sha256"])
        return found

    def _of(self, trial: Trial, audio: str) -> list[Need]:
        known, found = self._found.get(trial.id, ("", []))
        if known == audio:
            return found
        found = []
        own = (self._folder.path / trial.audio, audio)
        for instrument, role in _entries(self._plan, trial):
            clips = [own] if role == "audio" else self._clips(trial, role)
            language = _language(trial, role) if self._told[instrument] else None
            for index, (path, sha256) in enumerate(clips):
                key = self._key(sha256, instrument, language)
                clip = Clip(path, language)
                found.append(Need(key, trial.id, instrument, role, index, clip, sha256))
        if found:
            self._found[trial.id] = (audio, found)
        return found

    def _clips(self, trial: Trial, role: str) -> list[tuple[Path, str]]:
        return [(path, self._plan.hashes(path)) for path in clips_of(trial, role)]

    def _key(self, sha256: str, instrument: str, language: str | None) -> str:
        of = (sha256, instrument, language)
        if of not in self._keys:
            judge = self._plan.instruments[instrument]
            self._keys[of] = evidence_key(EvidenceContent(sha256, judge, language))
        return self._keys[of]


def needs_of(plan: Plan, folder: RunFolder, trials: Journal) -> list[Need]:
    """Return all outputs that the metrics need of the trials that have audio, in plan order."""
    return Needs(plan, folder, trials).of(plan.trials)


def clips_of(trial: Trial, role: str) -> tuple[Path, ...]:
    """Return the clips in a role of a trial's utterance."""
    said = trial.item.utterance
    if role == "references":
        return tuple(reference.audio for reference in said.references)
    if role == "target":
        return (said.target,) if said.target is not None else ()
    return trial.item.impostors if role == "impostors" else said.enrolment


def _entries(plan: Plan, trial: Trial) -> list[tuple[str, str]]:
    entries: dict[tuple[str, str], None] = {}
    for use in plan.metrics:
        if use.applies(trial.item.utterance):
            for need in use.metric.needs:
                instrument, _, role = need.partition(":")
                entries[instrument, role or "audio"] = None
    return list(entries)


def _language(trial: Trial, role: str) -> str | None:
    if role == "references":
        return trial.item.reference_language
    return trial.item.utterance.language


def measure(
    plan: Plan,
    needs: Sequence[Need],
    logs: Logs,
    cache: Cache,
    team: Workers,
    tried: Container[str] = (),
) -> int:
    """Take the measurements that are missing; return how many were taken, or `tried` before."""
    journal = logs.ended
    missing: dict[str, Need] = {}
    unique: dict[str, Need] = {}  # trials share most of what they are compared with
    for need in needs:
        unique.setdefault(need.key, need)
    for need in unique.values():
        known = journal.get(need.key)
        if need.key in tried:
            missing[need.key] = need
        elif known is None or known["error"] is not None:
            cached = cache.get("evidence", need.key)
            if cached is not None:
                journal.append(cached)
            else:
                missing[need.key] = need
    for instrument in plan.instruments:
        asked = [need for need in missing.values() if need.instrument == instrument]
        wanted = [need for need in asked if need.key not in tried]
        if wanted:
            mean_s = _measured(plan, instrument, wanted, logs, team)
            remember(cache, plan.instruments[instrument], mean_s)
    # Now that all instruments have ended, and are known to have given one result a clip.
    for need in unique.values():
        record = journal.get(need.key)
        if record is None or record["error"] is not None:
            continue
        # What the cache holds of the missing, if anything, is damaged.
        if need.key in missing or not cache.has("evidence", need.key):
            cache.put("evidence", need.key, record)
    return len(missing)


def _measured(
    plan: Plan, instrument: str, wanted: Sequence[Need], logs: Logs, team: Workers
) -> float:
    """Take an instrument's measurements; return the mean seconds of one."""
    spec = plan.experiment.spec.instruments[instrument]
    parts = chunks(alike_together(wanted), team.count, most=TOGETHER)
    tasks = [Batch(instrument, spec, plan.device, part) for part in parts]
    prepare_instrument(plan.experiment.host, spec)
    start = time.perf_counter()
    made = team.records(tasks, child=logs.need_child(tasks, plan.experiment.host))
    for _ in track(logs.keep(made), f"measure {instrument}", len(wanted)):
        pass
    return (time.perf_counter() - start) / len(wanted)
