"""What training a GPT and a conditioner is, wherever they come from.

B rows, N prefix, P positions after it, D width. Loss: cross-entropy of the codes, and of the text
at a weight of 0.01, as XTTS was trained (arXiv 2406.04904).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.conditioners.base import Conditioner
from xtts_lab.model import ModelConfig
from xtts_lab.nn.conditioning_encoder import EncoderBlock
from xtts_lab.nn.gpt import Gpt
from xtts_lab.nn.resample import Resampler
from xtts_lab.nn.speaker_encoder import SpeakerEncoder
from xtts_lab.training.gpt.batches import NONE, Batches, Recipe
from xtts_lab.training.gpt.data import Utterances
from xtts_lab.training.gpt.sources import Tokenised
from xtts_lab.training.stage import (
    STREAMS,
    Batch,
    Context,
    OptimiserGroup,
    Shard,
    Split,
    Update,
)

TEXT_WEIGHT = 0.01


@dataclass(frozen=True)
class Pace:
    """Rates of AdamW and, for the matrices of the GPT's blocks, Muon (0: none); and validation."""

    lr: float
    muon_lr: float
    weight_decay: float
    validation_batches: int


class GptTraining:
    """A GPT and a conditioner in training; stages are this and a way to come by the two."""

    def __init__(
        self,
        context: Context,
        config: ModelConfig,
        gpt: Gpt,
        conditioner: Conditioner,
        sources: Tokenised,
        recipe: Recipe,
        pace: Pace,
        speaker_encoder: SpeakerEncoder | None = None,
    ) -> None:
        """`speaker_encoder` is fixed: a conditioner may read its vectors."""
        self.speaker_encoder = speaker_encoder
        self.config, self.gpt, self.conditioner = config, gpt, conditioner
        self.modules = nn.ModuleDict({"gpt": gpt, "conditioner": conditioner})
        rate = conditioner.intake.sample_rate
        if conditioner.intake.reads == "speaker" and speaker_encoder is not None:
            rate = speaker_encoder.config.sample_rate
        self.resample = Resampler(sources.sample_rate, rate)
        self._summed = SummedLoss()
        self._context, self._sources, self._pace = context, sources, pace
        per_s = config.sizes.codes_per_s
        room = config.gpt.max_codes - round(recipe.reference_s[1] * per_s)
        self._batches: dict[Split, Batches] = {
            split: Batches(
                sources.utterances(split, config.text.max_tokens, room),
                recipe,
                conditioner,
                config.gpt,
                sources.spelling.space,
                per_s,
            )
            for split in STREAMS
        }

    def optimisers(self) -> Mapping[str, OptimiserGroup]:
        everything = [p for p in self.modules.parameters() if p.requires_grad]
        matrices = [
            p for p in self.gpt.blocks.parameters() if p.ndim == 2 and self._pace.muon_lr > 0
        ]
        moved = {id(parameter) for parameter in matrices}
        rest = [p for p in everything if id(p) not in moved]
        group = OptimiserGroup(
            parameters=rest,
            lr=self._pace.lr,
            weight_decay=self._pace.weight_decay,
            matrices=matrices,
            matrix_lr=self._pace.muon_lr or 0.02,
        )  # fmt: skip
        return {"gpt": group}

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        return self._batches[split].batch(self._context.seed, STREAMS[split], index, shard)

    def step(self, batch: Batch, step: int, update: Update) -> Mapping[str, Tensor]:
        del step
        loss, shown = self.objective(batch)
        update("gpt", loss)
        return shown

    def objective(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss, and what the log shows of it; of the batch's tensors alone."""
        losses = self._losses(batch)
        share = self._context.shard.count
        loss = (losses["audio"] + TEXT_WEIGHT * losses["text"]) * share
        return loss, {name: loss.detach() * share for name, loss in losses.items()}

    @property
    def repeated(self) -> list[nn.Module]:
        """What is worth compiling each for itself."""
        encoder = [part for part in self.conditioner.modules() if isinstance(part, EncoderBlock)]
        return [*self.gpt.blocks, *encoder, self._summed]

    def validate(self) -> Mapping[str, float]:
        """Losses in nats a token, on speakers and sentences that training does not see."""
        sums: dict[str, float] = {}
        device = self.gpt.audio_embedding.weight.device
        for index in range(self._pace.validation_batches):
            # Of one seed for all: trainings with several seeds are compared on the same batches.
            batch = self._batches["validation"].batch(0, STREAMS["validation"], index, Shard())
            losses = self._losses({name: tensor.to(device) for name, tensor in batch.items()})
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + float(loss) / self._pace.validation_batches
        return sums

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        """Sums over the rows at hand, divided by the counts of the whole batch."""
        flat = self._flat(batch)
        text_total, audio_total = batch["totals"].unbind()
        # Heads read every position: picking out those that count costs more than it saves.
        text, audio = self.gpt.text_head(flat), self.gpt.audio_head(flat)
        return {
            "audio": self._summed(audio, batch["audio_targets"].flatten()) / audio_total,
            "text": self._summed(text, batch["text_targets"].flatten()) / text_total,
        }

    def code_states(self, batch: Batch) -> Tensor:
        """The states [M, D] that predicted each counted code and the stop, row after row."""
        return self._flat(batch)[batch["audio_targets"].flatten() != NONE]

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
        return states[:, states.shape[1] - batch["tokens"].shape[1] :].flatten(0, 1)

    def _states(self, batch: Batch, prefix: Tensor | None) -> Tensor:
        gpt = self.gpt
        tokens = torch.cat([gpt.text_embedding.weight, gpt.audio_embedding.weight])
        places = torch.cat([gpt.text_position.weight, gpt.audio_position.weight])
        # `index_select`: on a GPU its gradient is added up at once, an embedding's is sorted first.
        packed = tokens.index_select(0, batch["tokens"].flatten())
        packed = packed + places.index_select(0, batch["at"].flatten())
        packed = packed.view(*batch["tokens"].shape, -1)
        return gpt.states(packed if prefix is None else torch.cat([prefix, packed], dim=1))

    @torch.no_grad()
    def _vectors(self, samples: Tensor) -> Tensor:
        """The references' speaker vectors [B, E]; the encoder is fixed."""
        assert self.speaker_encoder is not None
        vectors: Tensor = self.speaker_encoder.to(samples.device)(samples)
        return vectors

    def _prefix(self, batch: Batch) -> Tensor | None:
        if "samples" in batch:
            with torch.autocast(batch["samples"].device.type, enabled=False):
                self.resample.to(batch["samples"].device)
                samples = self.resample(batch["samples"].float() / 32768.0)
            if self.conditioner.intake.reads == "speaker":
                samples = self._vectors(samples)
            heard: Tensor = self.conditioner(samples)
            return heard
        if "codes" in batch:
            return torch.stack([self.conditioner.embed(row) for row in batch["codes"]])
        if "nothing" in batch:
            constant: Tensor = self.conditioner(batch["nothing"])
            return constant
        return None


class SummedLoss(nn.Module):
    """Cross-entropy in float32, summed over what is to be predicted: [N, V], [N] -> scalar.

    A module, so that it can be compiled: by itself it writes the logits of all positions anew five
    times, in float32.
    """

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(logits.float(), targets, ignore_index=NONE, reduction="sum")
