"""Two run folders compared: arms of the one with arms of the other, on the items that both have.

An item is a speaker and a sentence; the runs need not have the same plan. What was measured by
different judges, normalisers or versions is refused, and said; on request its figures stand side by
side. Differences are those of B minus those of A.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from xtts_lab.conditions import ALL
from xtts_lab.errors import UsageError
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.registry import unknown
from xtts_lab.runs.comparability import mixed_within, unlike
from xtts_lab.runs.metric_use import MetricUse, metric_info
from xtts_lab.runs.reading import Run
from xtts_lab.statistics.comparisons import judged
from xtts_lab.statistics.summaries import COMPARISON_COLUMNS, compare, untrained

COLUMNS = [
    "arm_a",
    "arm_b",
    *(name for name in COMPARISON_COLUMNS if name not in ("baseline", "arm")),
]
BESIDE_COLUMNS = [
    "metric", "arm_a", "arm_b", "condition", "unit", "a", "a_low", "a_high", "a_n",
    "b", "b_low", "b_high", "b_n", "why",
]  # fmt: skip
_ITEM = ["language", "speaker", "text"]


@dataclass(frozen=True, eq=False)
class RunComparison:
    """`table` has COLUMNS; `left_out` says which metrics were not compared, and why.

    `beside` has BESIDE_COLUMNS: figures of metrics that may not be compared, where asked for.
    """

    table: pd.DataFrame
    left_out: list[str]
    beside: pd.DataFrame
    notes: list[str]
    confidence: float


def arm_pairs(a: Run, b: Run, asked: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return the arms to compare: those `asked` for (`ARM`, or `ARM_A=ARM_B`), else of one name.

    Where no name is shared and each run has one arm, those two. Raises `UsageError` otherwise, or
    for an arm that is unknown.
    """
    if asked:
        return [_pair(text, a.arms, b.arms) for text in asked]
    shared = [(arm, arm) for arm in a.arms if arm in b.arms]
    if shared:
        return shared
    if len(a.arms) == len(b.arms) == 1:
        return [(a.arms[0], b.arms[0])]
    raise UsageError(
        f"the runs share no arm ({', '.join(a.arms)}; {', '.join(b.arms)}); say which to compare, "
        "as in --arm ARM_A=ARM_B"
    )


def _pair(text: str, first: Sequence[str], second: Sequence[str]) -> tuple[str, str]:
    if text in first and text in second:
        return text, text
    # An arm's id may hold '=' itself.
    places = [i for i, character in enumerate(text) if character == "="]
    found = [(text[:i], text[i + 1 :]) for i in places]
    known = [pair for pair in found if pair[0] in first and pair[1] in second]
    if len(known) == 1:
        return known[0]
    left = next((pair for pair in found if pair[0] in first), None)
    if left is not None:
        raise UsageError(f"--arm: {unknown('arm of the second run', left[1], second)}")
    raise UsageError(f"--arm: {unknown('arm of the first run', text, first)}")


def compare_runs(
    a: Run, b: Run, pairs: Sequence[tuple[str, str]], *, allow_mixed: bool = False
) -> RunComparison:
    """Test B minus A for each pair of arms, with the settings of A.

    Holm adjusts within a metric over the pairs at `all`, and over pairs and languages as a second
    family. `allow_mixed`: metrics that may not be compared have their figures side by side. Raises
    `UsageError` where nothing can be compared.
    """
    uses, refused, left_out = _comparable(a, b)
    info = metric_info(uses)
    parts = [_one_pair(a, b, pair, info) for pair in pairs] if uses else []
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    asked = refused if allow_mixed else {}
    beside = pd.DataFrame(
        [row for pair in pairs for row in _beside(a, b, pair, asked)], columns=BESIDE_COLUMNS
    )
    if table.empty and beside.empty:
        why = f": {'; '.join(left_out)}" if left_out else "; they share no speaker and sentence"
        hint = " (--allow-mixed prints them side by side, without a verdict)" if refused else ""
        raise UsageError(f"{a.path} and {b.path}: nothing can be compared{why}{hint}")
    if not table.empty:
        table = _judged(table, 1.0 - a.confidence, a, b)
    notes = list(_notes(a, b, pairs))
    return RunComparison(table[COLUMNS], left_out, beside, notes, a.confidence)


def _comparable(a: Run, b: Run) -> tuple[list[MetricUse], dict[str, str], list[str]]:
    """Return the metrics that both runs measured alike, those that they did not, and all words.

    The second maps metric ids to why their scores may not be differenced.
    """
    others = {use.prefix: use for use in b.uses}
    mixed = {**mixed_within(b), **mixed_within(a)}
    uses: list[MetricUse] = []
    refused: dict[str, str] = {}
    left_out: list[str] = []
    for use in a.uses:
        other = others.pop(use.prefix, None)
        if other is None:
            left_out.append(f"{use.prefix}: measured in the first run only")
            continue
        why = [*unlike(a, b, use, other), *{mixed[m] for m in use.ids.values() if m in mixed}]
        if why:
            left_out.append(f"{use.prefix}: {'; '.join(why)}")
            refused |= dict.fromkeys(use.ids.values(), "; ".join(why))
        else:
            uses.append(use)
    left_out += [f"{prefix}: measured in the second run only" for prefix in others]
    return uses, refused, left_out


def _beside(
    a: Run, b: Run, pair: tuple[str, str], refused: Mapping[str, str]
) -> Iterator[dict[str, object]]:
    """Yield the figures that both arms have over all languages, with no word on who is better."""
    first, second = (_figures(run, arm) for run, arm in zip((a, b), pair, strict=True))
    for metric, condition in first:
        if metric in refused and (metric, condition) in second:
            one, other = first[metric, condition], second[metric, condition]
            sides = {
                f"{side}{end}": row[column]
                for side, row in (("a", one), ("b", other))
                for end, column in (
                    ("", "mean"),
                    ("_low", "ci_low"),
                    ("_high", "ci_high"),
                    ("_n", "n"),
                )
            }
            yield {
                "metric": metric, "arm_a": pair[0], "arm_b": pair[1], "condition": condition,
                "unit": one["unit"], **sides, "why": refused[metric],
            }  # fmt: skip


def _figures(run: Run, arm: str) -> dict[tuple[str, str], dict[str, Any]]:
    own = run.summary[(run.summary["arm"] == arm) & (run.summary["language"] == ALL)]
    return {(str(r["metric"]), str(r["condition"])): r for r in own.to_dict("records")}  # type: ignore[misc]


def _one_pair(a: Run, b: Run, pair: tuple[str, str], info: dict[str, MetricInfo]) -> pd.DataFrame:
    labels = _label("A", pair[0]), _label("B", pair[1])
    sides = list(zip((a, b), pair, labels, strict=True))
    trials = pd.concat([_relabelled(r.trials, arm, label) for r, arm, label in sides])
    scores = pd.concat([_relabelled(r.scores, arm, label) for r, arm, label in sides])
    settings = a.experiment.get("statistics") or {}
    table = compare(
        scores[scores["metric"].isin(list(info))].reset_index(drop=True),
        trials.reset_index(drop=True),
        info,
        baseline=labels[0],
        confidence=a.confidence,
        resamples=int(settings.get("resamples", 2000)),
        seed=int(a.experiment.get("seed", 0)),
    )
    return table.assign(arm_a=pair[0], arm_b=pair[1])


def _relabelled(table: pd.DataFrame, arm: str, label: str) -> pd.DataFrame:
    """Return the rows of an arm under another name, with trial ids that no other run has."""
    own = table[table["arm"] == arm]
    return own.assign(arm=label, trial_id=label + "/" + own["trial_id"].astype(str))


def _judged(table: pd.DataFrame, alpha: float, a: Run, b: Run) -> pd.DataFrame:
    """Adjust p-values over all pairs; a verdict that does not survive it is undecided."""
    labelled = {_label("A", arm) for arm in untrained(a.trials)}
    return judged(table, alpha, labelled | {_label("B", arm) for arm in untrained(b.trials)})


def _label(side: str, arm: str) -> str:
    """Name an arm as no arm of the other run is named."""
    return f"{side}: {arm}"


def _notes(a: Run, b: Run, pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    for one, other in pairs:
        first, second = (_items(run, arm) for run, arm in ((a, one), (b, other)))
        both = first.merge(second, on=_ITEM, suffixes=("_a", "_b"))
        name = one if one == other else f"{one} and {other}"
        yield (
            f"{name}: {len(both):,} items (speaker and sentence) are common, of {len(first):,} in "
            f"the first run and {len(second):,} in the second."
        )
        for column in ("references", "enrolment"):
            if f"{column}_a" in both:
                unlike = int((both[f"{column}_a"] != both[f"{column}_b"]).sum())
                if unlike:
                    yield f"{name}: {unlike:,} of them have other {column} in the second run."
        if one in untrained(a.trials) or other in untrained(b.trials):
            yield (
                f"{name}: weights are random or were not trained together, so the figures say "
                "nothing about speech."
            )


def _items(run: Run, arm: str) -> pd.DataFrame:
    own = run.trials[run.trials["arm"] == arm]
    extra = [c for c in ("references", "enrolment") if c in own]
    return own[[*_ITEM, *extra]].drop_duplicates(_ITEM)
