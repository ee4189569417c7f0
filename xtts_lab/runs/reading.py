"""A finished run folder as it is read back, to be compared with something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from xtts_lab.errors import UsageError
from xtts_lab.runs.metric_use import MetricUse, metric_uses
from xtts_lab.yaml_file import Document, Where


@dataclass(frozen=True, eq=False)
class RunTables:
    """What a run folder says about itself."""

    path: Path
    experiment: Mapping[str, Any]
    environment: Mapping[str, Any]
    trials: pd.DataFrame
    scores: pd.DataFrame
    summary: pd.DataFrame

    @property
    def arms(self) -> list[str]:
        """Arms, in the order of the plan."""
        return [str(arm) for arm in self.trials["arm"].drop_duplicates()]

    @property
    def uses(self) -> tuple[MetricUse, ...]:
        """The metrics of the run, constructed again from its resolved experiment."""
        document = Document(str(self.path / "experiment.yaml"), dict(self.experiment))
        return metric_uses(self.experiment.get("metrics") or [], Where(document))

    def judge(self, key: str) -> Mapping[str, Any]:
        """Return configuration and identity of an instrument, as far as they determine output."""
        written = (self.experiment.get("instruments") or {}).get(key) or {}
        stored = (self.environment.get("instruments") or {}).get(key) or {}
        known = {**written, **(stored.get("spec") or {}), **(stored.get("identity") or {})}
        return {name: value for name, value in known.items() if name != "device"}

    def scoring(self, prefix: str) -> Mapping[str, Any]:
        """Return what is recorded of a metric's own settings and normaliser."""
        known: Mapping[str, Any] = (self.environment.get("metrics") or {}).get(prefix) or {}
        return known


def read_tables(path: Path) -> RunTables:
    """Read a run folder. Raises `UsageError` where it is none, or not finished."""
    for name in ("experiment.yaml", "environment.json", "trials.parquet", "scores.parquet"):
        if not (path / name).is_file():
            raise UsageError(f"{path}: holds no {name}; name the folder of a finished run")
    summary = pd.read_csv(path / "summary.csv", dtype={"arm": str}, keep_default_na=False)
    for column in ("mean", "ci_low", "ci_high", "n", "failed", "skipped"):
        summary[column] = pd.to_numeric(summary[column].replace("", None))
    return RunTables(
        path=path,
        experiment=yaml.safe_load((path / "experiment.yaml").read_text(encoding="utf-8")),
        environment=json.loads((path / "environment.json").read_text(encoding="utf-8")),
        trials=pd.read_parquet(path / "trials.parquet"),
        scores=pd.read_parquet(path / "scores.parquet"),
        summary=summary,
    )
