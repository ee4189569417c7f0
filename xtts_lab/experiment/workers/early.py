"""Scores made while workers judge: what is left at the end is what the last judges said.

A trial's score needs nothing but its own evidence, and whoever collects what workers say has time.
The rows are those that `score` would make; where what was said is said otherwise later, none of
them counts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from xtts_lab.experiment.measure import Needs
from xtts_lab.experiment.metric_calls import MetricError
from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.experiment.score import Gatherer, Row, score_unit
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.metric_use import MetricUse

MOST_ROWS = 200_000
"""Rows that are expected at most: some 100 MB. Those of more trials are made at the end."""


@dataclass(eq=False)
class _Unit:
    """A score to be: `missing` counts the outputs that are yet to come."""

    use: MetricUse
    trial: Trial
    missing: int


class Early:
    """Rows of trials by (prefix of the metric, trial), made as soon as their evidence is there."""

    def __init__(self, plan: Plan, needs: Needs, trials: Journal, evidence: Journal) -> None:
        host = plan.experiment.host
        self._uses = [
            use
            for use in plan.metrics
            if use.metric.level == "trial"
            and not (use.metric.compares_texts or use.metric.streaming or use.metric.loading)
            and not host.apart("metrics", use.spec)
        ]
        self._needs, self._trials, self._evidence = needs, trials, evidence
        self._waiting: dict[str, list[_Unit]] = defaultdict(list)  # by key of an output
        self._rows = 0
        self.ready: dict[tuple[str, str], list[Row]] = {}

    def ended(self, trial: Trial) -> None:
        """Expect what judges will say of a trial that has audio."""
        by_name: dict[str, list[str]] = defaultdict(list)
        for need in self._needs.of([trial]):
            by_name[need.name].append(need.key)
        for use in self._uses if by_name else ():
            if self._rows >= MOST_ROWS or not use.applies(trial.item.utterance):
                continue
            self._rows += len(use.ids)
            wanted = {key for name in use.metric.needs for key in by_name.get(name, ())}
            missing = [key for key in wanted if not self._is_known(key)]
            unit = _Unit(use, trial, len(missing))
            for key in missing:
                self._waiting[key].append(unit)
            if not missing:
                self._score(unit)

    def heard(self, key: str, *, failed: bool) -> None:
        """Score what only waited for an output; what failed is said at the end."""
        for unit in self._waiting.pop(key, ()):
            unit.missing -= 1
            if unit.missing == 0 and not failed:
                self._score(unit)

    def void(self) -> None:
        """Forget everything: what was taken for an end was none."""
        self._uses = []
        self._waiting.clear()
        self.ready.clear()

    def _is_known(self, key: str) -> bool:
        return key in self._evidence and (self._evidence.get(key) or {"error": ""})["error"] is None

    def _score(self, unit: _Unit) -> None:
        trial = unit.trial
        needs = {trial.id: self._needs.of([trial])}
        try:
            rows = score_unit(
                unit.use, [trial], {}, Gatherer(needs, self._trials, self._evidence, {}, {})
            )
        except MetricError:  # raised again at the end, and said then
            return
        self.ready[unit.use.prefix, trial.id] = rows
