"""Checkpoints that the package makes itself, or brings with it, by name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from xtts_lab.audio import sha256
from xtts_lab.cache import cache_dir
from xtts_lab.checkpoint.random_weights import random_checkpoint
from xtts_lab.model import ModelConfig

VERSION = 2
"""Raise it when `ModelConfig.tiny` or the way weights are drawn changes."""

RANDOM = "random-tiny"
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
        folder = cache_dir() / "checkpoints" / f"{name}-{VERSION}"
        if not (folder / "complete").is_file():
            random_checkpoint(folder, ModelConfig.tiny(), seed=0, speakers=("one", "two"))
            (folder / "complete").write_text("")
        return folder
    return _assembled(FIRST if name == "nano" else name.removeprefix("nano-"))


def _assembled(arm: str) -> Path:
    """Put an arm and what it shares together; in the cache, under its content's hash."""
    from xtts_lab.checkpoint.arms import assemble

    weights = NANO / "arms" / f"{arm}.safetensors"
    folder = cache_dir() / "checkpoints" / f"nano-{arm}-{sha256(weights)[:12]}"
    if not (folder / "config.json").is_file():
        fresh = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        assemble(fresh, weights, NANO, NANO / "vocab.json", f"nano-{arm}")
        try:
            fresh.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(fresh, ignore_errors=True)
    return folder
