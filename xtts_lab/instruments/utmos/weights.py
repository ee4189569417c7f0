"""Find, fetch and check the checkpoint of the UTMOS22 strong learner."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import audio, registry
from xtts_lab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Published:
    """A file on the Hugging Face hub; `revision` None where its SHA-256 alone pins it."""

    file: str
    revision: str | None
    sha256: str


PUBLISHED: Mapping[str, Published] = {
    "Blinorot/UTMOS-PyTorch": Published(
        "utmos_state_dict.pt",
        "4f2447e519df3b88567b45583d3500006729502b",
        "21b98001a7d5164d562a40d76aff80ae996deeabe4473c3a6786d1c591c2cc47",
    ),
    "k2-fsa/TTS_eval_models": Published(
        "mos/utmos22_strong_step7459_v1.pt",
        None,
        "38aa51ab79e2a4e09a1449758a4b37e9cbb2e8235a49662a732d33a9ba1e9bff",
    ),
}
"""The authors' checkpoint without fairseq objects, and SpeechMOS's copy as ZipVoice evaluates with.

Revision and hashes are those that public users of these files pin; nobody here has fetched them.
"""


@dataclass(frozen=True)
class Weights:
    """A checkpoint and the SHA-256 that identifies its content."""

    path: Path
    sha256: str


def check_model(model: str) -> str:
    """Return `model` if it is a published hub id or an existing path; else `UsageError`."""
    if model not in PUBLISHED and not Path(model).expanduser().exists():
        known = registry.unknown("UTMOS model", model, PUBLISHED)
        raise UsageError(f"{known}; or give the path of a checkpoint (.pt) or of its folder")
    return model


def locate(model: str) -> Weights:
    """Return a checkpoint on this machine, fetched from the hub if need be.

    A folder must hold one of the published files, or exactly one `.pt`. Raises `UsageError`.
    """
    if model in PUBLISHED:
        published = PUBLISHED[model]
        path = _fetch(model, published)
        sha256 = audio.sha256(path)
        if sha256 != published.sha256:
            raise UsageError(
                f"UTMOS {model}: {published.file} is not the published file (SHA-256 differs); "
                "delete it from the hub's cache and try again"
            )
        return Weights(path, sha256)
    path = Path(model).expanduser()
    path = _in_folder(path) if path.is_dir() else path
    return Weights(path, audio.sha256(path))


def read(path: Path) -> Mapping[str, Tensor]:
    """Return a checkpoint's tensors; runs no code from the file. Raises `UsageError`."""
    import torch

    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(
            f"UTMOS model '{path}' is no torch checkpoint of tensors alone (the authors' Lightning "
            f"file is not either); use one of {', '.join(PUBLISHED)}"
        ) from error
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    tensors: dict[str, Any] = dict(found) if isinstance(found, Mapping) else {"": None}
    if not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        raise UsageError(f"UTMOS model '{path}' holds no state dict")
    return tensors


def _in_folder(folder: Path) -> Path:
    named = [p for p in (folder / one.file for one in PUBLISHED.values()) if p.is_file()]
    found = named or sorted(folder.glob("*.pt"))
    if len(found) != 1:
        raise UsageError(f"UTMOS model '{folder}': holds {len(found)} checkpoints (.pt), not one")
    return found[0]


def _fetch(repository: str, published: Published) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, published.file, revision=published.revision))
    except Exception as error:  # network, permission, absence: all end the same way for a caller
        lines = str(error).strip().splitlines()
        reason = lines[0][:160] if lines else type(error).__name__
        raise UsageError(
            f"UTMOS {repository}: cannot be fetched from the hub ({reason}); "
            "put the file on this machine and give its path as `model`"
        ) from error
