"""Naturalness as a predictor of mean opinion scores hears it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xtts_lab.metrics.base import BaseMetric, Bounds
from xtts_lab.types import Direction, Evidence, Json


class Naturalness(BaseMetric):
    """Mean predicted opinion score, 1 to 5, of any instrument whose output has `mos` or `ovrl`.

    The predictor stands in the id (`naturalness.dnsmos`): scores of different predictors cannot be
    compared, and none of them replaces listeners. Components: `mos`, the sum; `n`.
    """

    directions: Mapping[str, Direction] = {"": "higher"}
    units: Mapping[str, str] = {"": "MOS"}
    bounds: Mapping[str, Bounds] = {"": (1.0, 5.0)}
    ratios: Mapping[str, tuple[str, str]] = {"": ("mos", "n")}

    def __init__(self, *, predictor: str = "dnsmos") -> None:
        self.instrument: str = predictor
        self.needs = (predictor,)

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return the sum of the scores, and how many."""
        scores = [self._score(trial) for trial in trials]
        return {"mos": float(sum(scores)), "n": float(len(scores))} if scores else {}

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the mean score."""
        return {"": sums["mos"] / sums["n"]}

    def detail(self, trials: Sequence[Evidence]) -> Mapping[str, Json]:
        """Return everything that the predictor said of one trial."""
        (trial,) = trials
        return dict(trial.outputs[self.instrument])

    def _score(self, trial: Evidence) -> float:
        output = trial.outputs[self.instrument]
        return float(output["mos"] if "mos" in output else output["ovrl"])
