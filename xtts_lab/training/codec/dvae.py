"""The stage `dvae`: audio -> codes -> mel, and what the codes must know.

B batch, T samples, M bands, F mel frames, D code width, N codes, V symbols.

First an auto-encoder without quantisation (arXiv 2605.06870: more dimensions stay in use), then
with it. The loss is that of the log mel, the CTC loss of phonemes read off the quantised vectors,
and, for a learned codebook, the commitment.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.checkpoint import codec
from xtts_lab.errors import UsageError
from xtts_lab.nn.ctc import greedy
from xtts_lab.nn.dvae import Dvae, DvaeConfig
from xtts_lab.nn.fsq import Fsq, beyond_range
from xtts_lab.training.codec.beginning import begin
from xtts_lab.training.codec.codebook import CodebookAverages, usage
from xtts_lab.training.codec.phonemes import PhonemeHead
from xtts_lab.training.losses.ctc import ctc_loss
from xtts_lab.training.losses.spectral import masked_distance
from xtts_lab.training.recogniser.edits import Rates
from xtts_lab.training.speech.alphabet import Alphabet
from xtts_lab.training.speech.bank import Bank, waveform
from xtts_lab.training.speech.ears import Ears, frame_mask
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

RANGE_WEIGHT = 0.1


class DvaeStage:
    """Train a DVAE on `corpora` (folders, all of one sample rate).

    `levels`: those of finite scalar quantisation; without any, a codebook of `codes` entries of
    `code_width`, moved by running means of `decay`, with entries restarted below `dead` uses.
    `width` to `decoder_dilations`: see `DvaeConfig`; a code is 2^layers mel frames. `seconds` of
    padded audio a batch; `autoencoder_steps` before quantising; `ctc` weighs the loss of phonemes
    on the codes (0: none), `commitment` that of a codebook, `quiet` the mel where hardly anything
    is heard (see `masked_distance`), `listen` what a recogniser hears otherwise than in natural
    speech: `listener`, a run of the stage `ctc`, or `world_ctc`, the shipped one; none by default.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        corpora: tuple[CorpusName, ...],
        levels: tuple[int, ...] = (),
        codes: int = 1024,
        code_width: int = 512,
        width: int = 512,
        layers: int = 2,
        residual_blocks: int = 3,
        kernel: int = 3,
        dilations: tuple[int, ...] = (),
        blocks: Literal["residual", "normed", "convnext"] = "residual",
        inner: int = 512,
        block_kernel: int = 7,
        decoder_blocks: int = 0,
        decoder_dilations: tuple[int, ...] = (),
        seconds: float = 320.0,
        autoencoder_steps: int = 1000,
        ctc: float = 0.3,
        ctc_width: int = 192,
        quiet: float = 1.0,
        listener: str | None = None,
        listen: float = 1.0,
        commitment: float = 0.25,
        decay: float = 0.99,
        dead: float = 0.1,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        validation_batches: int = 8,
    ) -> None:
        opened = open_corpora(context, corpora)
        self.alphabet = Alphabet.of(opened)
        self.banks: dict[Split, Bank] = {s: Bank(opened, s, self.alphabet) for s in STREAMS}
        config = DvaeConfig(
            codes=math.prod(levels) if levels else codes,
            code_width=len(levels) if levels else code_width, levels=levels,
            width=width, layers=layers, residual_blocks=residual_blocks, kernel=kernel,
            dilations=dilations, blocks=blocks, inner=inner, block_kernel=block_kernel,
            decoder_blocks=decoder_blocks, decoder_dilations=decoder_dilations,
        )  # fmt: skip
        self._context, self._seconds, self._lr = context, seconds, lr
        self._autoencoder_steps, self._ctc, self._commitment = autoencoder_steps, ctc, commitment
        self._weight_decay, self._validation_batches = weight_decay, validation_batches
        self.ears = Ears(self.banks["train"].sample_rate)
        self.dvae = _built(config)
        begin(self.dvae, self.banks["train"], self.ears)
        languages, sounds = self.alphabet.languages, len(self.alphabet.symbols)
        self.head = PhonemeHead(config.code_width, ctc_width, sounds, len(languages))
        self.modules = nn.ModuleDict({"dvae": self.dvae})
        if ctc > 0:
            self.modules["head"] = self.head
        self.listener = None if listener is None else listen_with(context, listener, languages)
        self._listen, self._quiet = listen, quiet
        self.averages: CodebookAverages | None = None
        if not levels:
            self.averages = _averages(context.shard, config, decay, dead)
            self.modules["averages"] = self.averages

    def optimisers(self) -> Mapping[str, OptimiserGroup]:
        parameters = list(self.modules.parameters())
        # A codebook follows the encoder as it is; beside an averaged one it would fit nothing.
        return {
            "dvae": OptimiserGroup(
                parameters=parameters,
                lr=self._lr,
                betas=(0.9, 0.98),
                weight_decay=self._weight_decay,
                averaged=self.averages is None,
            )
        }

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        """Speech, and `dither`: how wide the noise is instead of rounding; from 1 on none."""
        seed, stream = self._context.seed, STREAMS[split]
        made = self.banks[split].utterances(seed, stream, index, self._seconds, shard)
        dither = index / self._autoencoder_steps if self._autoencoder_steps else 1.0
        return {**made, "dither": torch.tensor(dither)}

    def objective(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss, and what the log shows of it, with finite scalar quantisation."""
        if not isinstance(self.dvae.quantiser, Fsq):
            raise UsageError("training.graphs: a codebook's steps cannot be recorded; use levels")
        mel, frames = self._hear(batch)
        vectors = self.dvae.encoder(mel)
        quantised = self.dvae.quantiser.softly(vectors, batch["dither"])
        losses, total = self._losses(quantised, mel, frames, batch)
        total = total + RANGE_WEIGHT * beyond_range(vectors)
        return total * batch["share"], {name: loss.detach() for name, loss in losses.items()}

    @property
    def repeated(self) -> list[nn.Module]:
        """Blocks that are worth compiling each for itself."""
        return [*self.dvae.encoder.blocks, *self.dvae.decoder.blocks]

    def step(self, batch: Batch, step: int, update: Update) -> Mapping[str, Tensor]:
        if self.averages is None:
            loss, losses = self.objective(batch)
            update("dvae", loss)
            return losses
        mel, frames = self._hear(batch)
        vectors = self.dvae.encoder(mel)
        continuous = step < self._autoencoder_steps
        quantised = vectors if continuous else self._nearest(vectors)
        losses, total = self._losses(quantised, mel, frames, batch)
        if not continuous:
            losses["commitment"] = functional.mse_loss(vectors.float(), quantised.detach().float())
            total = total + self._commitment * losses["commitment"]
        update("dvae", total * batch["share"])
        if not continuous:
            self._move_codebook(self.averages, vectors, frames)
        return losses

    def validate(self) -> Mapping[str, float]:
        """Losses, the share of codes used, their perplexity, the phoneme error rate of the head.

        On quantised speech from the first step on.
        """
        counts = torch.zeros(self.dvae.config.codes)
        sums: dict[str, float] = {}
        rates = Rates()
        for index in range(self._validation_batches):
            batch = self.batch("validation", index, Shard())
            batch = {name: tensor.to(self._device) for name, tensor in batch.items()}
            mel, frames = self._hear(batch)
            codes = self._codes(self.dvae.encoder(mel))
            quantised = self.dvae.quantiser.vectors(codes)
            losses, _ = self._losses(quantised, mel, frames, batch)
            if self._ctc > 0:
                self._count_edits(rates, quantised, frames, batch)
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + float(loss) / self._validation_batches
            inside = frame_mask(self._steps(frames), codes.shape[1]).bool()
            counts += torch.bincount(codes[inside], minlength=len(counts)).cpu()
        return {**sums, **usage(counts), **({"per": rates.overall} if self._ctc > 0 else {})}

    def export(self, folder: Path) -> None:
        """Write `dvae.safetensors`; `checkpoint.codec.load_dvae` reads it."""
        codec.save_dvae(folder / codec.DVAE, self.dvae)

    @property
    def _device(self) -> torch.device:
        return self.dvae.mel.mel_stats.device

    def _hear(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The normalised log mel [B, M, F], and the frames of each row [B]."""
        mel = self.ears.to(self._device)(waveform(batch))
        frames = self.ears.frames(batch["lengths"])
        normalised = mel / self.dvae.mel.mel_stats.unsqueeze(-1)
        return normalised, frames

    def _steps(self, frames: Tensor) -> Tensor:
        """Codes of so many frames."""
        stride = self.dvae.config.stride
        return (frames + stride - 1) // stride

    def _nearest(self, vectors: Tensor) -> Tensor:
        """The nearest entries of a codebook, with the gradient of what was rounded."""
        if self.averages is None or not bool(self.averages.started):
            return vectors
        nearest = self.dvae.quantiser.vectors(self._codes(vectors))
        return vectors + (nearest - vectors).detach()

    @torch.no_grad()
    def _codes(self, vectors: Tensor) -> Tensor:
        """The nearest entries, in float32: in bf16 many are equally near."""
        with torch.autocast(vectors.device.type, enabled=False):
            codes: Tensor = self.dvae.quantiser(vectors.float())
        return codes

    def _losses(
        self, quantised: Tensor, mel: Tensor, frames: Tensor, batch: Batch
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The losses of what is made of quantised vectors, and their weighted sum.

        That of the mel is in nats of the log mel, so that every band weighs the same.
        """
        stats = self.dvae.mel.mel_stats.unsqueeze(-1)
        wanted = mel * stats
        made = self.dvae.decoder(quantised)[..., : mel.shape[-1]].float() * stats
        mask = frame_mask(frames, mel.shape[-1])
        total = masked_distance(made, wanted, mask, self._quiet)
        losses = {"mel": total}
        if self._ctc > 0:
            losses["ctc"] = self._ctc_loss(quantised, frames, batch)
            total = total + self._ctc * losses["ctc"]
        if self.listener is not None:
            hear = self.listener.to(self._device)
            losses["heard"] = hear(made, wanted, frames, batch["languages"])
            total = total + self._listen * losses["heard"]
        return losses, total

    def _ctc_loss(self, quantised: Tensor, frames: Tensor, batch: Batch) -> Tensor:
        told = self.head(quantised, batch["languages"])
        return ctc_loss(told, self._steps(frames), batch["symbols"], batch["symbol_lengths"])

    def _count_edits(self, rates: Rates, quantised: Tensor, frames: Tensor, batch: Batch) -> None:
        told = self.head(quantised, batch["languages"]).cpu()
        rows = zip(
            told, self._steps(frames), batch["symbols"], batch["symbol_lengths"], strict=True
        )
        for path, steps, symbols, length in rows:
            rates.add("all", symbols[: int(length)].tolist(), greedy(path, int(steps)))

    def _move_codebook(self, averages: CodebookAverages, vectors: Tensor, frames: Tensor) -> None:
        inside = frame_mask(self._steps(frames), vectors.shape[-1]).bool()
        heard = vectors.detach().transpose(1, 2)[inside]
        random = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        assert not isinstance(self.dvae.quantiser, Fsq)
        averages.update(self.dvae.quantiser, heard, random)


def _built(config: DvaeConfig) -> Dvae:
    try:
        return Dvae(config)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _averages(shard: Shard, config: DvaeConfig, decay: float, dead: float) -> CodebookAverages:
    if shard.count > 1:
        raise UsageError("processes: a codebook is moved by one; use levels, or one process")
    return CodebookAverages(config.codes, config.code_width, decay, dead)
