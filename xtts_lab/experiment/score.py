"""The third stage: metrics, as pure functions of the evidence."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from xtts_lab.experiment.judging import Need
from xtts_lab.experiment.metric_calls import MetricError, applies, compared, scored
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.stream import streamed_of
from xtts_lab.experiment.synthesise import timings_of
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.metric_use import MetricUse
from xtts_lab.types import Evidence, Loaded

Row = dict[str, Any]
METRIC_ERROR = "metric_error"
"""Key of a row, no column: what went wrong in the metric itself."""
Voice = tuple[str, str, str | None, str]


def score(
    plan: Plan,
    needs: Sequence[Need],
    trials: Journal,
    evidence: Journal,
    streams: Mapping[str, Mapping[str, Any]] | None = None,
    loads: Mapping[str, Sequence[Loaded]] | None = None,
    ready: Mapping[tuple[str, str], Sequence[Row]] | None = None,
) -> Iterator[Row]:
    """Yield one row per unit (trial, or group of repeats) and metric id, in plan order.

    A metric that does not apply to a unit has no row; one whose evidence failed has a row without
    a value, and the error in `detail`. Where the metric itself failed, that is under `METRIC_ERROR`
    too. `streams` are the latency driver's records, by trial, `loads` what the load driver saw;
    `ready`: rows that were made before (`workers.early`), by the metric's prefix and the trial.
    """
    ready = ready or {}
    by_trial: dict[str, list[Need]] = {}
    for need in needs:
        by_trial.setdefault(need.trial_id, []).append(need)
    gather = Gatherer(by_trial, trials, evidence, streams or {}, loads or {})
    groups = list(_groups(plan, trials))
    deterministic = _deterministic_arms(groups, trials)
    comparing = [use for use in plan.metrics if use.metric.compares_texts]
    beside = _compared(_asked(groups, comparing, deterministic), gather)
    for use, unit in _asked(groups, plan.metrics, deterministic):
        made = ready.get((use.prefix, unit[0].id))
        if made is not None:
            yield from made
            continue
        try:
            yield from score_unit(use, unit, beside.get((use.prefix, unit[0].id), {}), gather)
        except MetricError as error:
            for row in _without(use, unit, str(error)):
                yield {**row, METRIC_ERROR: str(error)}


def _asked(
    groups: Sequence[list[Trial]], uses: Sequence[MetricUse], deterministic: Collection[str]
) -> Iterator[tuple[MetricUse, list[Trial]]]:
    """Yield the units that metrics are asked for, in plan order; nothing is kept of them."""
    for group in groups:
        for use in uses:
            if group[0].arm.id in deterministic and use.metric.skips_deterministic:
                continue
            units = [group] if use.metric.level == "repeats" else [[trial] for trial in group]
            for unit in units:
                if use.applies(unit[0].item.utterance):
                    yield use, unit


def _compared(
    asked: Iterable[tuple[MetricUse, list[Trial]]], gather: Gatherer
) -> dict[tuple[str, str], Mapping[str, float] | MetricError]:
    """Return what compares units with all else that the same voice says: by metric, first trial.

    One call for each voice, so that a metric can do it in a time linear in the trials.
    """
    voices: dict[tuple[str, Voice], list[tuple[MetricUse, list[Trial]]]] = {}
    for use, unit in asked:
        voices.setdefault((use.prefix, _voice(unit)), []).append((use, unit))
    found: dict[tuple[str, str], Mapping[str, float] | MetricError] = {}
    for (prefix, _), entries in voices.items():
        use = entries[0][0]
        sound = {unit[0].id: _sound(use, unit, gather) for _, unit in entries}
        named = [first for first, evidence in sound.items() if evidence]
        try:
            sums = compared(use, [sound[first] for first in named])
        except MetricError as error:
            found |= dict.fromkeys([(prefix, first) for first in named], error)
        else:
            found |= {(prefix, first): one for first, one in zip(named, sums, strict=True)}
    return found


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


def score_unit(
    use: MetricUse,
    unit: Sequence[Trial],
    beside: Mapping[str, float] | MetricError,
    gather: Gatherer,
) -> list[Row]:
    """Return a unit's rows; none where the metric does not apply to it. Raises `MetricError`.

    `beside`: what compares it with others.
    """
    if not applies(use, unit[0].item.utterance):
        return []
    gathered = [gather(use, trial) for trial in unit]
    errors = [error for _, error in gathered if error]
    if errors:
        return _without(use, unit, errors[0])
    if isinstance(beside, MetricError):
        raise beside
    found = scored(use, [evidence for evidence, _ in gathered], beside)
    return [_row(unit[0], use.ids[one.quantity], one.value, one.parts, one.detail) for one in found]


def _without(use: MetricUse, unit: Sequence[Trial], error: str) -> list[Row]:
    """Return the rows of a unit that has no values."""
    return [_row(unit[0], name, None, detail={"error": error}) for name in use.ids.values()]


def _sound(use: MetricUse, unit: Sequence[Trial], gather: Gatherer) -> list[Evidence]:
    return [found for found, error in (gather(use, trial) for trial in unit) if error is None]


class Gatherer:
    """Evidence of trials for metrics; none of it is kept, for there may be a million."""

    def __init__(
        self,
        needs: Mapping[str, Sequence[Need]],
        trials: Journal,
        evidence: Journal,
        streams: Mapping[str, Mapping[str, Any]],
        loads: Mapping[str, Sequence[Loaded]],
    ) -> None:
        self._needs, self._trials, self._evidence = needs, trials, evidence
        self._streams, self._loads = streams, loads

    def __call__(self, use: MetricUse, trial: Trial) -> tuple[Evidence, str | None]:
        needs = self._needs.get(trial.id, ())
        found, error = _evidence(use, trial, needs, self._trials, self._evidence)
        streamed = self._streams.get(trial.id) if use.metric.streaming else None
        if streamed is not None and streamed["error"] is None:
            found = replace(found, stream=streamed_of(streamed))
        elif streamed is not None:
            error = error or streamed["error"]
        if use.metric.loading:
            found = replace(found, loads=tuple(self._loads.get(trial.id, ())))
        return found, error


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
        name = need.name
        if name not in use.metric.needs:
            continue
        record = evidence.get(need.key) or {"error": "not measured", "output": None}
        if need.role == "audio":
            if name not in use.metric.optional:
                error = error or need.own(record["error"])
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
