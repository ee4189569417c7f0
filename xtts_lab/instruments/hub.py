"""Files of a published model: from a folder, or from the Hugging Face hub at a pinned revision."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xtts_lab.errors import UsageError

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Source:
    """Where a model's files come from: a folder, or a hub id with the commit to take."""

    folder: Path | None
    hub_id: str = ""
    revision: str = ""

    @property
    def name(self) -> str:
        """The source as results record it, without a path of this machine."""
        return self.folder.name if self.folder is not None else f"{self.hub_id}@{self.revision}"


def source_of(model: str, revision: str | None, pinned: tuple[str, str]) -> Source:
    """Return the source that `model` means: an existing folder, or a hub id.

    `pinned` is the published model's id and commit, which need no `revision`; every other hub id
    does, since a branch can change under its name. Touches no network.
    Raises `UsageError` for neither a folder nor a hub id, and for a revision that is no commit.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return Source(folder)
    if not _HUB_ID.fullmatch(model):
        raise UsageError(f"model '{model}' is neither a folder nor a hub id such as {pinned[0]}")
    commit = revision or (pinned[1] if model == pinned[0] else "")
    if not _COMMIT.fullmatch(commit):
        raise UsageError(
            f"model '{model}' needs `revision`, a commit of 40 hex digits, so that results can be "
            "repeated"
        )
    return Source(None, model, commit)


def files(source: Source, alternatives: Sequence[Sequence[str]]) -> list[Path]:
    """Return the path of one file of each group of `alternatives`, the first that is there.

    Raises `UsageError` naming what is absent and the remedy.
    """
    return [_one_of(source, names) for names in alternatives]


def _one_of(source: Source, names: Sequence[str]) -> Path:
    problem = "no such file"
    for name in names:
        if source.folder is not None:
            if (source.folder / name).is_file():
                return source.folder / name
            continue
        try:
            return _downloaded(source, name)
        except (OSError, ValueError) as error:  # what huggingface_hub raises is one of these
            problem = type(error).__name__
    wanted = " or ".join(names)
    remedy = (
        f"connect once to the hub, or give the path of a folder with it as `model` ({problem})"
        if source.folder is None
        else "give the folder of a complete model"
    )
    raise UsageError(f"model '{source.name}': no {wanted}; {remedy}")


def _downloaded(source: Source, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(source.hub_id, name, revision=source.revision))
