"""Reports: `build` reads a run folder and writes `report.html` and `report.md`. No torch."""

from __future__ import annotations

from pathlib import Path


def build(run: Path) -> None:
    """Write `report.html` (self-contained) and `report.md` of a run folder, atomically.

    Both depend on the folder's tables and audio alone: no times, so that a resumed run gives the
    same bytes. Raises `UsageError` where the folder lacks a table.
    """
    from xtts_lab.report.page import write  # pandas and Jinja load only where a report is made

    write(run)
