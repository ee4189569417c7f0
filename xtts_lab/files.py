"""Writing files so that they are there whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PARTIAL = ".partial"
_ABANDONED_S = 24 * 3600.0
"""Partial files of another machine, or of a process id that serves again, are swept after a day."""


def write_with(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, then move it into place.

    The file is created exclusively under a name that nobody can foresee, so that no link laid in
    its way is followed; a link, or a folder, where `path` belongs is replaced itself.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{_owner()}.{secrets.token_hex(8)}{PARTIAL}")
    try:
        # Not by `tempfile`, whose files nobody else in a group could read.
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        write(partial)
        if path.is_dir():
            remove(path)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def utf8(data: bytes) -> str:
    """Return UTF-8 text without the byte order marks before it: editors, and joining, add several.

    Raises `UnicodeDecodeError` for what is no such text.
    """
    return data.decode("utf-8").lstrip("\ufeff")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_with(path, lambda partial: _write(partial, text))


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes atomically."""
    write_with(path, lambda partial: _write_bytes(partial, data))


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON atomically."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def copy(source: Path, path: Path) -> None:
    """Copy a file's content atomically."""
    write_with(path, lambda partial: _copy(source, partial))


def read_at_once(path: Path) -> bytes:
    """Return a file's bytes. Raises `OSError`, too, where one would wait for them to come.

    Some files below /proc look like any other, and block.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb") as file:
        content = file.read()
    if content is None:
        raise BlockingIOError(errno.EAGAIN, "has nothing to read", str(path))
    return content


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def holds(path: Path, sha256_hex: object) -> bool:
    """Return whether a path is a file with the bytes of a SHA-256; False where unreadable."""
    try:
        return path.is_file() and sha256(path) == sha256_hex
    except OSError:
        return False


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_partials(folder: Path) -> None:
    """Delete what killed processes left half-written below a folder that is locked for us."""
    for partial in _partials(folder):
        partial.unlink(missing_ok=True)


def sweep_partials(folder: Path) -> None:
    """Delete what dead processes left half-written below a folder that living ones share."""
    for partial in _partials(folder):
        if _abandoned(partial):
            partial.unlink(missing_ok=True)


def _partials(folder: Path) -> Iterator[Path]:
    for root, _folders, names in os.walk(folder):
        for name in names:
            if name.startswith(".") and name.endswith(PARTIAL):
                yield Path(root, name)


def _owner() -> str:
    return f"{hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]}-{os.getpid()}"


def _abandoned(partial: Path) -> bool:
    try:
        if time.time() - partial.stat().st_mtime > _ABANDONED_S:
            return True
    except OSError:  # its owner was faster
        return False
    host, _, process = partial.name.split(".")[1].partition("-")
    if not process.isdecimal() or host != _owner().partition("-")[0]:
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _copy(source: Path, path: Path) -> None:
    shutil.copyfile(source, path)
