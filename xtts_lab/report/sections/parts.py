"""What each arm is made of: its conditioner, its vocoder, their size and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xtts_lab.report.numbers import BLANK, scaled
from xtts_lab.report.tables import Cell, Table, arm_cell, records
from xtts_lab.runs.reading import Run

Row = Mapping[str, Any]
_TITLES = {"gpt": "GPT"}


def parts(run: Run) -> Table | None:
    """Return arms by parts; None where no arm says anything of them and all are trained."""
    rows = records(run.parts)
    known = [row for row in rows if row["part"]]
    if not known and not run.untrained_arms:
        return None
    reasons = untrained_reasons(run)
    shared = _shared(run, known)
    names = dict.fromkeys(str(row["part"]) for row in known)
    same = {name: _flops_of(known, name) for name in names if name not in shared}
    lines = [
        _line(run, arm, [row for row in rows if row["arm"] == arm], same, reasons)
        for arm in run.arms
    ]
    head = [
        Cell("Arm"),
        *(Cell(_TITLES.get(name, name.capitalize()), note=_costs(of)) for name, of in same.items()),
        Cell("Prefix", note="positions"),
        Cell("Reference", note="seconds used"),
        Cell("Streams"),
        *([Cell("Trained together")] if reasons else []),
    ]
    told = [
        f"All arms share the {_TITLES.get(name, name)}: {cost}." for name, cost in shared.items()
    ]
    return Table("Parts", head, lines, remark=" ".join([*told, _remark(bool(reasons))]))


def untrained_reasons(run: Run) -> dict[str, int]:
    """Return why arms are untrained: reason -> its number in the list below the table."""
    found: dict[str, int] = {}
    for row in records(run.parts):
        for reason in _reasons(row):
            found.setdefault(reason, len(found) + 1)
    return found


def _reasons(row: Row) -> list[str]:
    return [reason for reason in str(row["untrained"]).split("; ") if reason]


def _remark(untrained: bool) -> str:
    said = "Prefix and reference are means over the arm's trials, where it reports them."
    if untrained:
        said += (
            " An arm whose parts were not trained together is untrained, for the reasons with "
            "these numbers, and gets no verdict."
        )
    return said


def _shared(run: Run, rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return what all arms have alike beside conditioner and vocoder: part -> what it costs."""
    found: dict[str, str] = {}
    for part in dict.fromkeys(str(row["part"]) for row in rows):
        own = [row for row in rows if row["part"] == part]
        alike = {(row["name"], scaled(row["parameters"]), scaled(row["flops"])) for row in own}
        if part not in ("conditioner", "vocoder") and len(alike) == 1 and len(own) == len(run.arms):
            (_, parameters, flops), of = alike.pop(), _flops_of(rows, part)
            found[part] = f"{parameters} parameters, {flops} FLOPs" + (f" for {of}" if of else "")
    return found


def _flops_of(rows: list[dict[str, Any]], part: str) -> str:
    """Return what the FLOPs of a part are counted for, if that is the same in all arms."""
    found = {str(row["flops_of"]) for row in rows if row["part"] == part and row["flops_of"]}
    return found.pop() if len(found) == 1 else ""


def _costs(of: str) -> str:
    return f"parameters, FLOPs for {of}" if of else "parameters, FLOPs"


def _line(
    run: Run,
    arm: str,
    rows: list[dict[str, Any]],
    same: Mapping[str, str],
    reasons: Mapping[str, int],
) -> list[Cell]:
    by_part = {str(row["part"]): row for row in rows}
    conditioner = by_part.get("conditioner", {})
    streams = str(rows[0]["streams"]) if rows else ""
    line = [
        replace(arm_cell(run, arm), note=""),
        *(_part(by_part.get(name), of) for name, of in same.items()),
        Cell(_amount(conditioner.get("prefix_length"))),
        Cell(_amount(conditioner.get("reference_s"))),
        Cell({"True": "yes", "False": "no"}.get(streams, BLANK)),
    ]
    if reasons:
        own = sorted(reasons[reason] for reason in _reasons(rows[0])) if rows else []
        line.append(Cell(f"untrained ({', '.join(map(str, own))})" if own else "yes"))
    return line


def _part(row: Row | None, same: str) -> Cell:
    if row is None:
        return Cell(BLANK)
    cost = f"{scaled(row['parameters'])}, {scaled(row['flops'])}"
    if not same and row["flops_of"]:
        cost += f" for {row['flops_of']}"
    return Cell(str(row["name"]), note=cost)


def _amount(value: float | None) -> str:
    """Return a number to one place where it is no whole one."""
    if value is None or not math.isfinite(value):
        return BLANK
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"
