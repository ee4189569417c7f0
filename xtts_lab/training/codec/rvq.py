"""The stage `rvq`: speech -> codes of several levels -> speech, in one network.

B batch, T samples, L levels, K codes of a codebook.

The mel distance first, then discriminators as well, as in `codec_vocoder`. Before anything is
quantised, an auto-encoder (arXiv 2605.06870: more dimensions stay in use). Codebooks follow running
means and begin again where nobody chooses them; of a share of the rows only the first levels are
used (quantiser dropout, arXiv 2107.03312), so that any number of levels can be decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from xtts_lab.checkpoint.rvq import RVQ, save_rvq
from xtts_lab.errors import UsageError
from xtts_lab.nn.resample import Resampler
from xtts_lab.nn.rvq import Quantised, QuantiserLevel, RvqCodec, RvqConfig
from xtts_lab.training.codec.codebook import CodebookAverages, usage
from xtts_lab.training.codec.game import Game
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


class RvqStage:
    """Train a residual codec on `corpora`.

    Sizes: see `RvqConfig`; `frame_rate` is in codes a second and level. `autoencoder_steps` come
    before quantising, and `mel_only_steps` should be more. `quantiser_dropout`: the
    share of rows that use a drawn number of levels; `decay` and `dead` move the codebooks (see the
    stage `dvae`); `commitment` weighs how far what is quantised lies from its codes. `rows` crops
    of `crop` samples a batch; losses, schedule and `listener` as in the stage `codec_vocoder`.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        corpora: tuple[CorpusName, ...],
        levels: int = 8,
        codes: int = 1024,
        code_width: int = 8,
        frame_rate: float = 50.0,
        vector: int = 128,
        width: int = 256,
        inner: int = 640,
        encoder_layers: int = 4,
        decoder_layers: int = 6,
        autoencoder_steps: int = 500,
        quantiser_dropout: float = 0.5,
        commitment: float = 0.25,
        decay: float = 0.9,
        dead: float = 0.2,
        rows: int = 32,
        crop: int = 24576,
        mel_only_steps: int = 2000,
        mel: float = 10.0,
        adversarial: float = 1.0,
        feature: float = 2.0,
        channels: int = 32,
        periods: tuple[int, ...] = (),
        listener: str | None = None,
        listen: float = 2.0,
        lr: float = 5e-4,
        discriminator_lr: float = 3e-4,
        validation_batches: int = 4,
    ) -> None:
        if context.shard.count > 1:
            raise UsageError("processes: codebooks are moved by one; use one process")
        self.banks, languages = _banks(context, corpora)
        config = _config(
            levels=levels, codes=codes, code_width=code_width, frame_rate=frame_rate,
            vector=vector, width=width, inner=inner,
            encoder_layers=encoder_layers, decoder_layers=decoder_layers,
        )  # fmt: skip
        self.codec = RvqCodec(config)
        moved = (CodebookAverages(codes, code_width, decay, dead) for _ in range(levels))
        self.averages = nn.ModuleList(moved)
        self.game = Game(config.sample_rate, mel, adversarial, feature, channels, periods)
        self.natural = Resampler(self.banks["train"].sample_rate, config.sample_rate)
        self.ears = Ears(config.sample_rate)
        self.listener = None if listener is None else listen_with(context, listener, languages)
        self._listen, self._dropout, self._commitment = listen, quantiser_dropout, commitment
        self._context, self._rows, self._crop = context, rows, crop
        self._autoencoder, self._mel_only = autoencoder_steps, mel_only_steps
        self._rates = (lr, discriminator_lr)
        self._validation_batches = validation_batches
        self._standardise()
        self.modules = nn.ModuleDict({"codec": self.codec, "averages": self.averages})
        self.modules["discriminators"] = self.game.discriminators

    def optimisers(self) -> Mapping[str, OptimiserGroup]:
        """Nothing is averaged: codebooks follow the encoder as it is, and would fit no other."""
        betas, (lr, discriminator_lr) = (0.8, 0.99), self._rates
        sides = (("generator", self.codec, lr), ("discriminator", self.game.discriminators, discriminator_lr))  # noqa: E501  # fmt: skip
        return {
            name: OptimiserGroup(
                parameters=list(module.parameters()),
                lr=rate,
                betas=betas,
                clip=10.0,
                averaged=False,
            )
            for name, module, rate in sides
        }

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        seed, stream = self._context.seed, STREAMS[split]
        return self.banks[split].crops(seed, stream, index, self._rows, self._crop, shard)

    def step(self, batch: Batch, step: int, update: Update) -> Mapping[str, Tensor]:
        samples = self._natural(waveform(batch))
        vectors, quantised = self.codec.analyse(samples), None
        commitment = vectors.new_zeros(())
        if step >= self._autoencoder:
            quantised = self.codec.quantiser(vectors, self._active(samples))
            vectors, commitment = quantised.vectors, quantised.commitment
        made, wanted = self.game.inner(self.codec.sound(vectors), samples)
        more, shown = self._commitment * commitment, {"commitment": commitment.detach()}
        if self.listener is not None:
            heard = self._heard(made, wanted, batch["languages"])
            more, shown = more + self._listen * heard, {**shown, "heard": heard.detach()}
        play = self.game.mel_only if step < self._mel_only else self.game.play
        losses = play(made, wanted, batch["share"], update, more)
        if quantised is not None:
            self._move_codebooks(quantised)
        return {**losses, **shown}

    def validate(self) -> Mapping[str, float]:
        """The mel distance with the first levels (1, 2, 4, ..., all); of each level the share of
        codes `used`, and their `perplexity`."""
        total = self.codec.levels
        kept = sorted({1 << i for i in range(total.bit_length()) if 1 << i < total} | {total})
        sums = dict.fromkeys(kept, 0.0)
        counts = torch.zeros(total, self.codec.config.codes)
        for index in range(self._validation_batches):
            samples = self._held_out(index)
            codes = self.codec.encode(samples)
            counts += torch.stack(
                [
                    torch.bincount(one.flatten(), minlength=counts.shape[1])
                    for one in codes.unbind(1)
                ]
            ).cpu()
            for levels in kept:
                made, wanted = self.game.inner(self.codec.decode(codes[:, :levels]), samples)
                sums[levels] += self.game.distance(made, wanted).item() / self._validation_batches
        names = {levels: "mel" if levels == total else f"mel_{levels}" for levels in kept}
        used = {f"{k}_{i + 1}": v for i, row in enumerate(counts) for k, v in usage(row).items()}
        return {**{names[levels]: value for levels, value in sums.items()}, **used}

    def export(self, folder: Path) -> None:
        """Write `rvq.safetensors`, and some natural and copied speech to listen to."""
        save_rvq(folder / RVQ, self.codec)
        samples = self._held_out(0)
        made = self.codec.decode(self.codec.encode(samples))
        write_pairs(folder / "examples", samples, made, self.codec.sample_rate)

    @torch.no_grad()
    def _standardise(self) -> None:
        """Have each dimension of what is quantised vary by 1 about 0, to begin with."""
        vectors = self.codec.analyse(self._held_out(0))
        mean, spread = vectors.mean((0, 2)), vectors.std((0, 2)) + 1e-3
        output = self.codec.encoder.output
        output.bias.sub_(mean).div_(spread)
        output.weight.div_(spread.unsqueeze(1))

    def _active(self, samples: Tensor) -> Tensor:
        """How many levels each row uses, [B]."""
        count, levels = samples.shape[0], self.codec.levels
        drawn = torch.randint(1, levels + 1, (count,), device=samples.device)
        all_of_them = torch.rand(count, device=samples.device) >= self._dropout
        return torch.where(all_of_them, torch.full_like(drawn, levels), drawn)

    def _heard(self, made: Tensor, wanted: Tensor, languages: Tensor) -> Tensor:
        assert self.listener is not None
        for module in (self.ears, self.listener):
            module.to(made.device)
        mel, natural = self.ears.hear(made), self.ears(wanted)
        frames = torch.full((mel.shape[0],), mel.shape[-1], device=mel.device)
        heard: Tensor = self.listener(mel, natural, frames, languages)
        return heard

    def _held_out(self, index: int) -> Tensor:
        """Speech [B, T] of a validation batch at the codec's rate, on its device."""
        batch = self.batch("validation", index, Shard())
        device = next(self.codec.parameters()).device
        return self._natural(waveform({name: tensor.to(device) for name, tensor in batch.items()}))

    @torch.no_grad()
    def _natural(self, samples: Tensor) -> Tensor:
        """Speech at the corpus's rate -> whole codes of it at the codec's."""
        with torch.autocast(samples.device.type, enabled=False):
            resampled: Tensor = self.natural.to(samples.device)(samples)
        whole = resampled.shape[-1] - resampled.shape[-1] % self.codec.code_hop
        return resampled[:, :whole]

    def _move_codebooks(self, quantised: Quantised) -> None:
        pairs = zip(self.codec.quantiser.levels, self.averages, quantised.heard, strict=True)
        for level, averages, heard in pairs:
            assert isinstance(level, QuantiserLevel)
            assert isinstance(averages, CodebookAverages)
            random = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
            flat = heard.transpose(1, 2).flatten(0, 1)
            averages.update(level.quantiser, flat, random)
            level.quantiser.normalise()


def _banks(
    context: Context, names: tuple[CorpusName, ...]
) -> tuple[dict[Split, Bank], tuple[str, ...]]:
    """The corpora's utterances by split, and their languages."""
    opened = open_corpora(context, names)
    languages = tuple(sorted({str(x) for one in opened for x in one.items["language"]}))
    spoken = Alphabet("", languages)
    return {s: Bank(opened, s, spoken) for s in STREAMS}, languages


def _config(**sizes: int | float) -> RvqConfig:
    try:
        return RvqConfig(**sizes)  # type: ignore[arg-type]
    except ValueError as error:
        raise UsageError(str(error)) from error
