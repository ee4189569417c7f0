"""The committed report of speed is what the toolkit makes of the measurements beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from xtts_lab.cli import run_app
from xtts_lab.runs.measurements import of_folder, read

FOLDER = Path(__file__).parents[1] / "reports" / "latency"


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_one_command_rebuilds_it(name: str, tmp_path: Path) -> None:
    for path in of_folder(FOLDER):
        shutil.copy(path, tmp_path)
    assert run_app(["report", str(tmp_path)]) == 0
    assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("path", of_folder(FOLDER), ids=lambda path: path.stem)
def test_measurements_name_their_machine_and_how_they_were_made(path: Path) -> None:
    found = read(path)
    assert {"device", "torch", "python"} <= set(found.machine)
    assert found.command.startswith(("python benchmarks/", "xtts-lab latency"))
    assert found.made
    assert all(table.rows for table in found.tables)
