"""What became of trials: scored, failed or skipped, by arm, metric and language or cell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xtts_lab.statistics.cells import CELL, GROUP, joined


def tally(
    scores: pd.DataFrame,
    trials: pd.DataFrame,
    metrics: Sequence[str],
    grouped: Collection[str] = (),
) -> pd.DataFrame:
    """Count trials by GROUP and language: `n` scored, `failed`, `skipped`; only where it applies.

    See `outcomes`.
    """
    frames = outcomes(scores, trials, metrics, grouped)
    return pd.concat([_by_language(frame) for frame in frames], ignore_index=True)


def failed_cells(
    scores: pd.DataFrame,
    trials: pd.DataFrame,
    metrics: Sequence[str],
    grouped: Collection[str] = (),
) -> pd.DataFrame:
    """Return GROUP, CELL and how many trials `failed`, where any did; see `outcomes`."""
    by = [*GROUP, *CELL]
    bad = [frame.loc[frame["failed"], by] for frame in outcomes(scores, trials, metrics, grouped)]
    together = pd.concat([pd.DataFrame(columns=by), *bad], ignore_index=True)
    return together.groupby(by, sort=True, observed=True).size().rename("failed").reset_index()


def outcomes(
    scores: pd.DataFrame,
    trials: pd.DataFrame,
    metrics: Sequence[str],
    grouped: Collection[str] = (),
) -> Iterator[pd.DataFrame]:
    """Yield of each metric its trials with `n` (scored), `failed`, `skipped` and `applies`, bools.

    The metrics in `grouped` have one score for all repeats of an utterance: there a group counts
    once, under the trial that carries its score.
    A metric applies to an utterance if any arm has a score for it, even a failed one (not a
    number); where an utterance was scored by nothing at all, its language decides, and a language
    that nothing was scored in lets every metric apply, so that no failure goes missing.
    """
    codes = trials.assign(
        row=np.arange(len(trials)),
        utterance=pd.factorize(trials["utterance_id"])[0],
        tongue=pd.factorize(trials["language"])[0],
    )
    scored = joined(scores, codes, ["row", "utterance", "tongue"])
    by_metric = dict(iter(scored.groupby("metric", observed=True)))
    none = scored.iloc[:0]
    for metric in metrics:
        own = by_metric.get(metric, none)
        units = _one_a_group(codes, own) if metric in grouped else codes
        yield _outcomes(scored, own, units, metric)


def _by_language(frame: pd.DataFrame) -> pd.DataFrame:
    by = frame.groupby([*GROUP, "language"], sort=True, observed=True)
    counts = by[["n", "failed", "skipped"]].sum().astype(int)
    return counts[by["applies"].any()].reset_index()


def _one_a_group(trials: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Return of each arm's repeats of an utterance the trial with a score, else the first."""
    bare = ~trials["row"].isin(own["row"])
    order = trials.assign(bare=bare).sort_values(["bare", "row"], kind="stable")
    return order.drop_duplicates(["arm", "utterance"]).sort_values("row").drop(columns="bare")


def _outcomes(
    scored: pd.DataFrame, own: pd.DataFrame, trials: pd.DataFrame, metric: str
) -> pd.DataFrame:
    has_row = trials["row"].isin(own["row"]).to_numpy(np.bool_)
    good = trials["row"].isin(own.loc[own["value"].notna(), "row"]).to_numpy(np.bool_)
    applies = _applies(scored, own, trials)
    failed = ~good & applies & (trials["status"].ne("ok").to_numpy(np.bool_) | has_row)
    return trials[["arm", "condition", *CELL]].assign(
        metric=metric, n=good, failed=failed, skipped=~good & ~failed, applies=applies
    )


def _applies(scored: pd.DataFrame, own: pd.DataFrame, trials: pd.DataFrame) -> NDArray[np.bool_]:
    """Say for each trial whether the metric that `own` scores belong to applies to it."""
    utterance, language = trials["utterance"].to_numpy(), trials["tongue"].to_numpy()
    by_language = np.isin(language, own["tongue"]) | ~np.isin(language, scored["tongue"])
    seen = np.isin(utterance, scored["utterance"])
    return np.where(seen, np.isin(utterance, own["utterance"]), by_language)
