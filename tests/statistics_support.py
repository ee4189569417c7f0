"""Scores and trials made of rows, for tests of the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xtts_lab.metrics.info import MetricInfo

INFO = {"wer.micro": MetricInfo("%", "lower"), "secs": MetricInfo("cos", "higher")}
OPTIONS: dict[str, Any] = {"confidence": 0.95, "resamples": 400, "seed": 0}

Row = tuple[str, str, str, str, int, str, float, float, float]


def frames(rows: Sequence[Row]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make scores and trials of (arm, language, speaker, text, repeat, metric, value, num, den)."""
    scores, trials = [], {}
    for arm, language, speaker, text, repeat, metric, value, numerator, denominator in rows:
        trial = f"{arm}/{language}/{speaker}/{text}/{repeat}"
        trials[trial] = {
            "trial_id": trial, "arm": arm, "language": language, "speaker": speaker, "text": text,
            "utterance_id": f"{language}-{speaker}-{text}", "reference_language": language,
            "repeat": repeat, "status": "ok", "weights_random": False,
        }  # fmt: skip
        scores.append(
            {"trial_id": trial, "arm": arm, "language": language, "metric": metric}
            | {"value": value, "numerator": numerator, "denominator": denominator}
        )
    return pd.DataFrame(scores), pd.DataFrame(list(trials.values()))


def means(arm: str, language: str, values: NDArray[np.float64]) -> list[Row]:
    """Make rows of `secs` from values [speakers, sentences]."""
    return [
        (arm, language, f"s{s}", f"{language}{t}", 0, "secs", float(v), np.nan, np.nan)
        for (s, t), v in np.ndenumerate(values)
    ]


def one(table: pd.DataFrame, **where: str) -> pd.Series[Any]:
    """Return the single row that the conditions pick."""
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def world(arms: int, seed: int = 0, speakers: int = 12, sentences: int = 24) -> list[Row]:
    """Return rows of several arms; arm k is better than arm 0 by 0.2 k."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for arm in range(arms):
        for language in ("en", "de"):
            values = rng.normal(0.2 * arm, 0.2, size=(speakers, sentences))
            rows += means(f"arm{arm}", language, values)
    return rows
