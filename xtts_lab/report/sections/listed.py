"""Which trials a page lists: of very many a part, and those whose audio is there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from xtts_lab.report.numbers import count
from xtts_lab.runs.reading import Run

MOST_LINKED = 2_000
"""Trials that a page lists: it is read by people, and must open."""


def sampled(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that a page lists: all, or the first repeats of all utterances.

    Where those are too many as well, of utterances spread evenly over the plan, with all arms.
    """
    if len(trials) <= MOST_LINKED:
        return trials
    there = trials["repeat"].value_counts().sort_index().cumsum()
    enough = there[there <= MOST_LINKED]
    if len(enough):
        own: pd.DataFrame = trials[trials["repeat"] <= enough.index[-1]]
        return own
    first: pd.DataFrame = trials[trials["repeat"] == there.index[0]]
    place = first["utterance_id"].drop_duplicates()
    step = -(-len(first) // MOST_LINKED)
    spread: pd.DataFrame = first[first["utterance_id"].isin(place.iloc[::step])]
    return spread.iloc[:MOST_LINKED]


def left_out(trials: pd.DataFrame) -> str:
    """Say that a page lists a part of the trials; empty where it lists all."""
    shown = len(sampled(trials))
    if shown == len(trials):
        return ""
    return (
        f"Of {len(trials):,} trials {shown:,} are listed here, the first repeats of utterances "
        "from all over the plan; trials.parquet names the audio of all."
    )


def is_here(run: Run, row: Mapping[Any, Any]) -> bool:
    """Whether the audio of a trial is in the run's folder."""
    return (run.path / str(row["audio_path"])).is_file()


def whole_audio(run: Run) -> bool:
    """Whether `audio/` is there, with the audio of every trial that a page lists."""
    spoken = sampled(run.trials[run.trials["status"] == "ok"])
    return (run.path / "audio").is_dir() and all(
        (run.path / str(path)).is_file() for path in spoken["audio_path"]
    )


def not_here(run: Run, listed: Collection[str]) -> str:
    """Say of how many utterances beside the `listed` there is no audio; empty where of none.

    A published run has none.
    """
    gone = set(sampled(run.trials)["utterance_id"].astype(str)) - set(listed)
    if not gone:
        return ""
    said = f"Audio of {count(len(gone), 'other utterance' if listed else 'utterance')} is not here"
    return f"{said}: the first command under Check it makes it again."
