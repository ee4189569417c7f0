"""A trained GPT and conditioner as a checkpoint that `XTTS.from_pretrained` opens."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from xtts_lab.checkpoint import codec, native
from xtts_lab.checkpoint.parts import load_part
from xtts_lab.conditioners.base import Conditioner
from xtts_lab.model import ModelConfig, XttsModel, part
from xtts_lab.nn.dvae import Dvae
from xtts_lab.nn.gpt import Gpt
from xtts_lab.nn.speaker_encoder import SpeakerEncoder
from xtts_lab.training.gpt.codes import VOCABULARY
from xtts_lab.training.gpt.sources import Sources, Tokenised
from xtts_lab.types import Part

CHUNK_S = 6.0
"""References are cut where the longest of training ended."""

PENALTY = 1.0
"""None: XTTS-v2's 5.0 is for 21.5 codes a second, which hardly recur; shorter ones rightly do."""


def export_run(
    folder: Path,
    config: ModelConfig,
    gpt: Gpt,
    conditioner: Conditioner,
    sources: Sources,
    vocoder: Path | None,
    speaker_encoder: SpeakerEncoder | None = None,
) -> None:
    """Write `model.safetensors`, `config.json`, `vocab.json` and a card into a run's folder.

    The vocoder is that of the run `vocoder`, if it has come to one by now, else Griffin-Lim.
    """
    chosen: Part = part("vocoders", "griffin_lim")
    module: nn.Module | None = None
    if vocoder is not None and (vocoder / codec.VOCODER).is_file():
        chosen, module, _ = load_part(vocoder / codec.VOCODER, "vocoders", config.sizes)
    whole = replace(
        config,
        vocoder=chosen,
        cloning=replace(config.cloning, chunk_s=CHUNK_S),
        sampling=replace(config.sampling, repetition_penalty=PENALTY),
        languages=languages_of(sources),
    )
    model = XttsModel(whole)
    model.gpt.load_state_dict(gpt.state_dict())
    model.conditioner.load_state_dict(conditioner.state_dict())
    model.dvae = _dvae(vocoder, sources)
    model.speaker_encoder = speaker_encoder
    if module is not None:
        model.vocoder.load_state_dict(module.state_dict())
    fresh = folder / ".export"
    shutil.rmtree(fresh, ignore_errors=True)
    native.export(
        fresh, model, sources.folder / VOCABULARY, note=note_of(sources), name=folder.name
    )
    for path in sorted(fresh.iterdir()):
        path.replace(folder / path.name)
    fresh.rmdir()


def _dvae(vocoder: Path | None, sources: Sources) -> Dvae:
    """The DVAE beside the vocoder, whose decoder may have been tuned, where its codes are ours."""
    if vocoder is None or not (vocoder / codec.DVAE).is_file():
        return sources.dvae
    beside, own = codec.load_dvae(vocoder / codec.DVAE), sources.dvae
    if beside.config != own.config:
        return own
    ours, theirs = own.encoder.state_dict(), beside.encoder.state_dict()
    same = all(torch.equal(tensor.cpu(), theirs[name]) for name, tensor in ours.items())
    return beside if same else own


def languages_of(sources: Tokenised) -> tuple[str, ...]:
    """What the training splits speak."""
    tables = [corpus.split("train") for corpus in sources.corpora]
    return tuple(sorted({str(name) for table in tables for name in table["language"].unique()}))


def note_of(sources: Tokenised) -> str:
    """A line for the model card on what the model was trained on."""
    tables = [(corpus, corpus.split("train")) for corpus in sources.corpora]
    hours = sum(float(table["samples"].sum()) / c.sample_rate / 3600 for c, table in tables)
    cards = [corpus.card for corpus in sources.corpora]
    titles = ", ".join(
        f"{card.get('name')} ({(card.get('content_sha256') or 'unfinished')[:12]})"
        for card in cards
    )
    return f"Trained on {hours:.1f} hours of {titles}."
