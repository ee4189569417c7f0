"""The stage `speaker_encoder`: vectors that tell voices apart, as XTTS's vocoder hears them.

The H/ASP network (Heo et al. 2020, arXiv 2009.14153) by classification of the training speakers
with an angular margin. B rows, T samples, E embedding, S speakers. It scores nothing: judges of
similarity are other people's encoders.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.checkpoint.speaker_file import SPEAKER_ENCODER, save_speaker_encoder
from xtts_lab.errors import UsageError
from xtts_lab.nn.resample import Resampler
from xtts_lab.nn.speaker_encoder import SpeakerEncoder, SpeakerEncoderConfig
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.speaker.losses import equal_error_rate, margin_loss
from xtts_lab.training.speech import draws
from xtts_lab.training.speech.alphabet import Alphabet
from xtts_lab.training.speech.bank import Bank, waveform
from xtts_lab.training.stage import (
    STREAMS,
    Batch,
    Context,
    OptimiserGroup,
    Shard,
    Split,
    Update,
)

CLIPS = 6
"""Clips of a speaker in validation."""


class SpeakerEncoderStage:
    """Train a speaker encoder on `corpora`.

    `rows` speakers a batch, each with `crop_s` seconds of an utterance; `margin` in radians and
    `scale` are those of the loss. Sizes as in `SpeakerEncoderConfig`.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        corpora: tuple[str, ...],
        widths: tuple[int, ...] = SpeakerEncoderConfig.widths,
        blocks: tuple[int, ...] = SpeakerEncoderConfig.blocks,
        attention: int = SpeakerEncoderConfig.attention,
        embedding: int = SpeakerEncoderConfig.embedding,
        rows: int = 128,
        crop_s: float = 2.0,
        margin: float = 0.2,
        scale: float = 30.0,
        lr: float = 1e-3,
    ) -> None:
        if len(widths) != len(blocks):
            raise UsageError(f"stage.blocks: {len(blocks)} do not fit {len(widths)} widths")
        opened = [Corpus.open(context.path(name, "stage.corpora")) for name in corpora]
        nothing = Alphabet("", ())
        self.banks: dict[Split, Bank] = {s: Bank(opened, s, nothing) for s in STREAMS}
        self.encoder = SpeakerEncoder(
            SpeakerEncoderConfig(
                widths=widths, blocks=blocks, attention=attention, embedding=embedding
            )
        )
        self.centres = nn.Embedding(len(self.banks["train"].speakers), embedding)
        self.modules = nn.ModuleDict({"encoder": self.encoder, "centres": self.centres})
        rate = self.banks["train"].sample_rate
        self.resample = Resampler(rate, self.encoder.config.sample_rate)
        self._context, self._rows, self._size = context, rows, round(crop_s * rate)
        self._margin, self._scale, self._lr = margin, scale, lr

    def optimisers(self) -> Mapping[str, OptimiserGroup]:
        # Not averaged: the running statistics of the norms are those of the weights as they are.
        parameters = list(self.modules.parameters())
        return {"encoder": OptimiserGroup(parameters=parameters, lr=self._lr, averaged=False)}

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        bank = self.banks[split]
        random = draws.generator(self._context.seed, STREAMS[split], index)
        speakers = random.permutation(len(bank.speakers))[: self._rows]
        chosen = [int(random.choice(bank.speakers[speaker])) for speaker in speakers]
        items = np.array(chosen, dtype=np.int64)
        room = np.maximum(bank.lengths[items] - self._size, 0)
        starts = (random.random(len(items)) * (room + 1)).astype(np.int64)
        mine = slice(shard.index, None, shard.count)
        return {
            "samples": bank.parts(items[mine], starts[mine], self._size),
            "speakers": torch.from_numpy(speakers[mine].astype(np.int64)),
            "share": torch.tensor(len(items[mine]) * shard.count / len(items)),
        }

    def step(self, batch: Batch, step: int, update: Update) -> Mapping[str, Tensor]:
        del step
        embeddings, centres = self._embed(batch), self.centres.weight
        loss = margin_loss(embeddings, centres, batch["speakers"], self._margin, self._scale)
        update("encoder", loss * batch["share"])
        with torch.no_grad():
            nearest = (embeddings.float() @ functional.normalize(centres).t()).argmax(1)
            right = (nearest == batch["speakers"]).float().mean()
        return {"margin": loss, "right": right}

    def validate(self) -> Mapping[str, float]:
        """The equal error rate on pairs of clips of speakers that training does not see."""
        bank = self.banks["validation"]
        rows = [(at, item) for at, s in enumerate(bank.speakers) for item in s[:CLIPS]]
        items = np.array([item for _, item in rows], dtype=np.int64)
        parts = (items[at : at + 32] for at in range(0, len(items), 32))
        vectors = torch.cat([self._clips(bank, part) for part in parts])
        names = torch.tensor([at for at, _ in rows])
        cosines = vectors @ vectors.t()
        pairs = torch.triu(torch.ones_like(cosines, dtype=torch.bool), 1)
        alike = (names.unsqueeze(0) == names.unsqueeze(1)) & pairs
        if not bool(alike.any()) or len(bank.speakers) < 2:
            return {"eer": 0.5}
        return {"eer": equal_error_rate(cosines[alike], cosines[pairs & ~alike])}

    def export(self, folder: Path) -> None:
        """Write `speaker_encoder.safetensors`."""
        save_speaker_encoder(folder / SPEAKER_ENCODER, self.encoder)

    def _clips(self, bank: Bank, items: NDArray[np.int64]) -> Tensor:
        """Vectors of the beginnings of utterances, on the CPU."""
        device = self.centres.weight.device
        samples = bank.parts(items, np.zeros_like(items), self._size).to(device)
        return self._embed({"samples": samples}).float().cpu()

    def _embed(self, batch: Batch) -> Tensor:
        samples = waveform(batch)
        with torch.autocast(samples.device.type, enabled=False):
            heard = self.resample.to(samples.device)(samples)
        vectors: Tensor = self.encoder(heard)
        return vectors
