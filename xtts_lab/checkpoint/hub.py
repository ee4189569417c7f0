"""Where a checkpoint lies: a folder, or a pinned revision of a repository on the hub."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from xtts_lab.errors import UsageError

HUB_ID = re.compile(r"(?P<id>[\w.-]{1,96}/[\w.-]{1,96})(@(?P<revision>[0-9a-f]{40}))?")
FILES = (
    "config.json",
    "model.pth",
    "best_model.pth",
    "model.safetensors",
    "vocab.json",
    "speakers_xtts.pth",
    "voices.safetensors",
    "dvae.pth",
    "mel_stats.pth",
)
SUFFIXES = (".pth", ".pt", ".safetensors", ".json", ".yaml")
"""What no repository's name ends in: a file was meant."""

PINNED = {"coqui/XTTS-v2": "6c2b0d75eae4b7047358e3b6bd9325f857d43f77"}
"""Repository -> the commit that is meant when none is named."""


def locate(source: str | Path) -> Path:
    """Return the folder of a checkpoint: a path, or `owner/name@revision` on the hub.

    The revision is a full commit hash, so that what is evaluated cannot change under the same name;
    it may be left out for repositories in `PINNED`. The hub's own cache keeps what was fetched.
    """
    path = Path(source)
    if _is(path.is_dir):
        return path
    if _is(path.is_file):
        raise UsageError(
            f"checkpoint '{source}': is a file; name the folder that holds it, with config.json "
            f"and vocab.json: '{path.parent}'"
        )
    match = HUB_ID.fullmatch(str(source))
    if match is None or path.suffix in SUFFIXES:
        file = "; name the folder and not a file in it" if path.suffix in SUFFIXES else ""
        raise UsageError(
            f"checkpoint '{_short(str(source))}': no such folder, and no hub id "
            f"'owner/name@commit'{file}"
        )
    revision = match["revision"] or PINNED.get(match["id"])
    if revision is None:
        raise UsageError(
            f"checkpoint '{source}': no such folder; for the hub, pin the revision: "
            f"'{match['id']}@<40 hexadecimal digits of a commit>'"
        )
    return _fetch(match["id"], revision)


def _is(what: Callable[[], bool]) -> bool:
    """Ask about a path; one that cannot be (a name over the limit, say) is nothing."""
    try:
        return what()
    except (OSError, ValueError):
        return False


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:77]}..."


def _fetch(repository: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(FILES)))
    except Exception as error:  # network, permission, absence: all end the same way for a caller
        lines = str(error).strip().splitlines()
        reason = lines[0][:160] if lines else type(error).__name__
        raise UsageError(
            f"checkpoint '{repository}@{revision[:12]}': cannot be fetched from the hub ({reason})"
        ) from error
