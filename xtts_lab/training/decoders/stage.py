"""The stage `decoder`: a GPT, a conditioner, and any decoder over a residual codec's codes.

B rows, P positions, D width, L levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xtts_lab import config as configuration
from xtts_lab.conditioners.base import Conditioner
from xtts_lab.decoders.base import Decoder
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig, TextDefaults, build, part
from xtts_lab.nn.gpt import Gpt
from xtts_lab.nn.mel import ConditioningMel
from xtts_lab.training.decoders.batches import LevelBatches, example_of
from xtts_lab.training.decoders.exporting import export_decoder
from xtts_lab.training.decoders.sources import LevelSources
from xtts_lab.training.gpt.batches import NONE, Recipe
from xtts_lab.training.gpt.core import TEXT_WEIGHT, GptTraining, Pace
from xtts_lab.training.gpt.stage import check
from xtts_lab.training.gpt.time_axis import codes_a_token, set_positions
from xtts_lab.training.stage import STREAMS, Batch, Context, OptimiserGroup, Shard, Split
from xtts_lab.yaml_file import Where


class DecoderStage(GptTraining):
    """Train a `decoder` (its name and settings) with a GPT and a `conditioner` on `corpora`,
    tokenised by the run `codes` with a residual codec.

    The GPT learns what the decoder has it draw: level 1, or all levels with `delay`; a decoder's
    own network learns beside it, from the same batches. Everything else as in the stage `gpt`.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        corpora: tuple[str, ...],
        codes: str,
        conditioner: dict[str, Any],
        decoder: dict[str, Any],
        layers: int,
        width: int,
        heads: int,
        max_text: int = 256,
        max_audio: int = 700,
        max_piece: int = 130,
        positions: int = 12000,
        reference_s: tuple[float, float] = (3.0, 6.0),
        drop_condition: float = 0.1,
        spoil_codes: float = 0.1,
        lr: float = 1e-3,
        muon_lr: float = 0.0,
        weight_decay: float = 0.01,
        validation_batches: int = 4,
        short_steps: int = 0,
        first_spoil: float = 0.5,
        spoil_steps: int = 0,
        shared_time: bool = False,
    ) -> None:
        if context.shard.count > 1:
            raise UsageError("processes: a decoder is trained by one; use one process")
        sources = LevelSources.open(context, corpora, codes)
        config = ModelConfig(
            gpt=sources.gpt(layers, width, heads, max_text, max_audio),
            conditioner=part("conditioners", **conditioner),
            decoder=part("decoders", **decoder),
            vocoder=part("vocoders", "codec"),
            codec=sources.codec.config,
            speaker_encoder=None,
            text=TextDefaults("phonemes", max_piece),
        )
        # The GPT first: the same seed begins with the same GPT, whatever stands beside it.
        gpt = Gpt(config.gpt)
        hears: Conditioner = build("conditioners", config.conditioner, config.sizes)
        check(hears, False, config.conditioner.name, None)
        _scale_mel(hears, sources)
        recipe = Recipe(
            positions=positions, reference_s=reference_s, drop=drop_condition, spoil=spoil_codes,
            self_masked=False, short=short_steps, first_spoil=first_spoil, spoil_steps=spoil_steps,
        )  # fmt: skip
        pace = Pace(
            lr=lr, muon_lr=muon_lr, weight_decay=weight_decay, validation_batches=validation_batches
        )
        super().__init__(context, config, gpt, hears, sources, recipe, pace)
        self.decoder: Decoder = build("decoders", config.decoder, config.sizes)
        self.modules["decoder"] = self.decoder
        self._leveled = {s: LevelBatches(b, self.decoder) for s, b in self._batches.items()}
        if shared_time:
            turn = max_piece + 2 if hears.anew else None
            set_positions(gpt, codes_a_token(self.utterances("train")), turn)

    @staticmethod
    def complete(settings: Mapping[str, Any], where: Where) -> dict[str, Any]:
        """Fill in the parts' own defaults."""
        kinds = {"conditioner": "conditioners", "decoder": "decoders"}
        resolved = {
            slot: configuration.resolve(kind, settings[slot], where / slot)
            for slot, kind in kinds.items()
        }
        return {**settings, **resolved}

    def optimisers(self) -> Mapping[str, OptimiserGroup]:
        """As for a GPT; matrices in the decoder's own blocks go with those of the GPT's."""
        group = super().optimisers()["gpt"]
        if not group.matrices:
            return {"gpt": group}
        blocks = [p for block in self.decoder.repeated for p in block.parameters() if p.ndim == 2]
        moved = {id(parameter) for parameter in blocks}
        rest = [p for p in group.parameters if id(p) not in moved]
        return {"gpt": replace(group, parameters=rest, matrices=[*group.matrices, *blocks])}

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        return self._leveled[split].batch(self._context.seed, STREAMS[split], index, shard)

    def objective(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        losses = self._losses(batch)
        weighted = [
            loss * (TEXT_WEIGHT if name == "text" else 1.0) for name, loss in losses.items()
        ]
        return torch.stack(weighted).sum(), {name: loss.detach() for name, loss in losses.items()}

    @property
    def repeated(self) -> list[nn.Module]:
        """What is worth compiling each for itself."""
        return [*super().repeated, *self.decoder.repeated]

    @torch.no_grad()
    def validate(self) -> Mapping[str, float]:
        """Losses in nats a code, on speakers and sentences that training does not see."""
        sums: dict[str, float] = {}
        device, count = self.gpt.audio_embedding.weight.device, self._pace.validation_batches
        for index in range(count):
            batch = self._leveled["validation"].batch(0, STREAMS["validation"], index, Shard())
            losses = self._losses({name: tensor.to(device) for name, tensor in batch.items()})
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + float(loss) / count
        return sums

    def export(self, folder: Path) -> None:
        """Write a checkpoint that `XTTS.from_pretrained` opens, its codec included."""
        assert isinstance(self._sources, LevelSources)
        export_decoder(folder, self.config, self.gpt, self.conditioner, self.decoder, self._sources)

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        prefix = self._prefix(batch)
        found = self._drafted(batch, prefix) if self.decoder.drafts else {}
        if self.decoder.repeated:
            rows, width = len(batch["said"]), self.config.gpt.width
            nobody = self.gpt.audio_embedding.weight.new_zeros(rows, 0, width)
            heard = nobody if prefix is None else prefix
            found |= self.decoder.losses(example_of(batch, heard))
        return found

    def _drafted(self, batch: Batch, prefix: Tensor | None) -> dict[str, Tensor]:
        """The losses of what the GPT draws."""
        states = self._states(batch, prefix)
        states = states[:, states.shape[1] - batch["tokens"].shape[1] :]
        text_total, audio_total = batch["totals"].unbind()
        text, audio = self.gpt.text_head(states), self.gpt.audio_head(states)
        found = {
            "audio": self._sum(audio, batch["audio_targets"]) / audio_total,
            "text": self._sum(text, batch["text_targets"]) / text_total,
        }
        if self.decoder.depth > 1:
            targets = batch["others_targets"].transpose(1, 2)  # [B, P, L - 1]
            counted = (targets != NONE).sum().clamp(min=1)
            found["levels"] = self._sum(self.decoder.others(states), targets) / counted
        return found

    def _sum(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits [..., V], targets [...] -> scalar, over what is to be predicted."""
        summed: Tensor = self._summed(logits.flatten(0, -2), targets.flatten())
        return summed

    def _states(self, batch: Batch, prefix: Tensor | None) -> Tensor:
        if self.decoder.depth == 1:
            return super()._states(batch, prefix)
        gpt, config = self.gpt, self.config.gpt
        tokens = torch.cat([gpt.text_embedding.weight, gpt.audio_embedding.weight])
        places = torch.cat([gpt.text_position.weight, gpt.audio_position.weight])
        packed = tokens.index_select(0, batch["tokens"].flatten())
        packed = packed + places.index_select(0, batch["at"].flatten())
        packed = packed.view(*batch["tokens"].shape, -1)
        sounds = (batch["tokens"] >= config.text_tokens).unsqueeze(-1)
        packed = packed + sounds * self.decoder.beside(batch["others"])
        return gpt.states(packed if prefix is None else torch.cat([prefix, packed], dim=1))


def _scale_mel(conditioner: Conditioner, sources: LevelSources) -> None:
    """Let a mel front end divide by its corpora's scale."""
    mel = getattr(conditioner, "mel", None)
    if isinstance(mel, ConditioningMel):
        scale = sources.mel_scale()
        if mel.mel_stats.shape == scale.shape:
            mel.mel_stats.copy_(scale)
