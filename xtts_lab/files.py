"""Writing files so that they are there whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

PARTIAL = ".partial"


def write_with(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file beside `path`, then move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_with(path, lambda partial: _write(partial, text))


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON atomically."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def copy(source: Path, path: Path) -> None:
    """Copy a file's content atomically."""
    write_with(path, lambda partial: _copy(source, partial))


def remove_partials(folder: Path) -> None:
    """Delete what a killed process left half-written below a folder."""
    for partial in folder.rglob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _copy(source: Path, path: Path) -> None:
    shutil.copyfile(source, path)
