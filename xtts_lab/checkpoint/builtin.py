"""Checkpoints that the package makes itself, or brings with it, by name."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from xtts_lab import files, records
from xtts_lab.cache import cache_dir
from xtts_lab.checkpoint.random_weights import random_checkpoint
from xtts_lab.model import ModelConfig
from xtts_lab.notices import say

VERSION = 2
"""Raise it when `ModelConfig.tiny` or the way weights are drawn changes."""

RANDOM = "random-tiny"
HASHES = "hashes.json"
"""Of a folder in the cache: the SHA-256 of each of its files."""
NANO = Path(__file__).resolve().parents[1] / "weights" / "nano"
"""The nano family: an arm a file, and what they share (see `checkpoint.arms`)."""

FIRST = "perceiver"
"""Which of the family `nano` is."""


def names() -> tuple[str, ...]:
    """The names of built-in checkpoints; those of the nano family where its weights are."""
    arms = sorted(path.stem for path in (NANO / "arms").glob("*.safetensors"))
    first = ("nano",) if FIRST in arms else ()
    return (RANDOM, *first, *(f"nano-{arm}" for arm in arms))


def builtin_folder(name: str) -> Path | None:
    """Return the folder of a built-in checkpoint, made at its first use; None for other names.

    `random-tiny`: an XTTS of about a million parameters with random weights, a DVAE and two voices,
    to try the bench with. Its speech means nothing. `nano-perceiver`, `nano-tortoise` and
    `nano-valle`: small models that were trained on synthetic speech alike; `nano` is the first.
    """
    if name not in names():
        return None
    if name == RANDOM:
        return _kept(f"{name}-{VERSION}", _make_random)
    return _assembled(FIRST if name == "nano" else name.removeprefix("nano-"))


def _assembled(arm: str) -> Path:
    """Put an arm and what it shares together; in the cache, under its content's hash."""
    from xtts_lab.checkpoint.arms import assemble

    weights = NANO / "arms" / f"{arm}.safetensors"

    def make(folder: Path) -> None:
        assemble(folder, weights, NANO, NANO / "vocab.json", f"nano-{arm}")

    return _kept(f"nano-{arm}-{files.sha256(weights)[:12]}", make)


def _make_random(folder: Path) -> None:
    random_checkpoint(folder, ModelConfig.tiny(), seed=0, speakers=("one", "two"))


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache, made where it is not there as it was made, file by file."""
    folder = cache_dir() / "checkpoints" / name
    state = _signature(folder)
    if _is_whole(folder, state):
        return folder
    if state:
        say(f"{folder}: is not what was written; made again")
    fresh = folder.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        make(fresh)
        hashes = {path.name: files.sha256(path) for path in fresh.iterdir()}
        records.write(fresh / HASHES, {"files": hashes}, name)
        if folder.is_symlink() or folder.exists():
            files.remove(folder)
        fresh.rename(folder)
    except OSError:
        if not _is_whole(folder, _signature(folder)):  # else another process was faster
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _signature(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of change of each file: what is checked once as long as it is."""
    try:
        status = [(path.name, path.stat()) for path in folder.iterdir()]
    except OSError:
        return (("", 0, 0),) if folder.is_symlink() or folder.exists() else ()
    return tuple(sorted((file, s.st_size, s.st_mtime_ns) for file, s in status))


@lru_cache(maxsize=32)
def _is_whole(folder: Path, _state: tuple[tuple[str, int, int], ...]) -> bool:
    known = (records.read(folder / HASHES, folder.name) or {}).get("files")
    if not isinstance(known, dict) or not known:
        return False
    return all(files.holds(folder / file, sha) for file, sha in known.items())
