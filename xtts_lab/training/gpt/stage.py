"""The stage `gpt`: codes after text and reference, with any conditioner.

B rows, N prefix, P positions after it, D width. Loss: cross-entropy of the codes, and of the text
at a weight of 0.01, as XTTS was trained (arXiv 2406.04904).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab import config as configuration
from xtts_lab.conditioners.base import Conditioner
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig, TextDefaults, build, part
from xtts_lab.nn.dvae import Dvae
from xtts_lab.nn.gpt import Gpt
from xtts_lab.nn.mel import ConditioningMel
from xtts_lab.nn.resample import Resampler
from xtts_lab.training.gpt.batches import Batches, Recipe
from xtts_lab.training.gpt.data import Utterances
from xtts_lab.training.gpt.exporting import export_run
from xtts_lab.training.gpt.sources import Sources
from xtts_lab.training.stage import Batch, Context, OptimiserGroup, Shard, Split, Update
from xtts_lab.yaml_file import Where

TEXT_WEIGHT = 0.01
STREAMS: Mapping[Split, int] = {"train": 0, "validation": 1}


class GptStage:
    """Train a GPT with a conditioner on `corpora`, tokenised by the run `codes`.

    `conditioner`: its name and settings. Batches of `positions` text and audio tokens, padding
    included. `reference_s`: least and most seconds of reference, drawn for each batch.
    `drop_condition`: the share of batches without it, for `sampling.guidance`. `spoil_codes`: the
    share of input codes replaced by random ones. `self_masked`: the published recipe, where the
    reference is a part of the target. `muon_lr`: of the matrices in the GPT's blocks; 0: AdamW for
    all. `vocoder`: a run whose vocoder is exported with the model (Griffin-Lim without).
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        corpora: tuple[str, ...],
        codes: str,
        conditioner: dict[str, Any],
        layers: int,
        width: int,
        heads: int,
        max_text: int = 256,
        max_audio: int = 608,
        max_piece: int = 130,
        positions: int = 24000,
        reference_s: tuple[float, float] = (3.0, 6.0),
        drop_condition: float = 0.1,
        spoil_codes: float = 0.1,
        self_masked: bool = False,
        lr: float = 1e-3,
        muon_lr: float = 0.0,
        weight_decay: float = 0.01,
        validation_batches: int = 4,
        vocoder: str | None = None,
    ) -> None:
        self._context, self._lr, self._muon_lr = context, lr, muon_lr
        self._weight_decay, self._validation_batches = weight_decay, validation_batches
        self._vocoder = None if vocoder is None else context.out / vocoder
        self._sources = Sources.open(context, corpora, codes)
        self.config = ModelConfig(
            gpt=self._sources.gpt(layers, width, heads, max_text, max_audio),
            conditioner=part("conditioners", **conditioner),
            dvae=self._sources.dvae.config,
            speaker_encoder=None,
            text=TextDefaults("phonemes", max_piece),
        )
        self._build()
        _check(self.conditioner, self_masked, conditioner)
        recipe = Recipe(positions, reference_s, drop_condition, spoil_codes, self_masked)
        self._batches = self._open_batches(recipe, max_piece)

    def _build(self) -> None:
        # The GPT first: the same seed begins with the same GPT, whatever the conditioner.
        self.gpt = Gpt(self.config.gpt)
        self.conditioner: Conditioner = build(
            "conditioners", self.config.conditioner, self.config.sizes
        )
        _scale_mel(self.conditioner, self._sources.dvae)
        self.modules = nn.ModuleDict({"gpt": self.gpt, "conditioner": self.conditioner})
        heard_at = self.conditioner.intake.sample_rate
        self.resample = Resampler(self._sources.sample_rate, heard_at)

    def _open_batches(self, recipe: Recipe, max_piece: int) -> dict[Split, Batches]:
        per_s, gpt = self.config.sizes.codes_per_s, self.config.gpt
        room = gpt.max_codes - round(recipe.reference_s[1] * per_s)
        return {
            split: Batches(
                self._sources.utterances(split, max_piece, room),
                recipe,
                self.conditioner,
                gpt,
                self._sources.spelling.space,
                per_s,
            )
            for split in STREAMS
        }

    @staticmethod
    def complete(settings: Mapping[str, Any], _where: Where) -> dict[str, Any]:
        """Fill in the conditioner's own defaults."""
        written = settings["conditioner"]
        resolved = configuration.resolve("conditioners", written, _where / "conditioner")
        return {**settings, "conditioner": resolved}

    def optimisers(self) -> Mapping[str, OptimiserGroup]:
        everything = [p for p in self.modules.parameters() if p.requires_grad]
        matrices = [p for p in self.gpt.blocks.parameters() if p.ndim == 2 and self._muon_lr > 0]
        moved = {id(parameter) for parameter in matrices}
        rest = [p for p in everything if id(p) not in moved]
        group = OptimiserGroup(
            rest, self._lr, weight_decay=self._weight_decay, matrices=matrices,
            matrix_lr=self._muon_lr or 0.02,
        )  # fmt: skip
        return {"gpt": group}

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        return self._batches[split].batch(self._context.seed, STREAMS[split], index, shard)

    def step(self, batch: Batch, step: int, update: Update) -> Mapping[str, Tensor]:
        del step
        losses = self._losses(batch)
        share = self._context.shard.count
        update("gpt", (losses["audio"] + TEXT_WEIGHT * losses["text"]) * share)
        return {name: loss.detach() * share for name, loss in losses.items()}

    def validate(self) -> Mapping[str, float]:
        """Losses in nats a token, on speakers and sentences that training does not see."""
        sums: dict[str, float] = {}
        device = self.gpt.audio_embedding.weight.device
        for index in range(self._validation_batches):
            # Of one seed for all: trainings with several seeds are compared on the same batches.
            batch = self._batches["validation"].batch(0, STREAMS["validation"], index, Shard())
            losses = self._losses({name: tensor.to(device) for name, tensor in batch.items()})
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + float(loss) / self._validation_batches
        return sums

    def export(self, folder: Path) -> None:
        """Write a checkpoint that `XTTS.from_pretrained` opens."""
        export_run(folder, self.config, self.gpt, self.conditioner, self._sources, self._vocoder)

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        """Sums over the rows at hand, divided by the counts of the whole batch."""
        flat = self._flat(batch)
        text_total, audio_total = batch["totals"].unbind()
        text = self.gpt.text_head(flat[batch["text_target_at"]])
        audio = self.gpt.audio_head(flat[batch["audio_target_at"]])
        return {
            "audio": _sum(audio, batch["audio_targets"]) / audio_total,
            "text": _sum(text, batch["text_targets"]) / text_total,
        }

    def code_states(self, batch: Batch) -> Tensor:
        """The states [M, D] that predicted each counted code and the stop, row after row."""
        return self._flat(batch)[batch["audio_target_at"]]

    @property
    def sample_rate(self) -> int:
        """Of the corpora, in Hz."""
        return self._sources.sample_rate

    def utterances(self, split: Split) -> Utterances:
        """What `places` of a split's batches count."""
        return self._batches[split].utterances

    def _flat(self, batch: Batch) -> Tensor:
        """The states [B * P, D] of all positions after the prefix."""
        states = self._states(batch, self._prefix(batch))
        return states[:, states.shape[1] - batch["index"].shape[1] :].flatten(0, 1)

    def _states(self, batch: Batch, prefix: Tensor | None) -> Tensor:
        gpt = self.gpt
        text = gpt.text_embedding(batch["text"]) + gpt.text_position(batch["text_at"])
        audio = gpt.embed_audio(batch["audio"], batch["audio_at"])
        packed = torch.cat([text, audio])[batch["index"]]
        return gpt.states(packed if prefix is None else torch.cat([prefix, packed], dim=1))

    def _prefix(self, batch: Batch) -> Tensor | None:
        if "samples" in batch:
            with torch.autocast(batch["samples"].device.type, enabled=False):
                self.resample.to(batch["samples"].device)
                samples = self.resample(batch["samples"].float() / 32768.0)
            heard: Tensor = self.conditioner(samples)
            return heard
        if "codes" in batch:
            return torch.stack([self.conditioner.embed(row) for row in batch["codes"]])
        if "nothing" in batch:
            constant: Tensor = self.conditioner(batch["nothing"])
            return constant
        return None


def _sum(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(logits.float(), targets, reduction="sum")


def _scale_mel(conditioner: Conditioner, dvae: Dvae) -> None:
    """Let a mel front end divide by what the DVAE's divides by."""
    mel = getattr(conditioner, "mel", None)
    if isinstance(mel, ConditioningMel) and mel.mel_stats.shape == dvae.mel.mel_stats.shape:
        mel.mel_stats.copy_(dvae.mel.mel_stats)


def _check(conditioner: Conditioner, self_masked: bool, spec: Mapping[str, Any]) -> None:
    reads = conditioner.intake.reads
    if reads == "speaker":
        raise UsageError(
            f"conditioner: '{spec['name']}' needs a trained speaker encoder; "
            "'learned_vector' learns one of its own"
        )
    if self_masked and reads != "audio":
        raise UsageError(f"self_masked: '{spec['name']}' hears no audio; leave it out")
