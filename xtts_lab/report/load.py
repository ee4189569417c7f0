"""What a report knows: the tables of a run folder, typed, in the order of the experiment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from xtts_lab.errors import UsageError

_SUMMARY_NUMBERS = ("mean", "ci_low", "ci_high", "n", "failed", "skipped", "speakers", "sentences")
_COMPARISON_NUMBERS = (
    "difference", "ci_low", "ci_high", "p_value", "p_adjusted", "speakers", "sentences",
)  # fmt: skip
_CLAIM_NUMBERS = (
    "margin", "difference", "ci_low", "ci_high", "trials", "speakers", "sentences",
    "need_speakers", "need_sentences", "need_seeds",
)  # fmt: skip
_PART_NUMBERS = ("parameters", "flops", "prefix_length", "reference_s")
MONOLINGUAL, CROSS_LINGUAL, NO_REFERENCE = "monolingual", "cross-lingual", "no reference"


_NOTHING = pd.DataFrame()


@dataclass(frozen=True, eq=False)
class Run:
    """The content of a run folder; `claims`, `latency` and `parts` are empty where it has none."""

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
    claims: pd.DataFrame
    latency: pd.DataFrame
    timings: pd.DataFrame
    parts: pd.DataFrame

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
        return self._marked("weights_random")

    @cached_property
    def untrained_arms(self) -> list[str]:
        """Arms whose parts were not trained together: they get no verdict."""
        return self._marked("untrained")

    def _marked(self, column: str) -> list[str]:
        if column not in self.trials:  # a run of before the column
            return []
        marked = set(self.trials.loc[self.trials[column].astype(bool), "arm"])
        return [arm for arm in self.arms if arm in marked]

    @cached_property
    def judges(self) -> dict[str, Mapping[str, Any]]:
        """Key -> configuration of the instruments that judged: not of a mere transcriber."""
        known = self.experiment.get("instruments") or {}
        other = self.transcriber if self.transcriber not in set(self.evidence["instrument"]) else ""
        return {str(key): spec or {} for key, spec in known.items() if key != other}

    @property
    def transcriber(self) -> str:
        """Key of the instrument that hears what references say; empty without one."""
        return str(self.experiment.get("transcriber") or "")

    @cached_property
    def described(self) -> dict[str, tuple[str, str]]:
        """Metric id -> unit and direction."""
        rows = self.summary.drop_duplicates("metric")
        return {
            str(m): (str(u), str(d))
            for m, u, d in zip(rows["metric"], rows["unit"], rows["direction"], strict=True)
        }

    @cached_property
    def systems(self) -> dict[str, Mapping[str, Any]]:
        """Key -> configuration of the systems, as resolved."""
        known = self.experiment.get("systems") or {}
        return {str(key): spec or {} for key, spec in known.items()}

    @cached_property
    def natural_arms(self) -> list[str]:
        """Arms that play natural recordings: the floor of every judge."""
        rows = self.trials.drop_duplicates("arm")
        of = {
            str(a): str(s).partition("[")[0]
            for a, s in zip(rows["arm"], rows["system"], strict=True)
        }
        return [a for a in self.arms if self._is_natural(a, of[a])]

    def _is_natural(self, arm: str, system: str) -> bool:
        spec = self.systems.get(system) or self.systems.get(arm.partition("[")[0]) or {}
        return spec.get("name") == "recordings"

    @cached_property
    def located(self) -> pd.DataFrame:
        """Trials with their `condition`; trials of different conditions share no row of a table."""
        known = self.trials["reference_language"].fillna("").astype(str)
        same = known == self.trials["language"].astype(str)
        condition = np.where(known == "", NO_REFERENCE, np.where(same, MONOLINGUAL, CROSS_LINGUAL))
        return self.trials.assign(condition=condition)

    @cached_property
    def known_scores(self) -> pd.DataFrame:
        """Scores that are numbers, with arm, condition, utterance and speaker of their trials."""
        columns = ["trial_id", "condition", "utterance_id", "speaker", "repeat"]
        known = self.scores[self.scores["value"].notna()]
        return known.merge(self.located[columns], on="trial_id", how="inner")

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
        claims=_csv(run, "claims.csv", _CLAIM_NUMBERS) if _has(run, "claims.csv") else _NOTHING,
        latency=_optional(run, "latency.parquet"),
        timings=_optional(run, "timings.parquet"),
        parts=_csv(run, "arms.csv", _PART_NUMBERS) if _has(run, "arms.csv") else _NOTHING,
    )


def _has(run: Path, name: str) -> bool:
    return (run / name).is_file()


def _optional(run: Path, name: str) -> pd.DataFrame:
    return _parquet(run, name) if _has(run, name) else _NOTHING


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
