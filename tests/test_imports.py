"""The rooms of the house: imports point one way, and the package is light until it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import xtts_lab

PACKAGE = Path(xtts_lab.__file__).parent
BASE = {
    "conditions",
    "types",
    "errors",
    "registry",
    "config",
    "yaml_file",
    "yaml_loader",
    "cache",
    "device",
    "files",
    "languages",
    "notices",
    "records",
    "sizes",
    "threads",
}
SOUND = {"audio", "torchaudio_cpu"}
BLOCKS = {"espeak", "kokoro", "text", "nn"}
PARTS = {"conditioners", "decoders", "vocoders"}

MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(BASE, BASE),
    **dict.fromkeys(SOUND | BLOCKS, BASE | SOUND),
    **dict.fromkeys(PARTS, BASE | SOUND | BLOCKS),
    "kokoro": BASE | SOUND | {"espeak", "nn"},
    "model": BASE | SOUND | BLOCKS | PARTS,
    "checkpoint": BASE | SOUND | BLOCKS | PARTS | {"model"},
    "inference": BASE | SOUND | BLOCKS | PARTS | {"model"},
    "api": BASE | SOUND | BLOCKS | PARTS | {"model", "checkpoint", "inference"},
    "training": BASE | SOUND | BLOCKS | PARTS | {"model", "checkpoint", "inference"},
    "training/corpora/world_texts": BASE | BLOCKS | SOUND | {"data"},
    "systems": BASE | SOUND | BLOCKS | PARTS | {"model", "checkpoint", "inference", "api"},
    "instruments": BASE | SOUND | {"nn"},
    "metrics": BASE | {"espeak", "text"},
    "data": BASE | {"text"},
    "statistics": BASE | {"metrics"},
    "runs": BASE | {"metrics"},
    "runs/compare": BASE | {"metrics", "statistics"},
    "experiment": BASE | {"audio", "data", "runs", "statistics"},
    "report": BASE | {"runs", "statistics"},
    "tracking": BASE | {"report", "runs"},
    "analysis": BASE | {"report", "runs"},
    "cli": BASE | SOUND | {"api", "data", "experiment", "report", "runs", "tracking", "training"},
    "__init__": {"api"},
}


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "xtts_lab":
            found |= {f"xtts_lab.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name for name in found if name.startswith("xtts_lab.")}


def _room(name: str) -> str:
    return name.split(".")[1]


@pytest.mark.parametrize(
    "file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: f.relative_to(PACKAGE).as_posix()
)
def test_imports_point_one_way(file: Path) -> None:
    here = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    reached = {_room(name) for name in _imports(file)} - {here, "__version__"}
    place = file.relative_to(PACKAGE).as_posix().removesuffix(".py")
    allowed = MAY_IMPORT.get(place, MAY_IMPORT.get(here, set()))
    assert reached <= allowed, f"{here} may not import {reached - allowed}"


MOST_FILES = 22


@pytest.mark.parametrize(
    "room",
    sorted({f.parent for f in PACKAGE.rglob("*.py")}),
    ids=lambda r: r.name,
)
def test_no_room_is_crowded(room: Path) -> None:
    assert len(list(room.glob("*.py"))) - 1 <= MOST_FILES, "split it: a room fits on a screen"


HEAVY = ["torch", "torchaudio", "whisper", "resemblyzer", "speechbrain", "pandas", "librosa"]


@pytest.mark.parametrize(
    "code",
    ["import xtts_lab", "from xtts_lab.cli import run_app; run_app(['--help'])"],
    ids=["import", "help"],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    loaded = f"{code}\nimport sys\nprint('LOADED', [m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert done.stdout.rstrip().endswith("LOADED []")


def test_files_and_functions_stay_small() -> None:
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert text.count("\n") <= 400, f"{file.name} is too long"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= 60, f"{file.name}:{node.name} is too long"
