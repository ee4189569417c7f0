"""The stage `codec_vocoder`: from what the DVAE keeps of speech back to a waveform.

B batch, T samples, N codes, M bands, F mel frames.

The vocoder hears no speaker vector, so that what its speech has of a voice came through the codes.
It learns from the DVAE's own codes of natural speech: first by the mel distance alone, then against
discriminators as well (Vocos, arXiv 2306.00814, with its `pretrain_mel_steps`).
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
from xtts_lab.nn.dvae import Dvae
from xtts_lab.nn.resample import Resampler
from xtts_lab.training.codec.game import Game, sides
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.speech.alphabet import Alphabet
from xtts_lab.training.speech.bank import Bank, waveform
from xtts_lab.training.speech.ears import Ears
from xtts_lab.training.speech.examples import write_pairs
from xtts_lab.training.stage import Batch, Context, OptimiserGroup, Shard, Split, Update
from xtts_lab.types import Part
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.yaml_file import Where

STREAMS: Mapping[Split, int] = {"train": 0, "validation": 1}


class CodecVocoderStage:
    """Train `vocoder` (it reads mel or codes) on `corpora`, beside the DVAE of the run `dvae`.

    `rows` crops of `crop` samples a batch. Until `mel_only_steps` the mel distance alone counts;
    then `mel`, `adversarial` and `feature` weigh the three losses of the generator. The
    discriminators have `channels`, and with `periods` they also fold the waveform.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        corpora: tuple[str, ...],
        dvae: str,
        vocoder: dict[str, Any],
        rows: int = 32,
        crop: int = 24576,
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
        opened = [Corpus.open(context.path(name, "stage.corpora")) for name in corpora]
        nothing = Alphabet("", ())
        self.banks: dict[Split, Bank] = {s: Bank(opened, s, nothing) for s in STREAMS}
        self._dvae_file = context.path(dvae, "stage.dvae") / codec.DVAE
        self.dvae = codec.load_dvae(self._dvae_file)
        self.part = Part(vocoder["name"], {k: v for k, v in vocoder.items() if k != "name"})
        self.vocoder = _built(self.part, self.dvae)
        rate = self.banks["train"].sample_rate
        self.game = Game(self.vocoder.sample_rate, mel, adversarial, feature, channels, periods)
        self.ears = Ears(rate)
        self.natural = Resampler(rate, self.vocoder.sample_rate)
        self._context, self._rows, self._crop = context, rows, crop
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
        seed, stream = self._context.seed, STREAMS[split]
        return self.banks[split].crops(seed, stream, index, self._rows, self._crop, shard)

    def step(self, batch: Batch, step: int, update: Update) -> Mapping[str, Tensor]:
        made, wanted = self.game.inner(*self._pair(waveform(batch)))
        if step < self._mel_only:
            return self.game.mel_only(made, wanted, batch["share"], update)
        return self.game.play(made, wanted, batch["share"], update)

    def validate(self) -> Mapping[str, float]:
        """The mel distance of copied speech."""
        total = 0.0
        for index in range(self._validation_batches):
            made, wanted = self.game.inner(*self._pair(self._held_out(index)))
            total += float(self.game.distance(made, wanted))
        return {"mel": total / self._validation_batches}

    def export(self, folder: Path) -> None:
        """Write `vocoder.safetensors` and the DVAE beside it, which make a codec folder.

        And some natural and copied speech, to listen to.
        """
        files.copy(self._dvae_file, folder / codec.DVAE)
        beside = sha256(self._dvae_file)
        files.write_with(
            folder / codec.VOCODER,
            lambda partial: save_module(partial, "vocoders", self.part, self.vocoder, beside),
        )
        made, wanted = self._pair(self._held_out(0))
        write_pairs(folder / "examples", wanted, made, self.vocoder.sample_rate)

    def _held_out(self, index: int) -> Tensor:
        """Speech [B, T] of a validation batch, on the vocoder's device."""
        batch = self.batch("validation", index, Shard())
        device = next(self.vocoder.parameters()).device
        return waveform({name: tensor.to(device) for name, tensor in batch.items()})

    def _pair(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Speech [B, T] -> its copy through the codes, and itself, both at the vocoder's rate."""
        for module in (self.ears, self.dvae, self.natural):
            module.to(samples.device)
        with torch.no_grad(), torch.autocast(samples.device.type, enabled=False):
            mel = self.ears(samples) / self.dvae.mel.mel_stats.unsqueeze(-1)
            codes = self.dvae.encode(mel)
            inputs = codes if self.vocoder.reads == "codes" else self.dvae.log_mel(codes)
            wanted = self.natural(samples)
        made: Tensor = self.vocoder(inputs, samples.new_zeros(samples.shape[0], 1))
        return made, wanted


def _built(part: Part, dvae: Dvae) -> Vocoder:
    made: Vocoder = build("vocoders", part, codec.sizes(dvae))
    if made.reads == "states":
        raise UsageError(f"stage.vocoder: '{part.name}' reads the GPT's states, not codes or mel")
    if not list(made.parameters()):
        raise UsageError(f"stage.vocoder: '{part.name}' has nothing to train")
    return made
