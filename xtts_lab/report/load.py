"""What a report knows: the tables of a run folder, typed, in the order of the experiment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from xtts_lab.errors import UsageError

_SUMMARY_NUMBERS = ("mean", "ci_low", "ci_high", "n", "failed", "skipped", "speakers", "sentences")
_COMPARISON_NUMBERS = (
    "difference", "ci_low", "ci_high", "p_value", "p_adjusted", "speakers", "sentences",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Run:
    """The content of a run folder."""

    path: Path
    experiment_text: str
    experiment: Mapping[str, Any]
    environment: Mapping[str, Any]
    trials: pd.DataFrame
    scores: pd.DataFrame
    evidence: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    failures: pd.DataFrame

    @cached_property
    def arms(self) -> list[str]:
        """Arms, in the order of the plan."""
        return [str(arm) for arm in self.trials["arm"].drop_duplicates()]

    @cached_property
    def languages(self) -> list[str]:
        """Languages, in the order of the plan."""
        return [str(language) for language in self.trials["language"].drop_duplicates()]

    @cached_property
    def metrics(self) -> list[str]:
        """Metric ids, in the order of the experiment."""
        return [str(metric) for metric in self.summary["metric"].drop_duplicates()]

    @cached_property
    def conditions(self) -> list[str]:
        """`monolingual`, `cross-lingual`, `no reference`: those that occur."""
        return sorted(str(c) for c in self.summary["condition"].drop_duplicates())

    @cached_property
    def random_arms(self) -> list[str]:
        """Arms whose weights are random: their figures say nothing about speech."""
        marked = set(self.trials.loc[self.trials["weights_random"].astype(bool), "arm"])
        return [arm for arm in self.arms if arm in marked]

    @cached_property
    def described(self) -> dict[str, tuple[str, str]]:
        """Metric id -> unit and direction."""
        rows = self.summary.drop_duplicates("metric")
        return {
            str(m): (str(u), str(d))
            for m, u, d in zip(rows["metric"], rows["unit"], rows["direction"], strict=True)
        }

    @cached_property
    def confidence(self) -> float:
        """Coverage that the intervals aim at."""
        return float((self.experiment.get("statistics") or {}).get("confidence", 0.95))


def load(run: Path) -> Run:
    """Read a run folder. Raises `UsageError` where it lacks a table or holds a broken one."""
    text = _text(run, "experiment.yaml")
    return Run(
        path=run,
        experiment_text=text,
        experiment=_mapping(run, "experiment.yaml", yaml.safe_load(text)),
        environment=_mapping(run, "environment.json", json.loads(_text(run, "environment.json"))),
        trials=_parquet(run, "trials.parquet"),
        scores=_parquet(run, "scores.parquet"),
        evidence=_parquet(run, "evidence.parquet"),
        summary=_csv(run, "summary.csv", _SUMMARY_NUMBERS),
        comparisons=_csv(run, "comparisons.csv", _COMPARISON_NUMBERS),
        failures=_csv(run, "failures.csv", ()),
    )


def _existing(run: Path, name: str) -> Path:
    path = run / name
    if not path.is_file():
        raise UsageError(f"{run}: holds no {name}; finish the run first (xtts-lab run ... --out)")
    return path


def _text(run: Path, name: str) -> str:
    return _existing(run, name).read_text(encoding="utf-8")


def _mapping(run: Path, name: str, content: object) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise UsageError(f"{run / name}: must hold a mapping; run the experiment again")
    return content


def _parquet(run: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(_existing(run, name))


def _csv(run: Path, name: str, numbers: tuple[str, ...]) -> pd.DataFrame:
    """Read a CSV; only `numbers` may be blank, so that an arm called `null` stays one."""
    table = pd.read_csv(_existing(run, name), dtype=str, keep_default_na=False)
    for column in table.columns.intersection(list(numbers)):
        table[column] = pd.to_numeric(table[column].replace("", None))
    return table
