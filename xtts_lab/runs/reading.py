"""A finished run folder as it is read back: for reports, analysis, comparison and trackers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import yaml

from xtts_lab import yaml_loader
from xtts_lab.conditions import conditions_of
from xtts_lab.errors import UsageError
from xtts_lab.runs import schema
from xtts_lab.runs.arm_ids import system_of
from xtts_lab.runs.csv_cells import restore
from xtts_lab.runs.metric_use import MetricUse, metric_uses
from xtts_lab.runs.schema import Table
from xtts_lab.yaml_file import Document, Where

Content = TypeVar("Content")
_NOTHING = pd.DataFrame()


@dataclass(frozen=True, eq=False)
class Run:
    """The content of a run folder; a table that it does not have, or that was not read, is empty.

    Tables have the columns of `schema`, and those of an older run fewer.
    """

    path: Path
    experiment_text: str
    experiment: Mapping[str, Any]
    environment: Mapping[str, Any]
    trials: pd.DataFrame
    scores: pd.DataFrame
    summary: pd.DataFrame
    evidence: pd.DataFrame = field(default_factory=pd.DataFrame)
    comparisons: pd.DataFrame = field(default_factory=pd.DataFrame)
    failures: pd.DataFrame = field(default_factory=pd.DataFrame)
    claims: pd.DataFrame = field(default_factory=pd.DataFrame)
    latency: pd.DataFrame = field(default_factory=pd.DataFrame)
    timings: pd.DataFrame = field(default_factory=pd.DataFrame)
    parts: pd.DataFrame = field(default_factory=pd.DataFrame)

    @cached_property
    def arms(self) -> list[str]:
        """Arms, in the order of the plan."""
        return [str(arm) for arm in self.trials["arm"].drop_duplicates()]

    @cached_property
    def languages(self) -> list[str]:
        """Languages, in the order of the plan."""
        return [str(language) for language in self.trials["language"].drop_duplicates()]

    @cached_property
    def asked(self) -> dict[str, set[str]]:
        """Arm -> the languages that it was asked for."""
        pairs = self.trials[["arm", "language"]].drop_duplicates()
        return {str(arm): set(own) for arm, own in pairs.groupby("arm")["language"]}

    @cached_property
    def metrics(self) -> list[str]:
        """Metric ids, in the order of the experiment."""
        return [str(metric) for metric in self.summary["metric"].drop_duplicates()]

    @cached_property
    def uses(self) -> tuple[MetricUse, ...]:
        """The metrics of the run, constructed again from its resolved experiment."""
        document = Document(str(self.path / schema.EXPERIMENT), dict(self.experiment))
        return metric_uses(self.experiment.get("metrics") or [], Where(document))

    @cached_property
    def conditions(self) -> list[str]:
        """How items relate to their references (`xtts_lab.conditions`): those that occur."""
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

    @cached_property
    def versions(self) -> Mapping[str, Any]:
        """The versions of engine and scoring; empty for a run of before they were recorded."""
        known: Mapping[str, Any] = self.environment.get("versions") or {}
        return known

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
        return [arm for arm in self.arms if self.system(arm).get("name") == "recordings"]

    def system(self, arm: str) -> Mapping[str, Any]:
        """Return the configuration of an arm's system, as resolved for that arm."""
        stored: Mapping[str, Any] = (self.environment.get("systems") or {}).get(arm) or {}
        spec: Mapping[str, Any] = stored.get("spec") or {}
        return spec or self.systems.get(system_of(arm)) or {}

    @cached_property
    def located(self) -> pd.DataFrame:
        """Trials with their `condition`; trials of different conditions share no row of a table."""
        found = conditions_of(self.trials["language"], self.trials["reference_language"])
        return self.trials.assign(condition=found)

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


_COMPARED = (schema.TRIALS, schema.SCORES, schema.SUMMARY)


def read_run(path: Path) -> Run:
    """Read a run folder. Raises `UsageError` where it lacks a file or holds a broken one."""
    return _read(path, tuple(schema.tables()))


def read_results(path: Path) -> Run:
    """Read only what two runs are compared by: trials, scores, summary. Raises as `read_run`."""
    return _read(path, _COMPARED)


def _read(path: Path, wanted: Collection[Table]) -> Run:
    text = _parsed(path, schema.EXPERIMENT, _text)
    tables = {table.file: read_table(path, table) for table in wanted}

    def one(table: Table) -> pd.DataFrame:
        return tables.get(table.file, _NOTHING)

    return Run(
        path=path,
        experiment_text=text,
        experiment=_mapping(path, schema.EXPERIMENT, _yaml),
        environment=_mapping(path, schema.ENVIRONMENT, _json),
        trials=one(schema.TRIALS),
        scores=one(schema.SCORES),
        summary=one(schema.SUMMARY),
        evidence=one(schema.EVIDENCE),
        comparisons=one(schema.COMPARISONS),
        failures=one(schema.FAILURES),
        claims=one(schema.CLAIMS),
        latency=one(schema.LATENCY),
        timings=one(schema.TIMINGS),
        parts=one(schema.ARMS),
    )


def read_table(run: Path, table: Table) -> pd.DataFrame:
    """Read a table of a run folder; an optional one that is absent is empty."""
    if table.optional and not (run / table.file).is_file():
        return pd.DataFrame(columns=[*table.columns])
    if table.file.endswith(".parquet"):
        return _parsed(run, table.file, read_parquet)
    data = _parsed(run, table.file, lambda p: _csv(p, table))
    return restore(data)


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a parquet file, all of it or some columns.

    In this thread alone: where a damaged file makes a thread of pyarrow's fail, it can end the
    process. As bytes: pyarrow cannot open a path that the locale cannot write.
    """
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(io.BytesIO(path.read_bytes()), pre_buffer=False)
    chosen = None if columns is None else list(columns)
    found: pd.DataFrame = file.read(chosen, use_threads=False).to_pandas(use_threads=False)
    return found


def _csv(path: Path, table: Table) -> pd.DataFrame:
    data = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column in data.columns.intersection(list(table.numbers)):
        data[column] = pd.to_numeric(data[column].replace("", None))
    return data


@contextmanager
def held_to(*runs: Path) -> Iterator[None]:
    """Blame run folders for what goes wrong while they are put into words.

    A table may be sound in itself and yet be another run's, or hold what none would. Raises
    `UsageError` in place of what that leads to.
    """
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        named = " and ".join(str(run) for run in runs)
        reason = next(iter(str(error).splitlines()), "")
        raise UsageError(
            f"{named}: what it holds does not fit together ({type(error).__name__}: "
            f"{reason[:120]}); run its experiment again"
        ) from error


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _yaml(path: Path) -> Any:
    return yaml_loader.load(_text(path))


def _json(path: Path) -> Any:
    return json.loads(_text(path))


def _mapping(run: Path, name: str, read: Callable[[Path], Any]) -> Mapping[str, Any]:
    content = _parsed(run, name, read)
    if not isinstance(content, dict):
        raise UsageError(f"{run / name}: must hold a mapping; run the experiment again")
    return content


def _parsed(run: Path, name: str, read: Callable[[Path], Content]) -> Content:
    path = run / name
    if not path.is_file():
        raise UsageError(
            f"{run}: holds no {name}; name the folder of a finished run, or finish it "
            "(xtts-lab run ... --out)"
        )
    try:
        return read(path)
    except (ValueError, OSError, yaml.YAMLError, RecursionError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(f"{path}: cannot be read ({reason[:120]}); run it again") from error
