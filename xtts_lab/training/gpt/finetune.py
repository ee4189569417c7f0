"""The stage `finetune`: a checkpoint, published or ours, goes on learning from further speech."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from xtts_lab.checkpoint import load, native
from xtts_lab.checkpoint.inspecting import inspect
from xtts_lab.training.gpt.batches import Recipe
from xtts_lab.training.gpt.codes import VOCABULARY
from xtts_lab.training.gpt.core import GptTraining, Pace
from xtts_lab.training.gpt.exporting import note_of
from xtts_lab.training.gpt.sources import Sources
from xtts_lab.training.gpt.stage import check
from xtts_lab.training.stage import Context


class FinetuneStage(GptTraining):
    """Train GPT and conditioner of `checkpoint` on `corpora`, tokenised with it by the run `codes`.

    Everything else of the checkpoint stays: vocoder, DVAE, speaker encoder, vocabulary. Settings as
    in `gpt`. A checkpoint whose text front end is the published BPE learns from the corpora's
    text, one with phonemes from their phonemes; items without text are left out.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        checkpoint: str,
        corpora: tuple[str, ...],
        codes: str,
        positions: int = 2000,
        reference_s: tuple[float, float] = (3.0, 6.0),
        drop_condition: float = 0.0,
        spoil_codes: float = 0.0,
        self_masked: bool = False,
        lr: float = 5e-6,
        weight_decay: float = 0.01,
        validation_batches: int = 4,
    ) -> None:
        self._from = inspect(checkpoint)
        self._whole = load(self._from.folder)
        model = self._whole.model
        encoder = model.speaker_encoder
        check(model.conditioner, self_masked, model.config.conditioner.name, encoder)
        bpe = model.config.text.front_end == "bpe"
        sources = Sources.open(context, corpora, codes, bpe)
        # Loaded weights are mapped from their file: training writes into copies.
        for module in (model.gpt, model.conditioner):
            for parameter in module.parameters():
                parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
            module.requires_grad_(True)
        recipe = Recipe(
            positions=positions,
            reference_s=reference_s,
            drop=drop_condition,
            spoil=spoil_codes,
            self_masked=self_masked,
        )
        pace = Pace(
            lr=lr, muon_lr=0.0, weight_decay=weight_decay, validation_batches=validation_batches
        )
        super().__init__(
            context, model.config, model.gpt, model.conditioner, sources, recipe, pace, encoder
        )

    def export(self, folder: Path) -> None:
        """Write a checkpoint of ours: the one that was fine-tuned, with what it has learned."""
        fresh = folder / ".export"
        shutil.rmtree(fresh, ignore_errors=True)
        note = f"Fine-tuned from {self._from.folder.name}. {note_of(self._sources)}"
        vocabulary = self._sources.folder / VOCABULARY
        native.export(
            fresh, self._whole.model, vocabulary, self._whole.voices, note, name=folder.name
        )
        for path in sorted(fresh.iterdir()):
            path.replace(folder / path.name)
        fresh.rmdir()
