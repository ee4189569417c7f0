"""A checkpoint folder -> a model ready to speak."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from xtts_lab.checkpoint import native
from xtts_lab.checkpoint.assembling import from_native, from_published
from xtts_lab.checkpoint.dvae import read_dvae
from xtts_lab.checkpoint.inspecting import (
    DVAE_STATS,
    PUBLISHED_VOICES,
    Description,
    check_weights_text,
    inspect,
)
from xtts_lab.checkpoint.reading import read_pickle, read_safetensors, tensors_of
from xtts_lab.checkpoint.speakers import load_speakers
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig, XttsModel
from xtts_lab.nn.dvae import Dvae
from xtts_lab.nn.weightless import undrawn
from xtts_lab.types import Voice


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A loaded checkpoint: the model (in `eval` mode, on the CPU) and what lies beside it.

    `weights` is the file that the tensors came from (and, in fp32, still are mapped from: do not
    change it while the model lives); `voices` are its studio speakers by name.
    """

    model: XttsModel
    config: ModelConfig
    vocabulary: Path
    weights: Path
    voices: dict[str, Voice]
    random: bool


def load(source: str | Path, dtype: torch.dtype = torch.float32) -> Checkpoint:
    """Load a published folder, a community fine-tune, our own export, a hub id or a built-in name.

    The published one holds `config.json`, `model.pth`, `vocab.json` and maybe `speakers_xtts.pth`
    and `dvae.pth` with `mel_stats.pth`;
    ours `model.safetensors` in place of `model.pth`. Anything that does not fit is a `UsageError`
    in one line, and nothing in a file is executed.
    """
    found = inspect(source)
    name = found.weights.name
    if found.native:
        check_weights_text(found)
        model = from_native(found.config, read_safetensors(found.weights), name, dtype)
        voices = native.load_voices(found.folder)
    else:
        tensors = tensors_of(read_pickle(found.weights), found.weights)
        model = from_published(found.config, tensors, name, dtype)
        _add_dvae(model, found, dtype)
        voices = load_speakers(found.folder / PUBLISHED_VOICES, missing_ok=True)
    return Checkpoint(model, model.config, found.vocabulary, found.weights, voices, found.random)


def _add_dvae(model: XttsModel, found: Description, dtype: torch.dtype) -> None:
    """Put the DVAE of a published checkpoint, a file of its own, into the model."""
    if found.dvae is None:
        return
    stats = found.folder / DVAE_STATS
    dvae = read_dvae(found.dvae, stats if stats.is_file() else None).to(dtype)
    model.dvae = dvae.eval()
    model.config = replace(model.config, dvae=dvae.config)


def dvae_of(found: Description) -> Dvae:
    """Return a checkpoint's DVAE alone; `UsageError` where it has none."""
    if found.dvae is not None:
        stats = found.folder / DVAE_STATS
        return read_dvae(found.dvae, stats if stats.is_file() else None)
    if not found.native or found.config.dvae is None:
        raise UsageError(f"checkpoint '{found.folder.name}': has no DVAE (dvae.pth, mel_stats.pth)")
    with undrawn():
        dvae = Dvae(found.config.dvae)
    tensors = read_safetensors(found.weights)
    own = {k.removeprefix("dvae."): v.float() for k, v in tensors.items() if k.startswith("dvae.")}
    dvae.load_state_dict(own)
    return dvae.eval().requires_grad_(False)
