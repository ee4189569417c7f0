"""What a run folder holds: files, columns, types. Writers and readers go by this page.

Types are pandas'. A parquet file holds its own; of a CSV only numbers may be blank, so that an arm
called `null` stays one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from xtts_lab.runs import trial_details as details

SCHEMA_VERSION = 1
"""Stands in `experiment.yaml`: raise it when a reader of today could not read what is written."""

EXPERIMENT, ENVIRONMENT = "experiment.yaml", "environment.json"
REPORTS = ("report.html", "report.md")
NUMBERS = ("int64", "Int64", "float64")


@dataclass(frozen=True)
class Table:
    """A file of a run folder: its columns, each with its type; `optional`: not in every run."""

    file: str
    columns: Mapping[str, str]
    optional: bool = False

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns that hold numbers."""
        return tuple(name for name, kind in self.columns.items() if kind in NUMBERS)


def _texts(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "string")


def _floats(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "float64")


def _counts(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "Int64")


TRIALS = Table(
    "trials.parquet",
    {
        **_texts("trial_id", "arm", "system", "language", "utterance_id", "text", "spoken"),
        **_texts("speaker", "references", "reference_language", "enrolment"),
        **dict.fromkeys(("repeat", "seed"), "int64"),
        **_texts("audio_path", "audio_sha256"),
        **_floats("duration_s", "synthesis_s"),
        **_texts("stop"),
        **dict.fromkeys(("weights_random", "untrained"), "bool"),
        **details.COLUMNS,
        **_texts("reference_text", "reference_text_source", "status", "error"),
    },
)
SCORES = Table(
    "scores.parquet",
    {
        **_texts("trial_id", "arm", "language", "metric"),
        **_floats("value", "numerator", "denominator"),
        **_texts("detail"),
    },
)
EVIDENCE = Table(
    "evidence.parquet",
    _texts(
        "key", "instrument", "role", "trial_id", "clip", "audio_sha256", "output", "error"
    ),
    optional=True,  # embeddings are large: a run that is published may leave them out
)  # fmt: skip
TIMINGS = Table(
    "timings.parquet",
    {
        **_texts("trial_id"),
        **_floats("condition_ms", "prefill_ms", "first_audio_ms", "total_ms"),
    },
    optional=True,
)
LATENCY = Table(
    "latency.parquet",
    {
        **_texts("trial_id", "arm", "arrivals_ms", "durations_ms"),
        **_floats("total_ms", "sound_at_ms", "prepare_ms", "cold_first_audio_ms", "difference"),
        **_texts("error"),
    },
    optional=True,
)
LOAD = Table(
    "load.parquet",
    {
        **_texts("trial_id", "arm"),
        **_floats("rate"),
        **_texts("arrivals_ms", "durations_ms"),
        **_floats("sound_at_ms", "difference"),
        **_texts("error"),
    },
    optional=True,
)
FAILURES = Table(
    "failures.csv", _texts("trial_id", "arm", "language", "utterance_id", "stage", "error")
)
ARMS = Table(
    "arms.csv",
    {
        **_texts("arm", "system", "part", "name"),
        **_counts("parameters"),
        **_floats("flops"),
        **_texts("flops_of"),
        **_floats("prefix_length", "reference_s"),
        "streams": "bool",
        **_texts("untrained"),
    },
    optional=True,
)
SUMMARY = Table(
    "summary.csv",
    {
        **_texts("arm", "condition", "language", "metric", "unit", "direction"),
        **_floats("mean", "ci_low", "ci_high"),
        **_counts("n", "failed", "skipped", "speakers", "sentences"),
    },
)
COMPARISONS = Table(
    "comparisons.csv",
    {
        **_texts("baseline", "arm", "condition", "language", "metric", "unit", "direction"),
        **_floats("difference", "ci_low", "ci_high", "p_value", "p_adjusted"),
        **_texts("verdict"),
        **_counts("speakers", "sentences", "failed", "failed_baseline"),
        **_texts("influential_speaker"),
        **_floats("difference_without", "p_without"),
        **_texts("verdict_without"),
        **_floats("p_worst"),
        **_texts("reason"),
    },
)
CLAIMS = Table(
    "claims.csv",
    {
        **_texts("claim", "metric", "arm", "baseline", "language"),
        **_floats("margin", "difference", "ci_low", "ci_high"),
        **_texts("verdict"),
        **_counts("trials", "speakers", "sentences", "need_speakers", "need_sentences"),
        **_texts("reason", "direction", "condition", "unit", "seeds"),
        **_counts("need_seeds"),
        **_floats("p_value"),
        **_counts("failed", "failed_baseline"),
        **_texts("influential_speaker"),
        **_floats("difference_without"),
        **_texts("verdict_without"),
    },
    optional=True,
)


def tables() -> Iterator[Table]:
    """Yield every table of a run folder."""
    yield from (TRIALS, SCORES, EVIDENCE, TIMINGS, LATENCY, LOAD, FAILURES, ARMS)
    yield from (SUMMARY, COMPARISONS, CLAIMS)
