"""The stage `ctc`: a phoneme recogniser for the worlds of our corpora.

B batch, T samples, M bands, F mel frames, N steps, V symbols.

It hears natural speech and, for a share of the rows, what the DVAE's codes keep of it, so that it
judges what was said and not what a codec does to sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from xtts_lab.checkpoint import codec
from xtts_lab.errors import UsageError
from xtts_lab.nn import ctc_weights
from xtts_lab.nn.ctc import CtcConfig, CtcRecogniser, greedy
from xtts_lab.nn.ctc_weights import Knowledge
from xtts_lab.nn.dvae import Dvae
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.losses.ctc import ctc_loss
from xtts_lab.training.recogniser import distortion
from xtts_lab.training.recogniser.edits import Rates
from xtts_lab.training.speech.alphabet import Alphabet
from xtts_lab.training.speech.bank import Bank, waveform
from xtts_lab.training.speech.ears import Ears
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

WEIGHTS = "recogniser.safetensors"
FLOOR_BATCH = 16


class CtcStage:
    """Train a recogniser on `corpora`; `coded` of the rows pass through the DVAE of the run `dvae`.

    `begin`: a run of this stage whose weights it begins with. Sizes as in `CtcConfig`; `seconds` of
    padded audio a batch. Against learning by heart: `masks` stretches of bands and of time are
    hidden, `tempo` and `shift` warp a row (see `distortion.warped`), and `drop` is left out of what
    each block adds. Its floor is taken on at most `floor_utterances` of the corpora's test
    splits a language.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        corpora: tuple[CorpusName, ...],
        dvae: str | None = None,
        coded: float = 0.5,
        begin: str | None = None,
        width: int = CtcConfig.width,
        inner: int = CtcConfig.inner,
        layers: int = CtcConfig.layers,
        kernel: int = CtcConfig.kernel,
        seconds: float = 320.0,
        masks: int = 2,
        tempo: float = 0.0,
        shift: float = 0.0,
        drop: float = 0.0,
        lr: float = 2e-3,
        weight_decay: float = 0.01,
        validation_batches: int = 4,
        floor_utterances: int = 100,
    ) -> None:
        self._corpora = open_corpora(context, corpora)
        self.alphabet = Alphabet.of(self._corpora)
        self.banks: dict[Split, Bank] = {s: Bank(self._corpora, s, self.alphabet) for s in STREAMS}
        self.ears = Ears(self.banks["train"].sample_rate)
        self.dvae: Dvae | None = None
        if dvae is not None:
            self.dvae = codec.load_dvae(context.path(dvae, "stage.dvae") / codec.DVAE)
        try:
            self.config = CtcConfig(
                symbols=len(self.alphabet.symbols),
                languages=len(self.alphabet.languages),
                width=width,
                inner=inner,
                layers=layers,
                kernel=kernel,
            )
        except ValueError as error:
            raise UsageError(f"stage: {error}") from error
        self.recogniser = CtcRecogniser(self.config, drop)
        if begin is not None:
            self._begin(context.path(begin, "stage.begin") / WEIGHTS)
        self.modules = nn.ModuleDict({"recogniser": self.recogniser})
        self._context, self._seconds, self._coded = context, seconds, coded
        self._masks, self._tempo, self._shift = masks, tempo, shift
        self._lr, self._weight_decay = lr, weight_decay
        self._validation_batches, self._floor_utterances = validation_batches, floor_utterances

    def _begin(self, weights: Path) -> None:
        known = ctc_weights.knowledge(weights)
        own = (self.config, self.alphabet.symbols, self.alphabet.languages)
        if (known.config, known.symbols, known.languages) != own:
            raise UsageError("stage.begin: its recogniser has other sizes, sounds or languages")
        self.recogniser.load_state_dict(ctc_weights.load(weights).state_dict())

    def optimisers(self) -> Mapping[str, OptimiserGroup]:
        parameters = list(self.recogniser.parameters())
        return {
            "recogniser": OptimiserGroup(
                parameters=parameters,
                lr=self._lr,
                betas=(0.9, 0.98),
                weight_decay=self._weight_decay,
            )
        }

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        seed, stream = self._context.seed, STREAMS[split]
        return self.banks[split].utterances(seed, stream, index, self._seconds, shard)

    def objective(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss, and what the log shows of it; of the batch's tensors alone."""
        mel = self._hear(batch)
        if self.dvae is not None:
            through = torch.rand(mel.shape[0], 1, 1, device=mel.device) < self._coded
            mel = torch.where(through, self._through_codes(self.dvae, mel), mel)
        frames = self.ears.frames(batch["lengths"])
        if self._tempo > 0 or self._shift > 0:
            mel, frames = distortion.warped(mel, frames, self._tempo, self._shift)
        mel = distortion.masked(distortion.noisy(mel), self._masks)
        loss = self._loss(mel, frames, batch)
        return loss * batch["share"], {"ctc": loss.detach()}

    @property
    def repeated(self) -> list[nn.Module]:
        """Blocks that are worth compiling each for itself."""
        return list(self.recogniser.blocks)

    def step(self, batch: Batch, _step: int, update: Update) -> Mapping[str, Tensor]:
        loss, shown = self.objective(batch)
        update("recogniser", loss)
        return shown

    def validate(self) -> Mapping[str, float]:
        """The loss and the error rate on natural speech, and the rate on coded speech."""
        natural, coded, loss = Rates(), Rates(), 0.0
        for index in range(self._validation_batches):
            batch = self._on_device(self.batch("validation", index, Shard()))
            mel = self._hear(batch)
            frames = self.ears.frames(batch["lengths"])
            loss += float(self._loss(mel, frames, batch)) / self._validation_batches
            self._count(natural, mel, batch)
            if self.dvae is not None:
                self._count(coded, self._through_codes(self.dvae, mel), batch)
        rates = {"ctc": loss, "per": natural.overall}
        return rates if self.dvae is None else {**rates, "per_coded": coded.overall}

    def export(self, folder: Path) -> None:
        """Write `recogniser.safetensors`, with what it knows and its floor."""
        hashes = {str(c.card["name"]): _hash(c) for c in self._corpora}
        knowledge = Knowledge(
            self.config, self.alphabet.symbols, self.alphabet.languages, self._floor(), hashes
        )
        ctc_weights.save(folder / WEIGHTS, self.recogniser, knowledge)

    def _floor(self) -> dict[str, float]:
        """The error rate by language on natural speech of the test speakers, where there is any."""
        if not any(len(corpus.split("test")) for corpus in self._corpora):
            return {}
        bank = Bank(self._corpora, "test", self.alphabet)
        rates = Rates()
        for language in range(len(self.alphabet.languages)):
            spoken = [item for item in range(len(bank)) if bank.language(item) == language]
            chosen = np.array(spoken[: self._floor_utterances], dtype=np.int64)
            for start in range(0, len(chosen), FLOOR_BATCH):
                batch = self._on_device(bank.whole(chosen[start : start + FLOOR_BATCH]))
                self._count(rates, self._hear(batch), batch)
        return {name: round(rate, 5) for name, rate in rates.by_group.items()}

    def _on_device(self, batch: Batch) -> Batch:
        device = self.recogniser.head.weight.device
        return {name: tensor.to(device) for name, tensor in batch.items()}

    def _hear(self, batch: Batch) -> Tensor:
        mel: Tensor = self.ears.to(batch["samples"].device)(waveform(batch))
        return mel

    @staticmethod
    @torch.no_grad()
    def _through_codes(dvae: Dvae, mel: Tensor) -> Tensor:
        """What the DVAE's codes keep of a mel [B, M, F]."""
        dvae.to(mel.device)
        with torch.autocast(mel.device.type, enabled=False):
            codes = dvae.encode(mel / dvae.mel.mel_stats.unsqueeze(-1))
            return dvae.log_mel(codes)[..., : mel.shape[-1]]

    def _told(self, mel: Tensor, frames: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        told: Tensor = self.recogniser(mel, frames, batch["languages"])
        return told, self.recogniser.steps(frames)

    def _loss(self, mel: Tensor, frames: Tensor, batch: Batch) -> Tensor:
        told, steps = self._told(mel, frames, batch)
        return ctc_loss(told, steps, batch["symbols"], batch["symbol_lengths"])

    def _count(self, rates: Rates, mel: Tensor, batch: Batch) -> None:
        told, steps = self._told(mel, self.ears.frames(batch["lengths"]), batch)
        lengths, languages = batch["symbol_lengths"].tolist(), batch["languages"].tolist()
        rows = zip(
            told.cpu(), steps.tolist(), batch["symbols"].tolist(), lengths, languages, strict=True
        )
        for path, count, symbols, length, language in rows:
            name = self.alphabet.languages[language]
            rates.add(name, symbols[:length], greedy(path, count))


def _hash(corpus: Corpus) -> str:
    """The hash of a corpus's content, or of its plan where it was not whole."""
    return str(corpus.card.get("content_sha256") or corpus.card.get("plan_sha256", ""))
