"""The third stage: metrics, as pure functions of the evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xtts_lab.experiment.journal import Journal
from xtts_lab.experiment.measure import Need
from xtts_lab.experiment.metric_use import MetricUse
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.synthesise import timings_of
from xtts_lab.types import Evidence

Row = dict[str, Any]


def score(plan: Plan, needs: Sequence[Need], trials: Journal, evidence: Journal) -> list[Row]:
    """Return one row per unit (trial, or group of repeats) and metric id, in plan order.

    A metric that does not apply to a unit has no row; one whose evidence failed has a row without
    a value, and the error in `detail`.
    """
    by_trial: dict[str, list[Need]] = {}
    for need in needs:
        by_trial.setdefault(need.trial_id, []).append(need)
    rows: list[Row] = []
    for group in _groups(plan, trials):
        for use in plan.metrics:
            units = [group] if use.metric.level == "repeats" else [[trial] for trial in group]
            for unit in units:
                rows += _score_unit(use, unit, by_trial, trials, evidence)
    return rows


def _groups(plan: Plan, trials: Journal) -> Iterator[list[Trial]]:
    """Yield the repeats of each (arm, utterance) that have audio."""
    groups: dict[tuple[str, str], list[Trial]] = {}
    for trial in plan.trials:
        record = trials.get(trial.id)
        if record is not None and record["status"] == "ok":
            groups.setdefault((trial.arm.id, trial.item.utterance.id), []).append(trial)
    yield from groups.values()


def _score_unit(
    use: MetricUse,
    unit: Sequence[Trial],
    needs: Mapping[str, Sequence[Need]],
    trials: Journal,
    evidence: Journal,
) -> list[Row]:
    if not use.applies(unit[0].item.utterance):
        return []
    gathered = [_evidence(use, trial, needs.get(trial.id, ()), trials, evidence) for trial in unit]
    errors = [error for _, error in gathered if error]
    if errors:
        return [_row(unit[0], name, None, detail={"error": errors[0]}) for name in use.ids.values()]
    known = [found for found, _ in gathered]
    components = dict(use.metric.components(known))
    if not components:
        return []
    ratios: Mapping[str, tuple[str, str]] = getattr(use.metric, "ratios", {})
    detail = use.metric.detail(known) if hasattr(use.metric, "detail") else {}
    rows = []
    for quantity, value in use.metric.values(components).items():
        above, below = ratios.get(quantity, ("", ""))
        parts = (components.get(above), components.get(below))
        rows.append(_row(unit[0], use.ids[quantity], value, parts, {**detail}))
    return rows


def _evidence(
    use: MetricUse, trial: Trial, needs: Sequence[Need], trials: Journal, evidence: Journal
) -> tuple[Evidence, str | None]:
    """Return the evidence, and the error of the instrument that failed on the trial's own audio.

    A clip in another role that an instrument cannot use is left out here; it stands in the
    failures of the run.
    """
    outputs: dict[str, Any] = {need: [] for need in use.metric.needs if ":" in need}
    error: str | None = None
    for need in needs:
        name = need.instrument if need.role == "audio" else f"{need.instrument}:{need.role}"
        if name not in use.metric.needs:
            continue
        record = evidence.get(need.key) or {"error": "not measured", "output": None}
        if need.role == "audio":
            error = error or record["error"]
            outputs[name] = record["output"]
        elif record["error"] is None:
            outputs[name].append(record["output"])
    made = trials.get(trial.id) or {}
    found = Evidence(
        trial.item.utterance, made["duration_s"], timings_of(made), outputs, trial.repeat
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
