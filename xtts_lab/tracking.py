"""A run's results in an experiment tracker: one small interface, and an adapter for each tracker.

Nothing is tracked while a run goes on: its folder is the record, and a tracker gets a copy.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from xtts_lab import registry
from xtts_lab.conditions import ALL
from xtts_lab.errors import UsageError
from xtts_lab.report.tables import records
from xtts_lab.runs.reading import Run

_FILES = ("report.html", "report.md", "summary.csv", "comparisons.csv", "claims.csv")


@dataclass(frozen=True)
class Record:
    """One arm: `metrics` maps `metric/language` to its mean, `ci_low` and `ci_high` after it."""

    experiment: str
    arm: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    files: Sequence[Path]


class Sink(Protocol):
    """Where records go."""

    def write(self, record: Record) -> None:
        """Store one record."""
        ...

    def close(self) -> None:
        """Finish: what was written is on disk afterwards."""
        ...


class TensorBoardSink:
    """Scalars and parameters as text, one TensorBoard run an arm, below a folder."""

    def __init__(self, folder: Path) -> None:
        self._summary = _imported("tensorboard.summary", "tensorboard")
        self._folder = folder

    def write(self, record: Record) -> None:
        """Write an event file below `folder/experiment/arm`."""
        name = "".join(c if c.isalnum() or c in "._-=,[]" else "_" for c in record.arm)
        writer = self._summary.Writer(str(self._folder / record.experiment / name))
        for tag, value in record.metrics.items():
            writer.add_scalar(tag, value, 0)
        writer.close()

    def close(self) -> None:
        """Nothing stays open between records."""


class MlflowSink:
    """Parameters, metrics and the report's files, one MLflow run an arm, in DIR/mlflow.db."""

    def __init__(self, folder: Path) -> None:
        tracking = _imported("mlflow.tracking", "mlflow")
        folder.mkdir(parents=True, exist_ok=True)
        database = (folder / "mlflow.db").resolve()
        self._files = (folder / "artifacts").resolve().as_uri()
        self._client = tracking.MlflowClient(tracking_uri=f"sqlite:///{database}")

    def write(self, record: Record) -> None:
        """Add a run to the experiment, which is made where it is new."""
        client = self._client
        known = client.get_experiment_by_name(record.experiment)
        experiment = (
            known.experiment_id
            if known is not None
            else client.create_experiment(record.experiment, artifact_location=self._files)
        )
        run = client.create_run(experiment, run_name=record.arm).info.run_id
        for key, text in record.parameters.items():
            client.log_param(run, key, text[:6000])  # MLflow refuses longer ones
        for tag, value in record.metrics.items():
            client.log_metric(run, tag, value)
        for path in record.files:
            client.log_artifact(run, str(path))
        client.set_terminated(run)

    def close(self) -> None:
        """Nothing stays open between records."""


SINKS: Mapping[str, type[TensorBoardSink] | type[MlflowSink]] = {
    "mlflow": MlflowSink,
    "tensorboard": TensorBoardSink,
}


def open_sink(name: str, folder: Path) -> Sink:
    """Return a sink by name. Raises `UsageError` for an unknown one, or an absent package."""
    if name not in SINKS:
        raise UsageError(f"--to: {registry.unknown('sink', name, SINKS)}")
    return SINKS[name](folder)


def export(run: Run, sink: Sink) -> int:
    """Write every arm of a run into a sink, close it, and return how many there were."""
    written = 0
    for record in records_of(run):
        sink.write(record)
        written += 1
    sink.close()
    return written


def records_of(run: Run) -> Iterator[Record]:
    """Yield one record an arm: settings, and every figure of the summary that is a number."""
    files = [path for name in _FILES if (path := run.path / name).is_file()]
    experiment = str(run.experiment.get("name") or run.path.name)
    for arm in run.arms:
        yield Record(experiment, arm, _parameters(run, arm), dict(_metrics(run, arm)), files)


def _parameters(run: Run, arm: str) -> dict[str, str]:
    shown = {f"system.{key}": value for key, value in run.system(arm).items()}
    shown |= {key: run.experiment.get(key) for key in ("seed", "repeats", "pairing")}
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in shown.items()}


def _metrics(run: Run, arm: str) -> Iterator[tuple[str, float]]:
    own = run.summary[(run.summary["arm"] == arm) & run.summary["mean"].notna()]
    several = own["condition"].nunique() > 1
    for row in records(own):
        apart = f"/{row['condition']}" if several else ""
        tag = f"{row['metric']}/{row['language']}{apart}"
        yield tag, float(row["mean"])
        if row["language"] == ALL:
            ends = ((end, float(row[end])) for end in ("ci_low", "ci_high"))
            yield from ((f"{tag}/{end}", value) for end, value in ends if value == value)


def _imported(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"--to {package}: needs the package {package}; install with: "
            "make install EXTRAS=...,tracking"
        ) from error
