"""The stage `codec_vocoder`: from what the DVAE keeps of speech back to a waveform.

B batch, T samples, N codes, M bands, F mel frames.

The vocoder hears no speaker vector, so that what its speech has of a voice came through the codes.
It learns from the DVAE's own codes of natural speech: first by the mel distance alone, then against
discriminators as well (Vocos, arXiv 2306.00814, with its `pretrain_mel_steps`). Where the DVAE is
not there yet, it learns from natural mels, and another run begins from it.
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
from xtts_lab.checkpoint.parts import load_part, save_module
from xtts_lab.errors import UsageError
from xtts_lab.model import build
from xtts_lab.nn.dvae import Dvae
from xtts_lab.nn.mel import DVAE_MEL
from xtts_lab.nn.resample import Resampler
from xtts_lab.training.codec.game import Game, sides
from xtts_lab.training.speech.alphabet import Alphabet
from xtts_lab.training.speech.bank import Bank, waveform
from xtts_lab.training.speech.ears import Ears
from xtts_lab.training.speech.examples import write_pairs
from xtts_lab.training.speech.listener import listener as listen_with
from xtts_lab.training.speech.opening import CorpusName, open_corpora
from xtts_lab.training.stage import (
    STREAMS,
    Batch,
    Context,
    OptimiserGroup,
    Shard,
    Split,
    Update,
)
from xtts_lab.types import ModelSizes, Part
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.yaml_file import Where

DISCRIMINATORS = "discriminators.safetensors"


class CodecVocoderStage:
    """Train `vocoder` (it reads mel or codes) on `corpora`, beside the DVAE of the run `dvae`.

    Without a `dvae` it learns from natural mels. `begin`: a run of this stage whose vocoder and
    discriminators it begins with, instead of chance. `rows` crops of `crop` samples a batch. Until
    `mel_only_steps` the mel distance alone counts; then `mel`, `adversarial` and `feature` weigh
    the three losses of the generator. The discriminators have `channels`, and with `periods` they
    also fold the waveform. With `tune_decoder` the DVAE's decoder learns on beside the vocoder that
    reads its mel, and is exported with it; codes stay what they are. `listen` weighs what the
    recogniser `listener` hears otherwise (see the stage `dvae`); none by default.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        corpora: tuple[CorpusName, ...],
        dvae: str | None = None,
        begin: str | None = None,
        vocoder: dict[str, Any],
        rows: int = 32,
        crop: int = 24576,
        mel_only_steps: int = 2000,
        mel: float = 10.0,
        adversarial: float = 1.0,
        feature: float = 2.0,
        channels: int = 32,
        periods: tuple[int, ...] = (),
        tune_decoder: bool = False,
        listener: str | None = None,
        listen: float = 2.0,
        lr: float = 5e-4,
        discriminator_lr: float = 3e-4,
        validation_batches: int = 4,
    ) -> None:
        opened = open_corpora(context, corpora)
        languages = tuple(sorted({str(x) for one in opened for x in one.items["language"]}))
        spoken = Alphabet("", languages)
        self.banks: dict[Split, Bank] = {s: Bank(opened, s, spoken) for s in STREAMS}
        self.listener = None if listener is None else listen_with(context, listener, languages)
        self._listen = listen
        self._dvae_file = dvae and context.path(dvae, "stage.dvae") / codec.DVAE
        self.dvae = codec.load_dvae(self._dvae_file) if self._dvae_file else None
        self.part = Part(vocoder["name"], {k: v for k, v in vocoder.items() if k != "name"})
        self.vocoder = _built(self.part, self.dvae)
        rate = self.banks["train"].sample_rate
        self.game = Game(self.vocoder.sample_rate, mel, adversarial, feature, channels, periods)
        if begin is not None:
            self._begin(context.path(begin, "stage.begin"))
        self.ears = Ears(rate)
        self.made_ears = Ears(self.vocoder.sample_rate)
        self.natural = Resampler(rate, self.vocoder.sample_rate)
        self._context, self._rows, self._crop = context, rows, crop
        self._mel_only, self._rates = mel_only_steps, (lr, discriminator_lr)
        self._validation_batches = validation_batches
        self.modules = nn.ModuleDict(
            {"vocoder": self.vocoder, "discriminators": self.game.discriminators}
        )
        self._tunes = tune_decoder
        if tune_decoder:
            self.modules["decoder"] = _tunable(self.dvae, self.vocoder, self.part.name)

    @staticmethod
    def complete(settings: dict[str, Any], where: Where) -> dict[str, Any]:
        """Fill in the vocoder's own defaults."""
        vocoder = configuration.resolve("vocoders", settings["vocoder"], where / "vocoder")
        return {**settings, "vocoder": vocoder}

    def optimisers(self) -> Mapping[str, OptimiserGroup]:
        learn = [self.vocoder, self.modules["decoder"]] if self._tunes else [self.vocoder]
        return sides(nn.ModuleList(learn), self.game, *self._rates)

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        seed, stream = self._context.seed, STREAMS[split]
        return self.banks[split].crops(seed, stream, index, self._rows, self._crop, shard)

    def step(self, batch: Batch, step: int, update: Update) -> Mapping[str, Tensor]:
        made, wanted = self.game.inner(*self._pair(waveform(batch)))
        play = self.game.mel_only if step < self._mel_only else self.game.play
        if self.listener is None:
            return play(made, wanted, batch["share"], update)
        heard = self._heard(made, wanted, batch["languages"])
        return {
            **play(made, wanted, batch["share"], update, self._listen * heard),
            "heard": heard.detach(),
        }

    def validate(self) -> Mapping[str, float]:
        """The mel distance of copied speech."""
        total = 0.0
        for index in range(self._validation_batches):
            made, wanted = self.game.inner(*self._pair(self._held_out(index)))
            total += self.game.distance(made, wanted).item()
        return {"mel": total / self._validation_batches}

    def export(self, folder: Path) -> None:
        """Write `vocoder.safetensors` and the DVAE beside it, which make a codec folder.

        Without a DVAE, the discriminators are beside it, for the run that begins from them. And
        some natural and copied speech, to listen to.
        """
        if not self._dvae_file:
            self.game.save(folder / DISCRIMINATORS)
        elif self._tunes and self.dvae is not None:
            codec.save_dvae(folder / codec.DVAE, self.dvae)
        else:
            files.copy(self._dvae_file, folder / codec.DVAE)
        beside = sha256(folder / codec.DVAE) if self._dvae_file else None
        files.write_with(
            folder / codec.VOCODER,
            lambda partial: save_module(partial, "vocoders", self.part, self.vocoder, beside),
        )
        made, wanted = self._pair(self._held_out(0))
        write_pairs(folder / "examples", wanted, made, self.vocoder.sample_rate)

    def _begin(self, folder: Path) -> None:
        """Take over the weights of another run; `UsageError` where it is of other sizes."""
        part, vocoder, _ = load_part(folder / codec.VOCODER, "vocoders", _sizes(self.dvae))
        if part != self.part:
            raise UsageError(f"stage.begin: {folder.name} holds another vocoder than stage.vocoder")
        self.vocoder.load_state_dict(vocoder.state_dict())
        self.game.load(folder / DISCRIMINATORS)

    def _heard(self, made: Tensor, wanted: Tensor, languages: Tensor) -> Tensor:
        assert self.listener is not None
        for module in (self.made_ears, self.listener):
            module.to(made.device)
        mel, natural = self.made_ears.hear(made), self.made_ears(wanted)
        frames = torch.full((mel.shape[0],), mel.shape[-1], device=mel.device)
        heard: Tensor = self.listener(mel, natural, frames, languages)
        return heard

    def _held_out(self, index: int) -> Tensor:
        """Speech [B, T] of a validation batch, on the vocoder's device."""
        batch = self.batch("validation", index, Shard())
        device = next(self.vocoder.parameters()).device
        return waveform({name: tensor.to(device) for name, tensor in batch.items()})

    def _pair(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Speech [B, T] -> its copy through the codes, and itself, both at the vocoder's rate."""
        for module in (self.ears, self.dvae, self.natural):
            if module is not None:
                module.to(samples.device)
        with torch.autocast(samples.device.type, enabled=False):
            with torch.no_grad():
                mel, wanted = self.ears(samples), self.natural(samples)
            inputs = self._inputs(mel)
        made: Tensor = self.vocoder(inputs, samples.new_zeros(samples.shape[0], 1))
        return made, wanted

    def _inputs(self, mel: Tensor) -> Tensor:
        """What the vocoder reads of a natural-log mel [B, M, F]."""
        if self.dvae is None:
            return mel
        with torch.no_grad():
            codes = self.dvae.encode(mel / self.dvae.mel.mel_stats.unsqueeze(-1))
        return codes if self.vocoder.reads == "codes" else self.dvae.log_mel(codes)


def _tunable(dvae: Dvae | None, vocoder: Vocoder, name: str) -> nn.Module:
    """The decoder of a DVAE whose mel a vocoder reads, ready to be trained."""
    if dvae is None or vocoder.reads != "mel":
        raise UsageError(
            f"stage.tune_decoder: needs a stage.dvae and a vocoder that reads its mel, not '{name}'"
        )
    return dvae.decoder.requires_grad_(True)


def _sizes(dvae: Dvae | None) -> ModelSizes:
    return (
        ModelSizes(width=1, codes=1, embedding=1, bands=DVAE_MEL.bands)
        if dvae is None
        else codec.sizes(dvae)
    )


def _built(part: Part, dvae: Dvae | None) -> Vocoder:
    made: Vocoder = build("vocoders", part, _sizes(dvae))
    if made.reads == "states":
        raise UsageError(f"stage.vocoder: '{part.name}' reads the GPT's states, not codes or mel")
    if dvae is None and made.reads != "mel":
        raise UsageError(f"stage.dvae: '{part.name}' reads {made.reads}, so it needs a DVAE")
    if not list(made.parameters()):
        raise UsageError(f"stage.vocoder: '{part.name}' has nothing to train")
    return made
