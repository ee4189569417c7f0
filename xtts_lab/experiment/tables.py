"""The tables of a run folder, as frames with fixed columns and types."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from xtts_lab import files
from xtts_lab.conditions import ALL
from xtts_lab.experiment.arm_facts import ArmFacts
from xtts_lab.experiment.judging import Need
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.score import METRIC_ERROR
from xtts_lab.experiment.timing.timed import Timed
from xtts_lab.runs import schema
from xtts_lab.runs import trial_details as details
from xtts_lab.runs.csv_cells import neutralise
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.schema import Table
from xtts_lab.types import Loaded

_BLOCK = 20_000
"""Rows that are Python objects at a time; what is made of them is a tenth as large."""


def frame(rows: Iterable[Mapping[str, Any]], table: Table) -> pd.DataFrame:
    """Return rows as a frame with exactly the columns and types of a table."""
    rest = iter(rows)
    blocks = []
    while block := list(itertools.islice(rest, _BLOCK)):
        data = pd.DataFrame(block, columns=list(table.columns))
        blocks.append(data.astype(dict(table.columns)))
    if not blocks:
        return pd.DataFrame([], columns=list(table.columns)).astype(dict(table.columns))
    return blocks[0] if len(blocks) == 1 else pd.concat(blocks, ignore_index=True)


def trials_frame(plan: Plan, trials: Journal) -> pd.DataFrame:
    """Return one row per planned trial, in plan order."""
    rows = (_trial_row(t, plan.facts[t.arm.id], trials.get(t.id) or {}) for t in plan.trials)
    return frame(rows, schema.TRIALS)


def _trial_row(trial: Trial, facts: ArmFacts, record: Mapping[str, Any]) -> dict[str, Any]:
    said = trial.item.utterance
    source = trial.item.reference_text_source
    texts = [reference.text for reference in said.references]
    ok = record.get("status") == "ok"
    return {
        "trial_id": trial.id,
        "arm": trial.arm.id,
        "system": trial.arm.system,
        "language": said.language,
        "utterance_id": said.id,
        "text": said.text,
        "spoken": said.spoken,
        "speaker": said.speaker,
        "references": json.dumps([r.audio.name for r in said.references]),
        "reference_language": trial.item.reference_language,
        "enrolment": json.dumps([p.name for p in said.enrolment]),
        "repeat": trial.repeat,
        "seed": trial.seed,
        "audio_path": trial.audio if ok else None,
        "audio_sha256": record.get("sha256"),
        "duration_s": record.get("duration_s"),
        "synthesis_s": record.get("synthesis_s"),
        "stop": record.get("stop"),
        "weights_random": facts.weights_random,
        "untrained": bool(facts.untrained),
        **details.columns_of(record),
        "reference_text": json.dumps(texts, ensure_ascii=False) if source else None,
        "reference_text_source": source,
        "status": record.get("status", "failed"),
        "error": record.get("error"),
    }


def timings_frame(plan: Plan, trials: Journal) -> pd.DataFrame:
    """Return the timings of this run; empty cells where audio came from the cache."""
    rows = (
        {"trial_id": t.id, **((trials.get(t.id) or {}).get("timings") or {})} for t in plan.trials
    )
    return frame(rows, schema.TIMINGS)


def latency_frame(plan: Plan, streams: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return what the latency driver saw, one row a streamed trial; a chunk an entry of a list."""
    arm_of = {trial.id: trial.arm.id for trial in plan.trials}
    rows = []
    for trial_id, record in streams.items():
        lists = {n: json.dumps(record[n]) for n in ("arrivals_ms", "durations_ms") if n in record}
        rows.append({**record, **lists, "trial_id": trial_id, "arm": arm_of[trial_id]})
    return frame(rows, schema.LATENCY)


def load_frame(plan: Plan, loads: Mapping[str, Sequence[Loaded]]) -> pd.DataFrame:
    """Return what the load driver saw, one row a trial and rate; a chunk an entry of a list."""
    rows = []
    for trial in plan.trials:
        for load in loads.get(trial.id, ()):
            lists = {n: json.dumps(getattr(load, n)) for n in ("arrivals_ms", "durations_ms")}
            rows.append({**asdict(load), **lists, "trial_id": trial.id, "arm": trial.arm.id})
    return frame(rows, schema.LOAD)


def evidence_frame(needs: Sequence[Need], evidence: Journal) -> pd.DataFrame:
    """Return every output once per trial (its own audio), and once per clip in other roles."""
    return frame(_evidence_rows(needs, evidence), schema.EVIDENCE)


def _evidence_rows(needs: Sequence[Need], evidence: Journal) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for need in needs:
        own = need.role == "audio"
        if not own and need.key in seen:
            continue
        seen.add(need.key)
        record = evidence.get(need.key) or {}
        output = record.get("output")
        yield {
            "key": need.key,
            "instrument": need.instrument,
            "role": "audio" if own else "clip",
            "trial_id": need.trial_id if own else None,
            "clip": need.clip.path.name,
            "audio_sha256": need.sha256,
            "output": None if output is None else json.dumps(output, ensure_ascii=False),
            "error": need.own(record.get("error")),
        }


def failures_frame(
    plan: Plan,
    needs: Sequence[Need],
    trials: Journal,
    evidence: Journal,
    timed: Timed,
    scores: Iterable[Mapping[str, Any]] = (),
    unpooled: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return everything that failed, in plan order: no trial and no clip is dropped silently.

    `scores`: at least the rows with a `METRIC_ERROR`. `unpooled`: metric ids that have scores and
    no figures, and why.
    """
    failed = [*_failed_trials(plan, trials), *_failed_needs(plan, needs, evidence)]
    for trial in plan.trials:
        error = timed.streams.get(trial.id, {}).get("error")
        failed += [] if error is None else [_failure(trial, "latency", error)]
        for load in timed.loads.get(trial.id, ()):
            if load.error is not None:
                failed.append(_failure(trial, f"load {load.rate:g}/s", load.error))
    failed += _failed_scores(plan, scores)
    blank = {"trial_id": "", "arm": ALL, "language": ALL, "utterance_id": ""}
    for metric, error in (unpooled or {}).items():
        failed.append({**blank, "stage": f"summarise {metric}", "error": error})
    return frame(failed, schema.FAILURES)


def _failed_scores(plan: Plan, scores: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield where a metric itself failed: once a unit, whatever the number of its quantities."""
    failed: dict[str, dict[str, None]] = {}
    for row in scores:
        if METRIC_ERROR in row:
            failed.setdefault(row["trial_id"], {})[row[METRIC_ERROR]] = None
    for trial in plan.trials if failed else ():
        yield from (_failure(trial, "score", error) for error in failed.get(trial.id, ()))


def _failed_trials(plan: Plan, trials: Journal) -> Iterator[dict[str, Any]]:
    for trial in plan.trials:
        record = trials.get(trial.id) or {"status": "failed", "error": "not synthesised"}
        if record["status"] != "ok":
            yield _failure(trial, "synthesise", record["error"])


def _failed_needs(plan: Plan, needs: Sequence[Need], evidence: Journal) -> Iterator[dict[str, Any]]:
    trial_of = {trial.id: trial for trial in plan.trials}
    seen: set[str] = set()
    for need in needs:
        error = (evidence.get(need.key) or {"error": "not measured"})["error"]
        own = need.role == "audio"
        if error is None or (not own and need.key in seen):
            continue
        seen.add(need.key)
        what = need.instrument if own else f"{need.instrument} ({need.role})"
        yield _failure(trial_of[need.trial_id], f"measure {what}", str(need.own(error)))


def _failure(trial: Trial, stage: str, error: str) -> dict[str, Any]:
    said = trial.item.utterance
    return {
        "trial_id": trial.id,
        "arm": trial.arm.id,
        "language": said.language,
        "utterance_id": said.id,
        "stage": stage,
        "error": error,
    }


def write_parquet(path: Path, data: pd.DataFrame) -> None:
    """Write a frame as parquet, atomically; equal frames give equal bytes."""
    # As bytes: pyarrow cannot open a path that the locale cannot write.
    files.write_bytes(path, data.to_parquet(index=False, compression="zstd"))


def write_csv(path: Path, data: pd.DataFrame) -> None:
    """Write a frame as CSV, atomically; floats and, by `csv_cells`, texts round-trip."""
    safe = neutralise(data)
    files.write_with(path, lambda p: safe.to_csv(p, index=False, lineterminator="\n"))
