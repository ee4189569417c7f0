"""Families of arms, one recipe trained with several seeds: their figures, and what a seed changes.

The unit of a family's interval is the training seed, with the speakers and sentences that all its
arms were heard on (see `training_seeds`); with fewer than five seeds it speaks of these
checkpoints. How much of the spread is the training and how much the drawing of codes is told from
the figure of each trained model in each repeat, a one-way analysis of variance with random effects
(Searle, Casella and McCulloch 1992, chapter 3): a repeat redraws every utterance of the test set,
so what repeats of one model differ by is what sampling does to a figure of the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import fdtri

from xtts_lab.conditions import IN_CLAIMS
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics.bootstrap import Floats, holm
from xtts_lab.statistics.cells import CELL, cell_table, placed
from xtts_lab.statistics.claim import Claim
from xtts_lab.statistics.estimates import point
from xtts_lab.statistics.verdicts import UNDECIDED, judge

Families = Mapping[str, Sequence[str]]

LEVELS = [
    "family", "baseline", "condition", "metric", "unit", "seeds", "value", "ci_low", "ci_high",
    "p_adjusted", "verdict", "reason",
]  # fmt: skip
PARTS = [
    "family", "condition", "metric", "unit", "seeds", "repeats", "training_sd", "sampling_sd",
    "share", "share_low", "share_high",
]  # fmt: skip


def family_figures(
    families: Families,
    scores: pd.DataFrame,
    trials: pd.DataFrame,
    info: Mapping[str, MetricInfo],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Return LEVELS: each family's figure, and every other family minus the first one.

    A difference is `better` or `worse` where its claim is judged so (see `verdicts.judge`) and its
    p-value, adjusted after Holm over a metric's families, lies below 1 - confidence.
    """
    names, claims = [], []
    for condition in _conditions(trials):
        for metric, known in info.items():
            for family, claim in _claims(families, metric, known, condition):
                names.append(family)
                claims.append(claim)
    found = judge(
        claims, scores, trials, info, confidence=confidence, resamples=resamples, seed=seed,
        trained=[arm for arms in families.values() for arm in arms],
    )  # fmt: skip
    table = found.assign(family=names, value=found["difference"])
    table["baseline"] = np.where(found["baseline"].isna(), "", next(iter(families), ""))
    table = table[found["trials"] > 0]
    neither = found["metric"].map(lambda name: info[name].direction == "none")
    table.loc[neither & (table["baseline"] != ""), "verdict"] = UNDECIDED  # no way is better
    return _adjusted(table, 1.0 - confidence)[LEVELS].reset_index(drop=True)


def _claims(
    families: Families, metric: str, known: MetricInfo, condition: str
) -> Iterator[tuple[str, Claim]]:
    first = list(next(iter(families.values())))
    direction = "lower" if known.direction == "lower" else "higher"
    for number, (family, arms) in enumerate(families.items()):
        said = {"metric": metric, "arm": [*arms], "direction": direction, "condition": condition}
        yield family, Claim.model_validate({**said, "margin": 0.0})
        if number and not set(first) & set(arms):
            yield family, Claim.model_validate({**said, "baseline": first, "margin": 0.0})


def _adjusted(table: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Add Holm's p-values of differences, and put verdicts in words of better and worse."""
    table = table.assign(p_adjusted=math.nan)
    pairs = table[table["baseline"] != ""]
    for _, part in pairs.groupby(["condition", "metric"], sort=False, dropna=False):
        table.loc[part.index, "p_adjusted"] = holm(part["p_value"].to_numpy(np.float64))
    clear = (table["verdict"] != UNDECIDED) & (table["p_adjusted"] < alpha)
    better = table["verdict"] == "holds"
    words = np.where(clear, np.where(better, "better", "worse"), UNDECIDED)
    return table.assign(verdict=np.where(table["baseline"] == "", "", words))


def seed_parts(
    families: Families,
    scores: pd.DataFrame,
    trials: pd.DataFrame,
    info: Mapping[str, MetricInfo],
    confidence: float,
) -> pd.DataFrame:
    """Return PARTS: standard deviations of a table's figure over training and over sampling seeds.

    `share` is the part of the training in the variance of one model's figure in one repeat, with
    the exact interval of the F distribution. Empty with fewer than two arms or repeats; metrics of
    several repeats have no figure of one.
    """
    grouped = {metric for metric, known in info.items() if known.grouped}
    figures = _by_repeat(scores[~scores["metric"].isin(grouped)], trials, info)
    rows = []
    for (condition, metric), part in figures.groupby(["condition", "metric"], sort=False):
        for family, arms in families.items():
            own = part[part["arm"].isin(list(arms))]
            grid = own.pivot_table(index="arm", columns="repeat", values="value", dropna=False)
            values = grid.dropna().to_numpy(np.float64)
            if min(values.shape, default=0) < 2:
                continue
            known = info[str(metric)]
            rows.append(
                {"family": family, "condition": condition, "metric": metric, "unit": known.unit}
                | {"seeds": values.shape[0], "repeats": values.shape[1]}
                | variance_parts(values, confidence)
            )
    return pd.DataFrame(rows, columns=PARTS)


def variance_parts(values: Floats, confidence: float) -> dict[str, float]:
    """Split the variance of values [models, repeats]: `training_sd`, `sampling_sd`, `share` of the
    training in their sum, with an interval that covers it where both are normal.
    """
    models, repeats = values.shape
    within = float(values.var(axis=1, ddof=1).mean())
    between = float(values.mean(axis=1).var(ddof=1)) * repeats
    training = max(0.0, (between - within) / repeats)
    whole = training + within
    share = training / whole if whole > 0 else math.nan
    tail, free = (1.0 - confidence) / 2.0, (models - 1, models * (repeats - 1))
    ends = []
    for chance in (1.0 - tail, tail):
        if within == 0.0:
            ends.append(math.nan if between == 0.0 else 1.0)
            continue
        ratio = max(0.0, (between / within / float(fdtri(*free, chance)) - 1.0) / repeats)
        ends.append(ratio / (1.0 + ratio))
    return {
        "training_sd": math.sqrt(training),
        "sampling_sd": math.sqrt(within),
        "share": share,
        "share_low": ends[0],
        "share_high": ends[1],
    }


def _by_repeat(
    scores: pd.DataFrame, trials: pd.DataFrame, info: Mapping[str, MetricInfo]
) -> pd.DataFrame:
    """Return the figure of each arm, condition and metric in each repeat, over all languages."""
    pools = {metric: known.pool for metric, known in info.items() if known.pool is not None}
    located = placed(trials)
    rows = []
    for repeat, part in located.groupby("repeat"):
        own = scores[scores["trial_id"].isin(part["trial_id"])]
        cells = cell_table(own, part, pools)
        for key, frame in cells.groupby(["condition", "metric", "arm"], sort=True, observed=True):
            value = point(frame.sort_values(CELL, kind="stable"), info[str(key[1])])
            rows.append((*key, repeat, value))
    return pd.DataFrame(rows, columns=["condition", "metric", "arm", "repeat", "value"])


def _conditions(trials: pd.DataFrame) -> list[str]:
    """Return the conditions that occur, by the names that claims have for them."""
    occur = set(placed(trials)["condition"])
    return [name for name, stored in IN_CLAIMS.items() if stored in occur]
