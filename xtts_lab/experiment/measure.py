"""The second stage: every instrument's output on the audio that metrics need, once per audio."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from xtts_lab.experiment.estimate import remember
from xtts_lab.experiment.judging import Batch, Need, uses_language
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

_TOGETHER = 256
"""Clips of a task at most: some batches of a judge on a GPU."""


def needs_of(plan: Plan, folder: RunFolder, trials: Journal) -> list[Need]:
    """Return all outputs that the metrics need of the trials that have audio, in plan order."""
    specs = plan.experiment.spec.instruments
    told = {key: uses_language(spec) for key, spec in specs.items()}
    keys: dict[tuple[str, str, str | None], str] = {}  # trials share all clips but their own
    found: list[Need] = []
    for trial in plan.trials:
        record = trials.get(trial.id)
        if record is None or record["status"] != "ok":
            continue
        own = (folder.path / trial.audio, record["sha256"])
        for instrument, role in _entries(plan, trial):
            clips = (
                [own] if role == "audio" else [(p, plan.hashes(p)) for p in clips_of(trial, role)]
            )
            language = _language(trial, role) if told[instrument] else None
            for index, (path, sha256) in enumerate(clips):
                of = (sha256, instrument, language)
                if of not in keys:
                    judge = plan.instruments[instrument]
                    keys[of] = evidence_key(EvidenceContent(sha256, judge, language))
                clip = Clip(path, language)
                found.append(Need(keys[of], trial.id, instrument, role, index, clip, sha256))
    return found


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
) -> int:
    """Take the measurements that are missing; return how many were taken."""
    journal = logs.ended
    missing: dict[str, Need] = {}
    for need in needs:
        known = journal.get(need.key)
        if (known is None or known["error"] is not None) and need.key not in missing:
            cached = cache.get("evidence", need.key)
            if cached is not None:
                journal.append(cached)
            else:
                missing[need.key] = need
    for instrument in plan.instruments:
        wanted = [need for need in missing.values() if need.instrument == instrument]
        if wanted:
            mean_s = _measured(plan, instrument, wanted, logs, team)
            remember(cache, plan.instruments[instrument], mean_s)
    # Now that all instruments have ended, and are known to have given one result a clip.
    for need in needs:
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
    parts = chunks(wanted, team.count, most=_TOGETHER)
    tasks = [Batch(instrument, spec, plan.device, part) for part in parts]
    prepare_instrument(plan.experiment.host, spec)
    start = time.perf_counter()
    made = team.records(tasks, child=logs.need_child(tasks, plan.experiment.host))
    for _ in track(logs.keep(made), f"measure {instrument}", len(wanted)):
        pass
    return (time.perf_counter() - start) / len(wanted)
