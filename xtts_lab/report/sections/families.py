"""Families of arms in a report: the training seed as the unit, and what a seed changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from xtts_lab.report.numbers import BLANK, figure, probability, span
from xtts_lab.report.tables import Cell, Table, metric_head, records, upright
from xtts_lab.runs.comparability import mixed_within
from xtts_lab.runs.metric_use import metric_info
from xtts_lab.runs.reading import Run
from xtts_lab.statistics.families import family_figures, seed_parts
from xtts_lab.statistics.rules import ENOUGH_SEEDS

Key = tuple[str, str, str]


def family_tables(run: Run) -> list[Table]:
    """Return the families' figures, their differences and what a seed changes; none without any."""
    families = declared(run)
    if not families:
        return []
    settings = run.experiment.get("statistics") or {}
    mixed = mixed_within(run)
    info = {name: one for name, one in metric_info(run.uses).items() if name not in mixed}
    scores = run.scores[run.scores["metric"].isin(list(info))]
    found = family_figures(
        families,
        scores,
        run.trials,
        info,
        confidence=run.confidence,
        resamples=int(settings.get("resamples", 2000)),
        seed=int(run.experiment.get("seed") or 0),
    )
    parts = seed_parts(families, scores, run.trials, info, run.confidence)
    tables = [_levels(run, families, found), _differences(run, families, found)]
    return [table for table in (*tables, _seeds(run, families, parts)) if table.rows]


def declared(run: Run) -> dict[str, list[str]]:
    """Return the families of a run's experiment, with those of their arms that were run."""
    written = (run.experiment.get("statistics") or {}).get("families") or {}
    known = {str(n): [str(a) for a in arms if str(a) in run.arms] for n, arms in written.items()}
    return {name: arms for name, arms in known.items() if arms}


def _levels(run: Run, families: Mapping[str, Sequence[str]], found: pd.DataFrame) -> Table:
    own = _by_key(found[found["baseline"] == ""])
    remark = (
        f"Mean over a family's training seeds and over languages, {run.confidence:.0%} interval "
        f"over training seeds, speakers and sentences. With fewer than {ENOUGH_SEEDS} seeds the "
        "interval is that of these checkpoints."
    )
    rows = [
        _row(run, own, (family, condition), arms, _level)
        for family, arms, condition in _lines(families, found)
    ]
    return upright(Table("Families", _head(run), rows, remark=remark))


def _differences(run: Run, families: Mapping[str, Sequence[str]], found: pd.DataFrame) -> Table:
    first = next(iter(families))
    own = _by_key(found[found["baseline"] != ""])
    remark = (
        f"Each family minus {first}, paired on the same speakers and sentences. The training seed "
        f"is the unit where both sides have {ENOUGH_SEEDS}; with fewer, verdicts are about these "
        "checkpoints. p-values are adjusted within a metric (Holm); better and worse as in the "
        "comparisons of arms."
    )
    rows = [
        _row(run, own, (family, condition), arms, _difference)
        for family, arms, condition in _lines(families, found)
        if family != first
    ]
    shown = rows if own else []
    head = _head(run, "pp")
    return upright(Table(f"Families: differences from {first}", head, shown, remark=remark))


def _seeds(run: Run, families: Mapping[str, Sequence[str]], parts: pd.DataFrame) -> Table:
    own = _by_key(parts)
    remark = (
        "Standard deviation of one trained model's figure in one pass over the test set: between "
        "training seeds / between sampling seeds; below, the training's share of the variance, "
        f"with its {run.confidence:.0%} interval (one-way analysis of variance, random effects)."
    )
    rows = [
        _row(run, own, (family, condition), arms, _part)
        for family, arms, condition in _lines(families, parts)
    ]
    return upright(Table("Training seed or sampling seed?", _head(run, "pp"), rows, remark=remark))


def _lines(
    families: Mapping[str, Sequence[str]], table: pd.DataFrame
) -> Iterator[tuple[str, Sequence[str], str]]:
    for condition in table["condition"].drop_duplicates():
        yield from ((name, arms, str(condition)) for name, arms in families.items())


def _by_key(table: pd.DataFrame) -> dict[Key, Mapping[str, Any]]:
    return {(r["family"], r["condition"], r["metric"]): r for r in records(table)}


def _head(run: Run, unit: str = "") -> list[Cell]:
    return [Cell("Family"), *(metric_head(run, metric, unit) for metric in run.metrics)]


def _row(
    run: Run,
    found: Mapping[Key, Mapping[str, Any]],
    key: tuple[str, str],
    arms: Sequence[str],
    shown: Callable[[Mapping[str, Any] | None], Cell],
) -> list[Cell]:
    cells = (shown(found.get((*key, metric))) for metric in run.metrics)
    return [_name(run, key[0], arms, key[1]), *cells]


def _name(run: Run, family: str, arms: Sequence[str], condition: str) -> Cell:
    apart = f", {condition}" if len(run.conditions) > 1 else ""
    seeds = f"{len(arms)} training seed{'s' if len(arms) > 1 else ''}"
    return Cell(family, note=seeds + apart, code=True)


def _level(row: Mapping[str, Any] | None) -> Cell:
    if row is None:
        return Cell(BLANK)
    unit = str(row["unit"])
    return Cell(figure(row["value"], unit), span(row["ci_low"], row["ci_high"], unit))


def _difference(row: Mapping[str, Any] | None) -> Cell:
    if row is None:
        return Cell(BLANK)
    unit = str(row["unit"])
    note = f"{row['verdict']}, p = {probability(row['p_adjusted'])}".replace("= <", "<")
    shown = figure(row["value"], unit, signed=True)
    return Cell(shown, span(row["ci_low"], row["ci_high"], unit, signed=True), note)


def _part(row: Mapping[str, Any] | None) -> Cell:
    if row is None:
        return Cell(BLANK)
    unit = str(row["unit"])
    both = [figure(row[name], unit) for name in ("training_sd", "sampling_sd")]
    if not math.isfinite(row["share"]):
        return Cell(" / ".join(both))
    ends = span(row["share_low"], row["share_high"], "ratio")
    return Cell(" / ".join(both), note=f"training {figure(row['share'], 'ratio')} {ends}".strip())
