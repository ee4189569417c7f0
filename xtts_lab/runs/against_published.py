"""A run beside a published table, language by language, with everything in which they differ.

Two figures are called comparable only where nothing that is recorded differs: the system and its
weights, the numbers of sentences and speakers, the reference's language, the judge. Even then the
word is `agrees` (our interval holds the printed figure) or `differs`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from xtts_lab.conditions import ALL
from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown
from xtts_lab.runs.published import Published, PublishedMetric
from xtts_lab.runs.published import published as by_name
from xtts_lab.runs.reading import Run

COLUMNS = [
    "arm", "published_metric", "metric", "condition", "language", "ours", "ci_low", "ci_high", "n",
    "published", "comparable", "verdict", "why",
]  # fmt: skip
NOT_COMPARABLE, AGREES, DIFFERS = "not comparable", "agrees", "differs"
CAUTIONS = (
    "a run does not record where its sentences come from: that they are the publication's is "
    "taken on trust",
    "that the released checkpoint is the one that was published about is taken on trust",
)


@dataclass(frozen=True, eq=False)
class PublishedComparison:
    """`table` has COLUMNS; `reasons` say for (arm, published metric) what differs."""

    published: Published
    table: pd.DataFrame
    reasons: Mapping[tuple[str, str], list[str]]
    absent: list[str]


def compare_published(run: Run, name: str, asked: Sequence[str] = ()) -> PublishedComparison:
    """Put arms of a run (all but natural recordings, or those `asked` for) beside what was printed.

    Raises `UsageError` for an unknown publication or arm, or where the run has none of the metrics.
    """
    published = by_name(name)
    for arm in asked:
        if arm not in run.arms:
            raise UsageError(f"--arm: {unknown('arm', arm, run.arms)}")
    arms = list(asked) or [arm for arm in run.arms if run.system(arm).get("name") != "recordings"]
    rows: list[dict[str, object]] = []
    reasons: dict[tuple[str, str], list[str]] = {}
    absent = []
    for metric in published.metrics:
        ours = _our_metric(run, metric)
        if ours is None:
            absent.append(f"{metric.label}: the run has no {metric.family} like it")
            continue
        for arm in arms:
            why = [*_protocol(run, arm, published.protocol), *_judge(run, metric, ours)]
            reasons[arm, metric.key] = why
            rows += _rows(run, arm, metric, ours, why)
    if not rows:
        raise UsageError(
            f"{run.path}: measures nothing that {published.name} prints "
            f"({', '.join(m.label for m in published.metrics)})"
        )
    return PublishedComparison(published, pd.DataFrame(rows, columns=COLUMNS), reasons, absent)


def _our_metric(run: Run, metric: PublishedMetric) -> str | None:
    """Return the run's id of the quantity, by the published judge if there is one."""
    known = [str(m) for m in run.summary["metric"].drop_duplicates()]
    for name in metric.ids:
        if name in known:
            return name
    alike = [m for m in known if m.partition(".")[0] == metric.family]
    if metric.quantity:
        alike = [m for m in alike if m.endswith(f".{metric.quantity}")]
    return alike[0] if alike else None


def _protocol(run: Run, arm: str, protocol: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is known to differ from the publication's protocol."""
    trials = run.trials[run.trials["arm"] == arm]
    if arm in run.random_arms:
        yield "random weights"
    elif arm in run.untrained_arms:
        yield "parts that were not trained together"
    spec = run.system(arm)
    if spec.get("name") != protocol["system"]:
        yield f"another system ({spec.get('name')})"
    elif spec.get("checkpoint") != protocol["checkpoint"]:
        yield f"{spec.get('checkpoint')} instead of {protocol['checkpoint']}"
    sentences = trials.groupby("language")["text"].nunique()
    wanted = protocol["sentences"]
    if wanted is not None and (sentences != wanted).any():
        yield f"{_range(sentences, 'sentence')} a language instead of {wanted}"
    speakers = pd.Series([trials["speaker"].nunique()])
    if protocol["speakers"] is not None and (speakers != protocol["speakers"]).any():
        yield f"{_range(speakers, 'speaker')} instead of {protocol['speakers']}"
    languages = {str(v) for v in trials["reference_language"].fillna("none")}
    if languages != {protocol["reference_language"]}:
        said = ", ".join(sorted(languages)) if len(languages) < 4 else f"{len(languages)} languages"
        yield f"references in {said} instead of {protocol['reference_language']}"
    counts = {len(json.loads(v)) for v in trials["references"].drop_duplicates()}
    if counts != {protocol["references"]}:
        said = _range(pd.Series(sorted(counts)), "reference")
        yield f"{said} instead of {protocol['references']}"


def _range(values: pd.Series[Any], what: str) -> str:
    low, high = int(values.min()), int(values.max())
    several = what if high == 1 else f"{what}s"
    return f"{low} {several}" if low == high else f"{low} to {high} {several}"


def _judge(run: Run, metric: PublishedMetric, ours: str) -> Iterator[str]:
    """Yield in what the run's judge differs from the publication's."""
    used = next(use for use in run.uses if ours in use.ids.values())
    key = used.metric.needs[0].partition(":")[0]
    known = run.judge(key)
    name = known.get("name", key)
    if name != metric.judge["name"]:
        yield f"{_title(name, known)} instead of {_title(metric.judge['name'], metric.judge)}"
        return
    for setting, wanted in metric.judge.items():
        if known.get(setting) != wanted:
            said = "Whisper " if name == "whisper" and setting == "model" else f"{setting} "
            yield f"{said}{known.get(setting)} instead of {wanted}"


def _title(name: object, judge: Mapping[str, Any]) -> str:
    model = str(judge.get("model", ""))
    return f"{name} {model}".strip() if "/" not in model else str(name)


def _rows(
    run: Run, arm: str, metric: PublishedMetric, ours: str, why: Sequence[str]
) -> Iterator[dict[str, object]]:
    own = run.summary[(run.summary["arm"] == arm) & (run.summary["metric"] == ours)]
    base = {"arm": arm, "published_metric": metric.key, "metric": ours, "why": "; ".join(why)}
    for condition, part in own.groupby("condition", sort=True):
        known = part[part["language"].isin(list(metric.figures)) & part["mean"].notna()]
        for row in known.to_dict("records"):
            printed = metric.figures[str(row["language"])]
            yield {
                **base, "condition": condition, "language": row["language"],
                **_beside({str(k): v for k, v in row.items()}, printed, bool(why)),
            }  # fmt: skip
        if len(known):
            mean = sum(metric.figures[str(code)] for code in known["language"]) / len(known)
            yield {
                **base, "condition": condition, "language": ALL, **_mean(known, mean),
            }  # fmt: skip


def _beside(row: Mapping[str, Any], printed: float, unlike: bool) -> dict[str, object]:
    low, high = float(row["ci_low"]), float(row["ci_high"])
    verdict = NOT_COMPARABLE
    if not unlike and math.isfinite(low) and math.isfinite(high):
        verdict = AGREES if low <= printed <= high else DIFFERS
    return {
        "ours": float(row["mean"]), "ci_low": low, "ci_high": high, "n": int(row["n"]),
        "published": printed, "comparable": not unlike, "verdict": verdict,
    }  # fmt: skip


def _mean(known: pd.DataFrame, printed: float) -> dict[str, object]:
    """Return the unweighted means over the languages that both have; they carry no verdict."""
    return {
        "ours": float(known["mean"].mean()), "ci_low": float("nan"), "ci_high": float("nan"),
        "n": int(known["n"].sum()), "published": printed, "comparable": False, "verdict": "",
    }  # fmt: skip
