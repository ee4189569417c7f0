"""Whether scores may be differenced: made by the same judges, normalisers and versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from xtts_lab.errors import UsageError
from xtts_lab.runs.metric_use import MetricUse
from xtts_lab.runs.reading import Run

_NORMALISER = r'"normaliser": "((?:[^"\\]|\\.)*)"'
_ABSENT = "one that is not recorded"


def unlike(a: Run, b: Run, use: MetricUse, other: MetricUse) -> Iterator[str]:
    """Yield in what the scores of a metric were made otherwise in two runs, a phrase each."""
    yield from _settings(use.spec, other.spec)
    for key in dict.fromkeys(need.partition(":")[0] for need in use.metric.needs):
        first, second = a.judge(key), b.judge(key)
        for name in sorted({*first, *second}):
            if first.get(name) != second.get(name):
                yield f"{key} with {name} {_short(first.get(name))} and {_short(second.get(name))}"
    first, second = a.scoring(use.prefix), b.scoring(use.prefix)
    if first.get("normaliser") != second.get("normaliser"):
        yield f"the text normaliser {_two(first.get('normaliser'), second.get('normaliser'))}"
    if first.get("version") != second.get("version"):
        yield f"version {_two(first.get('version'), second.get('version'))} of the metric"
    if a.versions.get("scoring") != b.versions.get("scoring"):
        yield f"version {_two(a.versions.get('scoring'), b.versions.get('scoring'))} of the scoring"


def _settings(first: Mapping[str, object], second: Mapping[str, object]) -> Iterator[str]:
    for name in dict.fromkeys([*first, *second]):
        if first.get(name) != second.get(name):
            yield f"setting {name} {_short(first.get(name))} and {_short(second.get(name))}"


def _two(first: object, second: object) -> str:
    return " and ".join(_ABSENT if one is None else _short(one) for one in (first, second))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 20 else text[:12] + "…"


def mixed_within(run: Run) -> dict[str, str]:
    """Return metric id -> what differs, for scores of one run that no difference may be taken of.

    Scores name the rules by which texts were normalised; in a language all must be the same.
    """
    recorded = (run.environment.get("metrics") or {}).items()
    heads = tuple(f"{prefix}." for prefix, known in recorded if "normaliser" in known)
    if not heads or "detail" not in run.scores:
        return {}
    ids = [m for m in run.scores["metric"].unique() if str(m).startswith(heads)]
    own = run.scores[run.scores["metric"].isin(ids) & run.scores["value"].notna()]
    rules = own["detail"].astype(str).str.extract(_NORMALISER, expand=False)
    several = own.assign(rules=rules).groupby(["metric", "language"])["rules"].unique()
    found: dict[str, str] = {}
    for place, named in several.items():
        metric, language = place if isinstance(place, tuple) else (place, "")
        known = sorted(_ABSENT if pd.isna(one) else str(one) for one in named)
        if len(known) > 1:
            found.setdefault(str(metric), f"{language} texts normalised by {' and '.join(known)}")
    return found


def without_mixed(run: Run, *, allowed: bool) -> Run:
    """Return a run as it may be reported.

    Raises `UsageError` where its own scores were made by different rules; if that is `allowed`,
    such metrics lose their comparisons and claims, and keep their figures.
    """
    mixed = mixed_within(run)
    if mixed and not allowed:
        metric, what = next(iter(mixed.items()))
        raise UsageError(
            f"{run.path}: {metric}: {what}: not to be compared; run its experiment again, or have "
            "them side by side without a verdict (--allow-mixed)"
        )
    if not mixed:
        return run
    return replace(
        run, comparisons=_without(run.comparisons, mixed), claims=_without(run.claims, mixed)
    )


def _without(table: pd.DataFrame, metrics: Mapping[str, str]) -> pd.DataFrame:
    return table[~table["metric"].isin(list(metrics))] if len(table) else table


def refuse_other_code(run: Run) -> None:
    """Raise `UsageError` where scores are of other versions of the metrics than this code has."""
    for use in run.uses:
        stored = run.scoring(use.prefix).get("version")
        if stored is not None and stored != use.metric.version:
            raise UsageError(
                f"{run.path}: {use.prefix} was scored by version {stored} of the metric, which is "
                f"now {use.metric.version}; run its experiment again"
            )
