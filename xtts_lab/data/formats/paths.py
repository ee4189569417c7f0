"""Which files a manifest may name: those below one folder, wherever links lead."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from xtts_lab.errors import UsageError

LIKELY_SHORT_BYTES = 1_000_000  # the header of anything smaller is not worth opening


class Paths:
    """Resolve a manifest's paths, which start at its folder and may not leave `root`.

    `root` is the manifest's folder unless said otherwise. Absolute paths and symbolic links are
    followed first and must end below `root` too. Each file is examined once.
    """

    def __init__(self, manifest: Path, root: Path | None, max_clip_s: float) -> None:
        self._manifest = manifest
        self._base = manifest.parent
        self._root = root if root is not None else manifest.parent
        self._max_clip_s = max_clip_s
        self._folders: dict[str, str] = {}
        self._allowed: dict[str, Path] = {}
        self._known: dict[Path, str | None] = {}
        if root is not None and not root.is_dir():
            raise UsageError(f"root: '{root}' is no folder; name one that holds every clip")

    def clip(self, text: str, line: int, column: str) -> Path:
        """Return the path of a clip that has to be there."""
        path = self.allowed(text, line)
        if path not in self._known:
            self._known[path] = self._problem(path)
        problem = self._known[path]
        if problem is not None:
            raise UsageError(f"{self._manifest}:{line}: {column}: '{text}' {problem}")
        return path

    def allowed(self, text: str, line: int) -> Path:
        """Return the path of a file that may be absent or broken, but lies below `root`."""
        if text in self._allowed:
            return self._allowed[text]
        path = self._base / text
        if ".." in Path(text).parts or not self._is_below(path):
            raise UsageError(
                f"{self._manifest}:{line}: path '{text}' leaves the folder '{self._root}'; keep "
                "files below it, or set root (--root) to a folder that holds them all"
            )
        self._allowed[text] = path
        return path

    @cached_property
    def _real_root(self) -> str:
        return os.path.realpath(self._root)

    def _is_below(self, path: Path) -> bool:
        parent, name = os.path.split(path)
        if parent not in self._folders:
            self._folders[parent] = os.path.realpath(parent)
        real = os.path.join(self._folders[parent], name)  # noqa: PTH118  1e5 rows: strings are quick
        if os.path.islink(real):  # noqa: PTH114
            real = os.path.realpath(real)
        return real.startswith(self._real_root.rstrip(os.sep) + os.sep)

    def _problem(self, path: Path) -> str | None:
        try:
            if not path.is_file():
                return "is no file; check the path (relative ones start at the manifest's folder)"
            if path.stat().st_size < LIKELY_SHORT_BYTES:
                return None
        except (OSError, ValueError):
            return "is no path that can be read"
        duration_s = _duration_s(path)
        if duration_s is None or duration_s <= self._max_clip_s:
            return None
        return (
            f"lasts {duration_s:.0f} s, over the limit of {self._max_clip_s:g} s; cut it, or raise "
            "max_clip_s"
        )


def _duration_s(path: Path) -> float | None:
    """Return what the header says; None for what is no audio, which the instruments record."""
    import soundfile

    try:
        return float(soundfile.info(os.fsencode(path)).duration)
    except (OSError, RuntimeError, ZeroDivisionError):
        return None
