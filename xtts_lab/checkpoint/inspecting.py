"""What a checkpoint is, read no further than its small files; and the hashes of its content."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from xtts_lab import records
from xtts_lab.audio import sha256
from xtts_lab.cache import cache_dir
from xtts_lab.checkpoint import native
from xtts_lab.checkpoint.builtin import builtin_folder
from xtts_lab.checkpoint.config_json import from_published, read_json
from xtts_lab.checkpoint.hub import locate
from xtts_lab.checkpoint.impostors import refuse_impostors
from xtts_lab.checkpoint.reading import read_pickle, tensors_of
from xtts_lab.checkpoint.sizes import check_sizes
from xtts_lab.checkpoint.vocabulary import TEXT_EMBEDDING, check_vocabulary, token_ids
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig
from xtts_lab.types import LANGUAGES

PUBLISHED_WEIGHTS = ("model.pth", "best_model.pth")
DVAE, DVAE_STATS = "dvae.pth", "mel_stats.pth"
PUBLISHED_VOICES = "speakers_xtts.pth"


@dataclass(frozen=True)
class Description:
    """A checkpoint before its weights are read; `random` says that they mean nothing.

    `languages` are those that its vocabulary has a tag for, and the package a text front end.
    `dvae` is the published format's own file of the DVAE, where there is one; our format keeps the
    DVAE with the rest.
    """

    folder: Path
    config: ModelConfig
    weights: Path
    vocabulary: Path
    native: bool
    random: bool
    languages: frozenset[str]
    dvae: Path | None = None

    @property
    def has_dvae(self) -> bool:
        """Whether codes can be made of audio, and decoded without the GPT's states."""
        return self.dvae is not None or self.config.dvae is not None

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of what determines speech: weights, vocabulary, configuration."""
        return {
            "weights_sha256": remembered_sha256(self.weights),
            "vocabulary_sha256": sha256(self.vocabulary),
            "config_sha256": sha256(self.folder / "config.json"),
        }

    def dvae_sha256(self) -> str | None:
        """Return the SHA-256 of the file that holds the DVAE."""
        if not self.has_dvae:
            return None
        return remembered_sha256(self.dvae or self.weights)

    def dvae_hashes(self) -> dict[str, str | None]:
        """Return the SHA-256 of what determines codes and the mel behind them."""
        stats = self.folder / DVAE_STATS
        scaled = self.dvae is not None and stats.is_file()
        return {
            "dvae_sha256": self.dvae_sha256(),
            "mel_stats_sha256": sha256(stats) if scaled else None,
        }

    def voices_sha256(self) -> str | None:
        """Return the SHA-256 of the file of studio voices, where there is one."""
        voices = self.folder / (native.VOICES if self.native else PUBLISHED_VOICES)
        return sha256(voices) if voices.is_file() else None


def inspect(source: str | Path) -> Description:
    """Describe a folder, a hub id or a built-in name. Raises `UsageError` for what does not fit."""
    folder = builtin_folder(str(source)) or locate(source)
    if not folder.is_dir():
        raise UsageError(f"checkpoint '{folder.name}': no such folder")
    return _described(folder, tuple(sorted(_signature(folder))))


def _signature(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Yield name, size and time of change of a folder's files, which a description goes by."""
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):  # a link that leads nowhere
            status = entry.stat()
            yield entry.name, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=32)
def _described(folder: Path, _files: tuple[tuple[str, int, int], ...]) -> Description:
    """Describe a folder once, as long as its files are the same."""
    data = read_json(folder / "config.json")
    vocabulary = folder / "vocab.json"
    ours = native.is_native(data)
    ids = token_ids(vocabulary)
    config = check_sizes(native.config_of(data) if ours else from_published(data, ids))
    weights = folder / native.WEIGHTS if ours else _published_weights(folder)
    if not weights.is_file():
        raise UsageError(f"checkpoint '{folder.name}': holds no {weights.name}")
    dvae = folder / DVAE
    for file in (weights, dvae):
        refuse_impostors(file)
    own_dvae = dvae if dvae.is_file() and not ours else None
    return Description(
        folder=folder,
        config=config,
        weights=weights,
        vocabulary=vocabulary,
        native=ours,
        random=_says_random(data),
        languages=frozenset(code for code in LANGUAGES if f"[{code}]" in ids),
        dvae=own_dvae,
    )


def check_weights_text(found: Description) -> None:
    """Raise `UsageError` for weights that cannot be read, or are for another vocabulary.

    Loading does so as well; this is for planning, and reads no tensor.
    """
    status = found.weights.stat()
    rows = _text_rows(found.weights, status.st_size, status.st_mtime_ns)
    if rows is not None:
        tokens = max(token_ids(found.vocabulary).values()) + 1
        check_vocabulary(tokens, rows, found.weights.name)


@lru_cache(maxsize=32)
def _text_rows(weights: Path, _size: int, _mtime_ns: int) -> int | None:
    """Return how many text tokens weights know; None where they do not say."""
    if weights.suffix == ".safetensors":
        return native.text_tokens(weights)
    embedding = tensors_of(read_pickle(weights), weights).get(TEXT_EMBEDDING)
    return None if embedding is None or embedding.ndim != 2 else embedding.shape[0]


def _says_random(data: dict[str, Any]) -> bool:
    return data.get("weights_random") is True


def _published_weights(folder: Path) -> Path:
    for name in PUBLISHED_WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"checkpoint '{folder.name}': holds none of {', '.join(PUBLISHED_WEIGHTS)}")


def remembered_sha256(path: Path) -> str:
    """Hash a large file once: again only when its path, size or time of change differ."""
    status = path.stat()
    key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
    memory = cache_dir() / "hashes.json"
    known = records.read(memory) or {}
    if not isinstance(known.get(key), str):
        known = {**known, key: sha256(path)}
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time alone
            records.write(memory, known)
    return str(known[key])
