"""The studio voices of `speakers_xtts.pth`: speaker name -> prefix and embedding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from xtts_lab.checkpoint.reading import read_pickle, require_finite
from xtts_lab.errors import UsageError
from xtts_lab.types import Voice


def load_speakers(path: Path, missing_ok: bool = False) -> dict[str, Voice]:
    """Return the voices of a published speaker file by name; none where it is absent."""
    if missing_ok and not path.is_file():
        return {}
    content = read_pickle(path)
    if not isinstance(content, Mapping):
        raise UsageError(f"{path.name}: holds no dictionary of speakers")
    return {str(name): _voice(path, str(name), entry) for name, entry in content.items()}


def save_speakers(path: Path, voices: Mapping[str, Voice]) -> None:
    """Write voices in the published format."""
    entries = {
        name: {
            "gpt_cond_latent": voice.prefix[None].clone(),
            "speaker_embedding": voice.embedding[None, :, None].clone(),
        }
        for name, voice in voices.items()
    }
    torch.save(entries, path)


def _voice(path: Path, name: str, entry: object) -> Voice:
    prefix = entry.get("gpt_cond_latent") if isinstance(entry, Mapping) else None
    embedding = entry.get("speaker_embedding") if isinstance(entry, Mapping) else None
    if not (isinstance(prefix, Tensor) and prefix.ndim == 3 and isinstance(embedding, Tensor)):
        raise UsageError(
            f"{path.name}: speaker '{name}' has no gpt_cond_latent and speaker_embedding"
        )
    require_finite({"prefix": prefix, "embedding": embedding}, f"{path.name}: speaker '{name}'")
    return Voice(prefix[0].float(), embedding.flatten().float())
