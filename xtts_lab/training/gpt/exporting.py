"""A trained GPT and conditioner as a checkpoint that `XTTS.from_pretrained` opens."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from xtts_lab.checkpoint import codec, native
from xtts_lab.checkpoint.parts import load_part
from xtts_lab.conditioners.base import Conditioner
from xtts_lab.model import ModelConfig, TextDefaults, XttsModel, part
from xtts_lab.nn.gpt import Gpt
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.gpt.codes import VOCABULARY
from xtts_lab.types import Part

CHUNK_S = 6.0
"""References are cut where the longest of training ended."""


@dataclass(frozen=True)
class Languages:
    """The languages that corpora taught, and a line on the corpora themselves."""

    names: tuple[str, ...]
    note: str

    @classmethod
    def of(cls, corpora: Sequence[Corpus]) -> Languages:
        names = {str(n) for c in corpora for n in c.split("train")["language"].unique()}
        hours = sum(
            float(c.split("train")["samples"].sum()) / c.sample_rate / 3600 for c in corpora
        )
        cards = [corpus.card for corpus in corpora]
        titles = ", ".join(f"{card.get('name')} ({card.get('hash', 'no hash')})" for card in cards)
        return cls(tuple(sorted(names)), f"Trained on {hours:.1f} hours of {titles}.")


def export_run(
    folder: Path,
    config: ModelConfig,
    gpt: Gpt,
    conditioner: Conditioner,
    codes: Path,
    languages: Languages,
    vocoder: Path | None,
) -> None:
    """Write `model.safetensors`, `config.json`, `vocab.json` and a card into a run's folder.

    The DVAE is that of the folder `codes`; the vocoder that of the run `vocoder`, if it has come to
    one by now, else Griffin-Lim.
    """
    dvae = codec.load_dvae(codes / codec.DVAE)
    chosen: Part = part("vocoders", "griffin_lim")
    module: nn.Module | None = None
    if vocoder is not None and (vocoder / codec.VOCODER).is_file():
        chosen, module, _ = load_part(vocoder / codec.VOCODER, "vocoders", config.sizes)
    whole = replace(
        config,
        vocoder=chosen,
        dvae=dvae.config,
        text=TextDefaults("phonemes", config.text.max_tokens),
        cloning=replace(config.cloning, chunk_s=CHUNK_S),
        languages=languages.names,
    )
    model = XttsModel(whole)
    model.gpt.load_state_dict(gpt.state_dict())
    model.conditioner.load_state_dict(conditioner.state_dict())
    model.dvae = dvae
    if module is not None:
        model.vocoder.load_state_dict(module.state_dict())
    fresh = folder / ".export"
    shutil.rmtree(fresh, ignore_errors=True)
    native.export(fresh, model, codes / VOCABULARY, note=languages.note, name=folder.name)
    for path in sorted(fresh.iterdir()):
        path.replace(folder / path.name)
    fresh.rmdir()
