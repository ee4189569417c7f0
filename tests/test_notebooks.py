"""The notebooks run from top to bottom, and what is kept of their output is fit to be read."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

pytest.importorskip("ipykernel", reason="notebooks need the extra 'test' or 'notebooks'")
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MACHINE = re.compile(r"(?<![\w.<])/(?:tmp|root|home|work|Users|mnt|data|opt|usr)/[\w.-]+")
MOST_BYTES = 400_000
NAMES = [
    "01_quickstart",
    "02_compare_conditioners",
    "03_multilingual_report",
    "04_streaming_latency",
    "05_inside_the_perceiver",
    "06_add_your_own_metric",
]

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy to run in: notebooks write below their own folder, and read published runs."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("runs"))
    (folder / "reports").symlink_to(ROOT / "reports")
    return folder / "notebooks"


def test_all_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == NAMES


@each
def test_it_runs(path: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    book = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(desk)}}
    NotebookClient(book, timeout=600, kernel_name="python3", resources=place).execute()


@each
def test_what_it_shows_is_kept_and_names_no_machine(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    outputs = [out for cell in book.cells if cell.cell_type == "code" for out in cell.outputs]
    assert not [out for out in outputs if out.output_type == "error"]
    assert any("image/png" in out.get("data", {}) for out in outputs)
    text = path.read_text(encoding="utf-8")
    assert not MACHINE.search(text)
    assert len(text) <= MOST_BYTES


@each
def test_it_uses_the_public_interface(path: Path) -> None:
    code = "\n".join(c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code")
    imported = re.findall(r"^(?:from|import) (xtts_lab[\w.]*)(?: import (.*))?", code, re.MULTILINE)
    public = {"xtts_lab", "xtts_lab.audio", "xtts_lab.metrics.base", "xtts_lab.types"}
    assert {module for module, _ in imported} <= public
    names = {name for module, what in imported if module == "xtts_lab" for name in what.split(", ")}
    assert names <= {"XTTS", "analysis"}
