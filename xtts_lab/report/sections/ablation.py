"""The ablation grid as matrices: one swept key by metrics, or two swept keys for each metric."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xtts_lab.conditions import ALL
from xtts_lab.report.numbers import BLANK, figure, span
from xtts_lab.report.tables import Cell, Table, metric_head, records, upright, value_cell
from xtts_lab.runs.arm_ids import named_arm, shown_value, suffixes_of
from xtts_lab.runs.reading import Run


@dataclass(frozen=True)
class Grid:
    """The swept keys of one system: their names, their values, and the arm of each cell."""

    system: str
    keys: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    arms: Mapping[tuple[str, ...], str]


def grids(run: Run) -> list[Grid]:
    """Return the ablation grid of each system that has one, as far as its arms were run."""
    swept: dict[str, dict[str, list[Any]]] = {}
    for path, values in (run.experiment.get("ablate") or {}).items():
        swept.setdefault(str(path).split(".")[1], {})[str(path)] = list(values)
    found = [_grid(system, paths, set(run.arms)) for system, paths in swept.items()]
    return [grid for grid in found if grid.arms]


def _grid(system: str, paths: Mapping[str, Sequence[Any]], known: set[str]) -> Grid:
    keys = tuple(suffixes_of([tuple(path.split(".")) for path in paths]))
    values = tuple(tuple(shown_value(v) for v in options) for options in paths.values())
    arms = {}
    for cell in itertools.product(*values):
        arm = named_arm(system, zip(keys, cell, strict=True))
        if arm in known:
            arms[cell] = arm
    return Grid(system, keys, values, arms)


def matrices(run: Run) -> list[Table]:
    """Return the matrices of all grids of one or two keys; more keys have no flat picture."""
    tables: list[Table] = []
    for grid in grids(run):
        for condition in run.conditions:
            if len(grid.keys) == 1:
                tables += _by_metric(run, grid, condition)
            elif len(grid.keys) == 2:
                tables += _by_two_keys(run, grid, condition)
    return tables


def _by_metric(run: Run, grid: Grid, condition: str) -> list[Table]:
    found = _found(run, condition)
    rows = []
    for value in grid.values[0]:
        arm = grid.arms.get((value,))
        cells = [found.get((arm, metric)) for metric in run.metrics]
        if any(cells):
            head = _value_head(run, grid.keys[0], value, arm)
            rows.append([head, *(value_cell(cell) for cell in cells)])
    heads = [Cell(grid.keys[0], code=True), *(metric_head(run, m) for m in run.metrics)]
    return [upright(Table(_caption(run, grid, condition), heads, rows))] if rows else []


def _by_two_keys(run: Run, grid: Grid, condition: str) -> list[Table]:
    found, differences = _found(run, condition), _differences(run, condition)
    tables = []
    for metric in run.metrics:
        rows = [
            [
                Cell(value, code=True),
                *(
                    _cell(run, grid.arms.get((value, other)), metric, found, differences)
                    for other in grid.values[1]
                ),
            ]
            for value in grid.values[0]
        ]
        if any(cell.text != BLANK for row in rows for cell in row[1:]):
            caption = f"{metric}: {_caption(run, grid, condition)}"
            corner = Cell(f"{grid.keys[0]} \\ {grid.keys[1]}", code=True)
            tables.append(
                Table(caption, [corner, *(Cell(v, code=True) for v in grid.values[1])], rows)
            )
    return tables


def _cell(
    run: Run,
    arm: str | None,
    metric: str,
    found: Mapping[tuple[str | None, str], Mapping[str, Any]],
    differences: Mapping[tuple[str | None, str], Mapping[str, Any]],
) -> Cell:
    row, gap = found.get((arm, metric)), differences.get((arm, metric))
    if row is None:
        return Cell(BLANK)
    unit = str(row["unit"])
    shown = Cell(figure(row["mean"], unit), span(row["ci_low"], row["ci_high"], unit))
    strange = "untrained" if arm in run.untrained_arms else ""
    if gap is None:
        return replace(shown, note=strange)
    note = f"{figure(gap['difference'], unit, signed=True)}, {strange or gap['verdict']}"
    return replace(shown, note=note)


def _found(run: Run, condition: str) -> dict[tuple[str | None, str], Mapping[str, Any]]:
    rows = run.summary[(run.summary["language"] == ALL) & (run.summary["condition"] == condition)]
    return {(r["arm"], r["metric"]): r for r in records(rows)}


def _differences(run: Run, condition: str) -> dict[tuple[str | None, str], Mapping[str, Any]]:
    table = run.comparisons
    rows = table[(table["language"] == ALL) & (table["condition"] == condition)]
    return {(r["arm"], r["metric"]): r for r in records(rows)}


def _value_head(run: Run, key: str, value: str, arm: str | None) -> Cell:
    at = run.arms.index(arm) if arm in run.arms else None
    return Cell(value, note="" if at is not None else f"no arm for {key}", arm=at)


def _caption(run: Run, grid: Grid, condition: str) -> str:
    apart = f", {condition}" if len(run.conditions) > 1 else ""
    return f"{grid.system} by {' and '.join(grid.keys)}{apart}"
