"""Reports: `build` reads a run folder, `build_measured` one of measurements. No torch."""

from __future__ import annotations

from pathlib import Path


def build(run: Path, *, allow_mixed: bool = False) -> None:
    """Write `report.html` (self-contained), `report.md` and `tables.tex`, atomically.

    All depend on the folder's tables and audio alone: a resumed run, which keeps its timings,
    gives the same bytes. Raises `UsageError` where the folder lacks a table, or holds scores made
    by different rules, which get no verdict where they are allowed (`allow_mixed`).
    """
    from xtts_lab.report.page import write  # pandas and Jinja load only where a report is made

    write(run, allow_mixed=allow_mixed)


def build_measured(folder: Path) -> None:
    """Write `report.html` and `report.md` of a folder of measurements (`*.json`), atomically.

    Raises `UsageError` where it holds none, or one that is damaged.
    """
    from xtts_lab.report.measured import write

    write(folder)
