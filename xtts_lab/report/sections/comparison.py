"""Comparisons as sheets: two runs, or a run beside what was printed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from xtts_lab.conditions import ALL
from xtts_lab.languages import language_name
from xtts_lab.report.formats.sheet import Sheet
from xtts_lab.report.numbers import BLANK, count, figure, listed, probability, span, unit_of
from xtts_lab.report.standing import standing
from xtts_lab.report.tables import WAYS, Cell, Table, records

_COUNTED = ("better", "worse", "undecided")


def of_runs(
    first: str,
    second: str,
    table: pd.DataFrame,
    left_out: Sequence[str],
    notes: Sequence[str],
    confidence: float,
    coverage: tuple[str, str],
    beside: pd.DataFrame,
) -> Sheet:
    """Return the sheet of two runs: B minus A, over all languages and by language.

    `table` has arm_a, arm_b, condition, language, metric, unit, direction, difference, ci_low,
    ci_high, p_adjusted, verdict, speakers, sentences, and what the verdict stands on; `beside` the
    `BESIDE_COLUMNS` of what may not be compared, where it was asked for.
    """
    whole = table[table["language"] == ALL]
    tables = [_overall(whole, confidence)] if len(table) else []
    tables += [_by_language(part, str(m)) for m, part in table.groupby("metric", sort=False)]
    tables += [_side_by_side(beside)] if len(beside) else []
    said = [count(int((whole["verdict"] == v).sum()), v, v) for v in _COUNTED]
    verdicts = listed(said) if len(table) else "nothing was measured alike, so no verdict"
    lead = [f"A is {first}; B is {second}."]
    lead += [f"{side}: {line}" for side, line in zip("AB", coverage, strict=True)]
    lead += [f"B against A: {verdicts}."]
    lead += [f"Not compared: {why}." for why in left_out]
    return Sheet(f"{second} against {first}", lead, tables, list(notes), table)


def _side_by_side(beside: pd.DataFrame) -> Table:
    rows = [
        [
            Cell(str(r["metric"]), note=unit_of(str(r["unit"])), code=True),
            Cell(_pair(r), note=_apart(beside, r)),
            *(_mean(r, side) for side in "ab"),
            Cell(str(r["why"])),
        ]
        for r in records(beside)
    ]
    return Table(
        "Side by side, not to be compared",
        [Cell(h) for h in ("Metric", "Arm", "A", "B", "Measured otherwise")],
        rows,
        labels=2,
        remark="Unweighted means over languages, each of its own run. Judges, normalisers or "
        "versions differ, so that their difference says nothing: there is no verdict.",
    )


def _mean(row: Mapping[str, Any], side: str) -> Cell:
    unit = str(row["unit"])
    ends = span(row[f"{side}_low"], row[f"{side}_high"], unit)
    return Cell(figure(row[side], unit), ends, note=f"n = {int(row[f'{side}_n']):,}")


def _overall(whole: pd.DataFrame, confidence: float) -> Table:
    rows = [
        [
            Cell(str(r["metric"]), note=_way(r), code=True),
            Cell(_pair(r), note=_apart(whole, r)),
            _difference(r),
            Cell(str(r["verdict"]), note="; ".join(_grounds(r))),
            Cell(f"{r['speakers']} / {r['sentences']}"),
        ]
        for r in records(whole)
    ]
    head = ["Metric", "Arm", "B − A", "B is", "Speakers / sentences"]
    return Table(
        "Over all languages",
        [Cell(h) for h in head],
        rows,
        labels=2,
        remark=f"Paired on common speakers and sentences, {confidence:.0%} interval; p-values "
        "adjusted within a metric over the pairs of arms (Holm).",
    )


def _by_language(part: pd.DataFrame, metric: str) -> Table:
    part = part[part["language"] != ALL]
    columns = list(dict.fromkeys((_pair(r), r["condition"]) for r in records(part)))
    found = {(_pair(r), r["condition"], r["language"]): r for r in records(part)}
    rows = [
        [Cell(language_name(code), note=code)]
        + [_difference(found.get((*column, code)), verdict=True) for column in columns]
        for code in part["language"].drop_duplicates()
    ]
    several = part["condition"].nunique() > 1
    head = [Cell(pair, note=condition if several else "") for pair, condition in columns]
    return Table(f"{metric} by language", [Cell("Language"), *head], rows)


def _grounds(row: Mapping[str, Any]) -> list[str]:
    return [f"p = {probability(row['p_adjusted'])}", *standing(row, str(row["unit"]), "A")]


def _pair(row: Mapping[str, Any]) -> str:
    same = row["arm_a"] == row["arm_b"]
    return str(row["arm_a"]) if same else f"{row['arm_b']} (B) − {row['arm_a']} (A)"


def _apart(table: pd.DataFrame, row: Mapping[str, Any]) -> str:
    return str(row["condition"]) if table["condition"].nunique() > 1 else ""


def _way(row: Mapping[str, Any]) -> str:
    unit = "pp" if row["unit"] == "ratio" else unit_of(str(row["unit"]))
    return ", ".join(part for part in (unit, WAYS.get(str(row["direction"]), "")) if part)


def _difference(row: Mapping[str, Any] | None, *, verdict: bool = False) -> Cell:
    if row is None:
        return Cell(BLANK)
    unit = str(row["unit"])
    return Cell(
        figure(row["difference"], unit, signed=True),
        span(row["ci_low"], row["ci_high"], unit, signed=True),
        str(row["verdict"]) if verdict else "",
    )


def of_published(
    title: str,
    source: str,
    run: str,
    table: pd.DataFrame,
    metrics: Mapping[str, Any],
    reasons: Mapping[tuple[str, str], Sequence[str]],
    notes: Sequence[str],
) -> Sheet:
    """Return the sheet of a run beside a publication.

    `table` has arm, published_metric, metric, condition, language, ours, ci_low, ci_high, n,
    published, verdict; `metrics` maps a published metric's key to its `label`, `percent`,
    `decimals` and `remarks`.
    """
    keys = list(dict.fromkeys(str(k) for k in table["published_metric"]))
    groups = [
        (key, arm)
        for key in keys
        for arm in dict.fromkeys(table.loc[table["published_metric"] == key, "arm"])
    ]
    tables = [_beside(table, key, str(arm), metrics[key], reasons) for key, arm in groups]
    lead = [f"Published: {source}", f"Ours: {run}.", _conclusion(table)]
    return Sheet(f"{run} beside: {title}", lead, tables, list(notes), table)


def _conclusion(table: pd.DataFrame) -> str:
    judged = table[table["language"] != ALL]
    comparable = judged[judged["verdict"] != "not comparable"]
    if comparable.empty:
        return "Nothing here is comparable with the publication, and nothing is reproduced by it."
    agrees = int((comparable["verdict"] == "agrees").sum())
    return (
        f"Of {len(judged)} figures {len(comparable)} are comparable; in {agrees} of these our "
        "interval holds the published figure. The others reproduce nothing."
    )


def _beside(
    table: pd.DataFrame,
    key: str,
    arm: str,
    metric: Any,
    reasons: Mapping[tuple[str, str], Sequence[str]],
) -> Table:
    own = table[(table["published_metric"] == key) & (table["arm"] == arm)]
    several = own["condition"].nunique() > 1
    rows = [
        [
            Cell(
                "Mean of these" if r["language"] == ALL else language_name(str(r["language"])),
                note=", ".join(p for p in (_code(r), r["condition"] if several else "") if p),
            ),
            Cell(_printed(r["published"], metric)),
            Cell(_printed(r["ours"], metric), _interval(r, metric)),
            Cell(f"{r['n']:,}"),
            Cell(str(r["verdict"])),
        ]
        for r in records(own)
    ]
    why = list(reasons.get((arm, key), ()))
    said = f"Not comparable: {'; '.join(why)}." if why else "Measured alike, as far as recorded."
    remarks = [f"{remark[0].upper()}{remark[1:]}." for remark in metric.remarks]
    head = ["Language", "Published", f"Ours ({arm})", "n", "Verdict"]
    return Table(
        f"{metric.label}: published, and {own['metric'].iloc[0]} of {arm}",
        [Cell(h) for h in head],
        rows,
        remark=" ".join([said, *remarks]),
    )


def _code(row: Mapping[str, Any]) -> str:
    return "" if row["language"] == ALL else str(row["language"])


def _printed(value: float, metric: Any) -> str:
    """Return a figure with the decimals of the publication."""
    if not math.isfinite(value):
        return BLANK
    text = f"{value * (100 if metric.percent else 1):.{metric.decimals}f}".replace("-", "−")
    return f"{text} %" if metric.percent else text


def _interval(row: Mapping[str, Any], metric: Any) -> str:
    ends = [_printed(row[end], metric).removesuffix(" %") for end in ("ci_low", "ci_high")]
    return "" if BLANK in ends else f"[{', '.join(ends)}]"
