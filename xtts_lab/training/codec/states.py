"""The stage `states_vocoder`: from a trained GPT's states to a waveform, as XTTS speaks.

B rows, M states of all rows, N states a crop, D width, T samples.

The GPT is fixed. It reads natural utterances with a reference of the same speaker (teacher
forcing), and the states that predicted their codes are what the vocoder learns to speak from:
HiFi-GAN or Vocos (arXiv 2406.04904, section 2.3). Other than a vocoder on codes, it may hear the
voice in the states, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from xtts_lab import config as configuration
from xtts_lab import files
from xtts_lab.audio import sha256
from xtts_lab.checkpoint import codec
from xtts_lab.checkpoint.loading import load
from xtts_lab.checkpoint.parts import save_module
from xtts_lab.errors import UsageError
from xtts_lab.model import build
from xtts_lab.nn.resample import Resampler
from xtts_lab.training.codec.game import Game, sides
from xtts_lab.training.gpt.stage import GptStage
from xtts_lab.training.speech import draws
from xtts_lab.training.speech.bank import waveform
from xtts_lab.training.speech.examples import write_pairs
from xtts_lab.training.stage import Batch, Context, OptimiserGroup, Shard, Split, Update
from xtts_lab.types import Part
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.yaml_file import Document, Where

CROPS: Mapping[Split, int] = {"train": 2, "validation": 3}
"""Streams of draws beside those of the GPT's own batches."""
FRESH = {"drop_condition": 0.0, "spoil_codes": 0.0, "vocoder": None}
"""What the GPT's own recipe did to its inputs, left out here."""


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
        folder = context.path(gpt, "stage.gpt")
        self.gpt, self._weights = _trained(context, folder, positions)
        self.part = Part(vocoder["name"], {k: v for k, v in vocoder.items() if k != "name"})
        self.vocoder = self._built()
        self.game = Game(self.vocoder.sample_rate, mel, adversarial, feature, channels, periods)
        self._context, self._rate = context, self.gpt.sample_rate
        self.natural = Resampler(self._rate, self.vocoder.sample_rate)
        self._codes, self._mel_only, self._rates = codes, mel_only_steps, (lr, discriminator_lr)
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
        """The GPT's batch, and of each row: where its crop begins in its states, and its sound.

        All crops of a batch have as many codes as the shortest row allows.
        """
        made = self.gpt.batch(split, index, shard)
        counts = made["counts"].numpy() - 1  # the stop token sounds like nothing
        size = int(min(self._codes, counts.min()))
        random = draws.generator(self._context.seed, CROPS[split], index)
        starts = (random.random(len(counts)) * (counts - size + 1)).astype(np.int64)
        utterances = self.gpt.utterances(split).all
        samples = [
            self._crop(utterances[int(place)], int(start), size)
            for place, start in zip(made["places"], starts, strict=True)
        ]
        offsets = np.cumsum(made["counts"].numpy()) - made["counts"].numpy()
        return {
            **made,
            "crop_at": torch.from_numpy((offsets + starts)[:, None] + np.arange(size)),
            "sound": torch.from_numpy(np.stack(samples)),
        }

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
        beside = sha256(self._weights)
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
        device = batch["sound"].device
        self.gpt.modules.to(device)
        self.natural.to(device)
        with torch.no_grad():
            states = self.gpt.code_states(batch)[batch["crop_at"]]
            wanted = self.natural(waveform({"samples": batch["sound"]}))
        made: Tensor = self.vocoder(states.float(), states.new_zeros(states.shape[0], 0))
        return made, wanted

    def _crop(self, utterance: Any, start: int, size: int) -> Any:
        """The samples behind codes `start` to `start + size`, int16; silence beyond the end."""
        per_code = self._rate / self.gpt.config.sizes.codes_per_s
        first, length = round(start * per_code), round(size * per_code)
        found = utterance.corpus.samples(utterance.number)[first : first + length]
        return np.pad(found, (0, length - len(found)))

    def _built(self) -> Vocoder:
        sizes = self.gpt.config.sizes
        made: Vocoder = build("vocoders", self.part, sizes)
        if made.reads != "states":
            raise UsageError(f"stage.vocoder: '{self.part.name}' reads no states of a GPT")
        stride = self.part.settings.get("code_stride", sizes.code_stride)
        if stride != sizes.code_stride:
            raise UsageError(
                f"stage.vocoder.code_stride: {stride} is not the codec's {sizes.code_stride}"
            )
        return made


def _trained(context: Context, folder: Path, positions: int) -> tuple[GptStage, Path]:
    """The stage of a finished GPT's run, with what it learned, fixed; and the file of its weights.

    Raises `UsageError` where the run is of another stage or has exported nothing.
    """
    path = folder / "config.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))["stage"] if path.is_file() else {}
    if settings.get("name") != "gpt" or not (folder / "model.safetensors").is_file():
        raise UsageError(f"stage.gpt: {folder} holds no finished run of the stage 'gpt'")
    place = Where(Document(str(path))) / "stage"
    settings = {**settings, **FRESH, "positions": positions}
    stage = configuration.build("stages", settings, place, replace(context, folder=folder))
    assert isinstance(stage, GptStage)
    model = load(folder).model
    stage.gpt.load_state_dict(model.gpt.state_dict())
    stage.conditioner.load_state_dict(model.conditioner.state_dict())
    stage.modules.eval().requires_grad_(False)
    return stage, folder / "model.safetensors"
