"""The stage `states_vocoder`: from a trained GPT's states to a waveform, as XTTS speaks.

B rows, N states, T samples. HiFi-GAN or Vocos beside a fixed GPT (`teacher.py`). Other than a
vocoder on codes, it may hear the voice in the states, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xtts_lab import config as configuration
from xtts_lab import files
from xtts_lab.audio import sha256
from xtts_lab.checkpoint import codec
from xtts_lab.checkpoint.parts import save_module
from xtts_lab.errors import UsageError
from xtts_lab.model import build
from xtts_lab.nn.resample import Resampler
from xtts_lab.training.codec.game import Game, sides
from xtts_lab.training.codec.teacher import Teacher
from xtts_lab.training.speech.bank import waveform
from xtts_lab.training.speech.examples import write_pairs
from xtts_lab.training.stage import Batch, Context, OptimiserGroup, Shard, Split, Update
from xtts_lab.types import ModelSizes, Part
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.yaml_file import Where


class StatesVocoderStage:
    """Train `vocoder` (it reads states) beside the finished GPT of the run `gpt`.

    Data are those of that run. Batches of `positions` of the GPT, of which each row gives a crop of
    at most `codes` codes. Losses and schedule as in `codec_vocoder`.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        gpt: str,
        vocoder: dict[str, Any],
        positions: int = 8000,
        codes: int = 48,
        mel_only_steps: int = 2000,
        mel: float = 10.0,
        adversarial: float = 1.0,
        feature: float = 2.0,
        channels: int = 32,
        periods: tuple[int, ...] = (),
        lr: float = 5e-4,
        discriminator_lr: float = 3e-4,
        validation_batches: int = 4,
    ) -> None:
        self.teacher = Teacher(context, context.path(gpt, "stage.gpt"), positions, codes)
        self.part = Part(vocoder["name"], {k: v for k, v in vocoder.items() if k != "name"})
        self.vocoder = _built(self.part, self.teacher.sizes)
        self.game = Game(self.vocoder.sample_rate, mel, adversarial, feature, channels, periods)
        self.natural = Resampler(self.teacher.sample_rate, self.vocoder.sample_rate)
        self._mel_only, self._rates = mel_only_steps, (lr, discriminator_lr)
        self._validation_batches = validation_batches
        self.modules = nn.ModuleDict(
            {"vocoder": self.vocoder, "discriminators": self.game.discriminators}
        )

    @staticmethod
    def complete(settings: dict[str, Any], where: Where) -> dict[str, Any]:
        """Fill in the vocoder's own defaults."""
        vocoder = configuration.resolve("vocoders", settings["vocoder"], where / "vocoder")
        return {**settings, "vocoder": vocoder}

    def optimisers(self) -> Mapping[str, OptimiserGroup]:
        return sides(self.vocoder, self.game, *self._rates)

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        return self.teacher.batch(split, index, shard)

    def step(self, batch: Batch, step: int, update: Update) -> Mapping[str, Tensor]:
        made, wanted = self.game.inner(*self._pair(batch))
        share = torch.ones((), device=made.device)
        if step < self._mel_only:
            return self.game.mel_only(made, wanted, share, update)
        return self.game.play(made, wanted, share, update)

    def validate(self) -> Mapping[str, float]:
        """The mel distance of speech from the states of unseen speakers' utterances."""
        total = 0.0
        for index in range(self._validation_batches):
            made, wanted = self.game.inner(*self._pair(self._held_out(index)))
            total += float(self.game.distance(made, wanted))
        return {"mel": total / self._validation_batches}

    def export(self, folder: Path) -> None:
        """Write `vocoder.safetensors`, which knows its GPT, and some speech to listen to."""
        beside = sha256(self.teacher.weights)
        files.write_with(
            folder / codec.VOCODER,
            lambda partial: save_module(partial, "vocoders", self.part, self.vocoder, beside),
        )
        made, wanted = self._pair(self._held_out(0))
        write_pairs(folder / "examples", wanted, made, self.vocoder.sample_rate)

    def _held_out(self, index: int) -> Batch:
        device = next(self.vocoder.parameters()).device
        batch = self.batch("validation", index, Shard())
        return {name: tensor.to(device) for name, tensor in batch.items()}

    def _pair(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Speech made of the crops' states, and the natural one, [B, T] each."""
        states = self.teacher.states(batch)
        wanted = self.natural.to(states.device)(waveform({"samples": batch["sound"]}))
        made: Tensor = self.vocoder(states, states.new_zeros(states.shape[0], 0))
        return made, wanted


def _built(part: Part, sizes: ModelSizes) -> Vocoder:
    made: Vocoder = build("vocoders", part, sizes)
    if made.reads != "states" or part.name == "diffusion":
        raise UsageError(f"stage.vocoder: '{part.name}' makes no waveform of a GPT's states")
    stride = part.settings.get("code_stride", sizes.code_stride)
    if stride != sizes.code_stride:
        raise UsageError(
            f"stage.vocoder.code_stride: {stride} is not the codec's {sizes.code_stride}"
        )
    return made
