"""A trained decoder as a checkpoint that `XTTS.from_pretrained` opens."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from xtts_lab.checkpoint import native
from xtts_lab.conditioners.base import Conditioner
from xtts_lab.decoders.base import Decoder
from xtts_lab.model import ModelConfig, XttsModel
from xtts_lab.nn.gpt import Gpt
from xtts_lab.training.decoders.sources import LevelSources
from xtts_lab.training.gpt.codes import VOCABULARY
from xtts_lab.training.gpt.exporting import CHUNK_S, PENALTY, languages_of, note_of


def export_decoder(
    folder: Path,
    config: ModelConfig,
    gpt: Gpt,
    conditioner: Conditioner,
    decoder: Decoder,
    sources: LevelSources,
) -> None:
    """Write `model.safetensors`, `config.json`, `vocab.json` and a card into a run's folder.

    The codec is in the same file: it is what speaks.
    """
    whole = replace(
        config,
        cloning=replace(config.cloning, chunk_s=CHUNK_S),
        sampling=replace(config.sampling, repetition_penalty=PENALTY),
        languages=languages_of(sources),
    )
    model = XttsModel(whole)
    model.gpt.load_state_dict(gpt.state_dict())
    model.conditioner.load_state_dict(conditioner.state_dict())
    model.decoder.load_state_dict(decoder.state_dict())
    model.codec = sources.codec
    fresh = folder / ".export"
    shutil.rmtree(fresh, ignore_errors=True)
    vocabulary = sources.folder / VOCABULARY
    native.export(fresh, model, vocabulary, note=note_of(sources), name=folder.name)
    for path in sorted(fresh.iterdir()):
        path.replace(folder / path.name)
    fresh.rmdir()
