"""The answer, before everything else: claims with their verdicts, or what the comparisons say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from xtts_lab.conditions import ALL
from xtts_lab.languages import language_name
from xtts_lab.report.formats.shapes import Shown, interval_svg
from xtts_lab.report.numbers import MOST_NAMED, count, figure, listed, span
from xtts_lab.report.standing import number_of, standing
from xtts_lab.report.tables import records
from xtts_lab.runs.reading import Run

_MEANING = {
    "holds": "the interval lies beyond the margin",
    "refuted": "the interval lies wholly on the other side",
    "undecided": "",
}
_NEEDED = {
    "speakers": "speaker", "sentences": "sentence", "seeds": "training seed a side",
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One claim: its verdict, the effect with its interval, what it rests on, what it lacks."""

    claim: str
    verdict: str
    meaning: str
    effect: str
    interval: str
    basis: str
    need: str
    drawing: Markup


def findings(run: Run) -> list[Finding]:
    """Return the claims of a run in their order; empty where it makes none."""
    return [_finding(run, row) for row in records(run.claims)]


def digest(run: Run) -> list[str]:
    """Return what the comparisons say over all languages, a sentence an arm; empty without any.

    Of many arms, those of which nothing is decided share one.
    """
    overall = run.comparisons[run.comparisons["language"] == ALL]
    decided = set(overall.loc[overall["verdict"] != "undecided", "arm"])
    silent = {str(arm) for arm in overall["arm"]} - decided
    apart = silent if len(silent) > MOST_NAMED else set()
    said = []
    for arm in run.arms:
        for condition in [] if arm in apart else run.conditions:
            part = overall[(overall["arm"] == arm) & (overall["condition"] == condition)]
            if len(part):
                where = f" ({condition})" if len(run.conditions) > 1 else ""
                said.append(f"{arm}{where} against {part['baseline'].iloc[0]}: {_verdicts(part)}.")
    if apart:
        who = f"{len(apart)} {'other arms' if said else 'arms'}"
        said.append(f"{who} against {overall['baseline'].iloc[0]}: undecided in every metric.")
    return said


def _verdicts(part: Any) -> str:
    groups = []
    for verdict in ("better", "worse", "undecided"):
        metrics = [str(m) for m in part.loc[part["verdict"] == verdict, "metric"]]
        if metrics and verdict == "undecided" and len(metrics) > 3:
            groups.append(f"undecided in {count(len(metrics), 'metric')}")
        elif metrics:
            groups.append(f"{verdict} in {listed(metrics)}")
    return "; ".join(groups)


def _finding(run: Run, row: Mapping[str, Any]) -> Finding:
    unit = str(row.get("unit") or run.described.get(str(row["metric"]), ("", ""))[0])
    low, high, value = (number_of(row, name) for name in ("ci_low", "ci_high", "difference"))
    signed, verdict = bool(row["baseline"]), str(row["verdict"])
    bound = _bound(row)
    return Finding(
        claim=str(row["claim"]),
        verdict=verdict,
        meaning=_MEANING.get(verdict, ""),
        effect=figure(value, unit, signed=signed),
        interval=span(low, high, unit, signed=signed),
        basis=". ".join(_basis(row, bound, unit)) + ".",
        need=" ".join(_need(row, verdict)),
        drawing=interval_svg(
            Shown(value, low, high), bound, figure(bound, unit, signed=signed), difference=signed
        ),
    )


def _basis(row: Mapping[str, Any], bound: float, unit: str) -> list[str]:
    said = standing(row, unit, "the baseline" if row["baseline"] else "")
    return [_what(row, bound, unit), _sizes(row), *(part[0].upper() + part[1:] for part in said)]


def _bound(row: Mapping[str, Any]) -> float:
    """Return what the difference, or the arm's own value, is to lie beyond."""
    margin = number_of(row, "margin")
    return -margin if row["baseline"] and row.get("direction") == "lower" else margin


def _what(row: Mapping[str, Any], bound: float, unit: str) -> str:
    language = str(row["language"])
    where = "over all languages" if language == ALL else f"in {language_name(language)}"
    apart = f", {row['condition']}" if row.get("condition") else ""
    against = f" minus {row['baseline']}" if row["baseline"] else ""
    way = {"higher": "to lie above ", "lower": "to lie below "}.get(str(row.get("direction")), "")
    beyond = f"; {way}{figure(bound, unit, signed=bool(row['baseline']))}"
    return f"{row['metric']}, {row['arm']}{against}, {where}{apart}{beyond}"


def _sizes(row: Mapping[str, Any]) -> str:
    return listed(
        [count(int(number_of(row, p) or 0), p[:-1]) for p in ("trials", "speakers", "sentences")]
    )


def _need(row: Mapping[str, Any], verdict: str) -> Iterator[str]:
    reason = str(row.get("reason") or "").strip()
    if reason:
        yield reason[0].upper() + reason[1:].rstrip(".") + "."
    if verdict != "undecided":
        return
    needed = [
        count(int(number_of(row, f"need_{plural}")), noun)
        for plural, noun in _NEEDED.items()
        if math.isfinite(number_of(row, f"need_{plural}"))
    ]
    if needed:
        yield f"To decide it with 80 % power would take about {listed(needed)}."
