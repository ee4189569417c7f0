"""The third stage: metrics, as pure functions of the evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from xtts_lab.experiment.judging import Need
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.stream import streamed_of
from xtts_lab.experiment.synthesise import timings_of
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.metric_use import MetricUse
from xtts_lab.statistics.pooled import Pool
from xtts_lab.types import Evidence

Row = dict[str, Any]
Voice = tuple[str, str, str | None, str]


def score(
    plan: Plan,
    needs: Sequence[Need],
    trials: Journal,
    evidence: Journal,
    streams: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Row]:
    """Return one row per unit (trial, or group of repeats) and metric id, in plan order.

    A metric that does not apply to a unit has no row; one whose evidence failed has a row without
    a value, and the error in `detail`. `streams` are the latency driver's records, by trial.
    """
    by_trial: dict[str, list[Need]] = {}
    for need in needs:
        by_trial.setdefault(need.trial_id, []).append(need)
    gather = _Gatherer(by_trial, trials, evidence, streams or {})
    groups = list(_groups(plan, trials))
    deterministic = _deterministic_arms(groups, trials)
    by_voice: dict[Voice, list[list[Trial]]] = {}
    for group in groups:
        by_voice.setdefault(_voice(group), []).append(group)
    rows: list[Row] = []
    for group in groups:
        others = [trial for text in by_voice[_voice(group)] if text is not group for trial in text]
        for use in plan.metrics:
            if group[0].arm.id in deterministic and use.skips_deterministic:
                continue
            units = [group] if use.metric.level == "repeats" else [[trial] for trial in group]
            for unit in units:
                rows += _score_unit(use, unit, others, gather)
    return rows


def _groups(plan: Plan, trials: Journal) -> Iterator[list[Trial]]:
    """Yield the repeats of each (arm, utterance) that have audio."""
    groups: dict[tuple[str, str], list[Trial]] = {}
    for trial in plan.trials:
        record = trials.get(trial.id)
        if record is not None and record["status"] == "ok":
            groups.setdefault((trial.arm.id, trial.item.utterance.id), []).append(trial)
    yield from groups.values()


def _voice(group: Sequence[Trial]) -> Voice:
    """Name who speaks: arm, language of text and of reference, speaker."""
    trial, said = group[0], group[0].item.utterance
    return trial.arm.id, said.language, trial.item.reference_language, said.speaker


def _deterministic_arms(groups: Sequence[Sequence[Trial]], trials: Journal) -> set[str]:
    """Return the arms whose repeats, of which there are some, are the same bytes throughout."""
    same: dict[str, bool] = {}
    for group in groups:
        if len(group) > 1:
            contents = {(trials.get(trial.id) or {}).get("sha256") for trial in group}
            arm = group[0].arm.id
            same[arm] = same.get(arm, True) and len(contents) == 1
    return {arm for arm, constant in same.items() if constant}


def _score_unit(
    use: MetricUse, unit: Sequence[Trial], others: Sequence[Trial], gather: _Gatherer
) -> list[Row]:
    if not use.applies(unit[0].item.utterance):
        return []
    gathered = [gather(use, trial) for trial in unit]
    errors = [error for _, error in gathered if error]
    if errors:
        return [_row(unit[0], name, None, detail={"error": errors[0]}) for name in use.ids.values()]
    known = [found for found, _ in gathered]
    components = dict(use.metric.components(known))
    if not components:
        return []
    if hasattr(use.metric, "cross_text"):
        beside = [found for found, error in (gather(use, t) for t in others) if error is None]
        components.update(use.metric.cross_text(known, beside))
    ratios: Mapping[str, tuple[str, str]] = getattr(use.metric, "ratios", {})
    detail = use.metric.detail(known) if hasattr(use.metric, "detail") else {}
    rows = []
    for quantity, value in use.metric.values(components).items():
        above, below = ratios.get(quantity, ("", ""))
        parts = (components.get(above), components.get(below))
        pool = use.pool(quantity)
        kept = {} if pool is None else {"components": _counting(pool, components)}
        rows.append(_row(unit[0], use.ids[quantity], value, parts, {**detail, **kept}))
    return rows


def _counting(pool: Pool, components: Mapping[str, float]) -> dict[str, float]:
    return {name: part for name, part in components.items() if pool.merge(name) is not None}


class _Gatherer:
    """Evidence of trials for metrics, each gathered once."""

    def __init__(
        self,
        needs: Mapping[str, Sequence[Need]],
        trials: Journal,
        evidence: Journal,
        streams: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._needs, self._trials, self._evidence = needs, trials, evidence
        self._streams = streams
        self._known: dict[tuple[int, str], tuple[Evidence, str | None]] = {}

    def __call__(self, use: MetricUse, trial: Trial) -> tuple[Evidence, str | None]:
        key = (id(use), trial.id)
        if key not in self._known:
            needs = self._needs.get(trial.id, ())
            found, error = _evidence(use, trial, needs, self._trials, self._evidence)
            streamed = self._streams.get(trial.id) if use.streaming else None
            if streamed is not None and streamed["error"] is None:
                found = replace(found, stream=streamed_of(streamed))
            elif streamed is not None:
                error = error or streamed["error"]
            self._known[key] = found, error
        return self._known[key]


def _evidence(
    use: MetricUse, trial: Trial, needs: Sequence[Need], trials: Journal, evidence: Journal
) -> tuple[Evidence, str | None]:
    """Return the evidence, and the error of the instrument that failed on the trial's own audio.

    A clip in another role that an instrument cannot use is left out here, and the output of one of
    the metric's `optional` instruments is None; both stand in the failures of the run.
    """
    outputs: dict[str, Any] = {need: [] for need in use.metric.needs if ":" in need}
    speakers: dict[str, list[str]] = {name: [] for name in outputs if name.endswith(":impostors")}
    error: str | None = None
    for need in needs:
        name = need.instrument if need.role == "audio" else f"{need.instrument}:{need.role}"
        if name not in use.metric.needs:
            continue
        record = evidence.get(need.key) or {"error": "not measured", "output": None}
        if need.role == "audio":
            if name not in getattr(use.metric, "optional", ()):
                error = error or record["error"]
            outputs[name] = record["output"]
        elif record["error"] is None:
            outputs[name].append(record["output"])
            if name in speakers:
                speakers[name].append(trial.item.impostor_speakers[need.index])
    made = trials.get(trial.id) or {}
    found = Evidence(
        trial.item.utterance, made["duration_s"], timings_of(made), outputs, trial.repeat, speakers
    )
    return found, error


def _row(
    trial: Trial,
    metric: str,
    value: float | None,
    parts: tuple[float | None, float | None] = (None, None),
    detail: Mapping[str, Any] | None = None,
) -> Row:
    return {
        "trial_id": trial.id,
        "arm": trial.arm.id,
        "language": trial.item.utterance.language,
        "metric": metric,
        "value": value,
        "numerator": parts[0],
        "denominator": parts[1],
        "detail": json.dumps(detail or {}, ensure_ascii=False, sort_keys=True),
    }
