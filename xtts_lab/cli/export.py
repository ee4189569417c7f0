"""What `export` does: a run's results into an experiment tracker."""

from __future__ import annotations

from pathlib import Path

from xtts_lab.cli import DONE
from xtts_lab.runs.reading import held_to, read_run
from xtts_lab.tracking import export as write_all
from xtts_lab.tracking import open_sink


def export(run: Path, folder: Path, to: str) -> int:
    """Write a run into a sink below a folder, and say what was written."""
    loaded = read_run(run)
    sink = open_sink(to, folder)
    with held_to(run):
        written = write_all(loaded, sink)
    print(f"{written} arms written to {folder}")
    return DONE
