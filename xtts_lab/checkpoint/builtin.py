"""Checkpoints that the package makes itself, by name."""

from __future__ import annotations

from pathlib import Path

from xtts_lab.cache import cache_dir
from xtts_lab.checkpoint.random_weights import random_checkpoint
from xtts_lab.model import ModelConfig

VERSION = 2
"""Raise it when `ModelConfig.tiny` or the way weights are drawn changes."""

NAMES = ("random-tiny",)


def builtin_folder(name: str) -> Path | None:
    """Return the folder of a built-in checkpoint, made at its first use; None for other names.

    `random-tiny`: an XTTS of about a million parameters with random weights, a DVAE and two voices,
    to try the bench with. Its speech means nothing.
    """
    if name not in NAMES:
        return None
    folder = cache_dir() / "checkpoints" / f"{name}-{VERSION}"
    if not (folder / "complete").is_file():
        random_checkpoint(folder, ModelConfig.tiny(), seed=0, speakers=("one", "two"))
        (folder / "complete").write_text("")
    return folder
