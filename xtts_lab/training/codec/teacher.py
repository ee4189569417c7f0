"""States of a trained GPT that reads natural speech (teacher forcing), with the speech itself.

B rows, M states of all rows, N states a crop, D width, T samples.

The states that predicted an utterance's codes are what a vocoder on states learns to speak from
(arXiv 2406.04904, section 2.3). The GPT is fixed; data and references are those of its own run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xtts_lab import config as configuration
from xtts_lab import yaml_loader
from xtts_lab.checkpoint.loading import load
from xtts_lab.errors import UsageError
from xtts_lab.training.gpt.data import Utterance
from xtts_lab.training.gpt.stage import GptStage
from xtts_lab.training.speech import draws
from xtts_lab.training.stage import Batch, Context, Shard, Split
from xtts_lab.types import ModelSizes
from xtts_lab.yaml_file import Document, Where

CROPS: Mapping[Split, int] = {"train": 2, "validation": 3}
"""Streams of draws beside those of the GPT's own batches."""
FRESH = {"drop_condition": 0.0, "spoil_codes": 0.0, "vocoder": None}
"""What the GPT's own recipe did to its inputs, left out here."""


class Teacher:
    """The finished GPT of a run's `folder`, and crops of what it reads.

    Batches of `positions` of the GPT, of which each row gives a crop of at most `codes` codes.
    Raises `UsageError` where the run is of another stage or has exported nothing.
    """

    def __init__(self, context: Context, folder: Path, positions: int, codes: int) -> None:
        path = folder / "config.yaml"
        settings = yaml_loader.load(path.read_text("utf-8"))["stage"] if path.is_file() else {}
        self.weights = folder / "model.safetensors"
        if settings.get("name") != "gpt" or not self.weights.is_file():
            raise UsageError(f"stage.gpt: {folder} holds no finished run of the stage 'gpt'")
        place = Where(Document(str(path))) / "stage"
        settings = {**settings, **FRESH, "positions": positions}
        self._context, self._codes = context, codes
        self._stage: GptStage = configuration.build(
            "stages", settings, place, replace(context, folder=folder)
        )
        model = load(folder).model
        self._stage.gpt.load_state_dict(model.gpt.state_dict())
        self._stage.conditioner.load_state_dict(model.conditioner.state_dict())
        self._stage.modules.eval().requires_grad_(False)

    @property
    def sizes(self) -> ModelSizes:
        """Of the model, as vocoders are built around it."""
        return self._stage.config.sizes

    @property
    def sample_rate(self) -> int:
        """Of the speech, in Hz."""
        return self._stage.sample_rate

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        """The GPT's batch, and of each row: where its crop lies in the states, and its sound.

        `crop_at` [B, N] into the states of all rows; `samples` of the crops as `sound` int16
        [B, T]. All crops of a batch have as many codes as the shortest row allows.
        """
        made = self._stage.batch(split, index, shard)
        counts = made["counts"].numpy()
        spoken = counts - 1  # the stop token sounds like nothing
        size = int(min(self._codes, spoken.min()))
        random = draws.generator(self._context.seed, CROPS[split], index)
        starts = (random.random(len(spoken)) * (spoken - size + 1)).astype(np.int64)
        utterances = self._stage.utterances(split).all
        places = zip(made["places"].tolist(), starts.tolist(), strict=True)
        sound = [self._crop(utterances[place], start, size) for place, start in places]
        first = np.cumsum(counts) - counts + starts
        return {
            **made,
            "crop_at": torch.from_numpy(first[:, None] + np.arange(size)),
            "sound": torch.from_numpy(np.stack(sound)),
        }

    @torch.no_grad()
    def states(self, batch: Batch) -> Tensor:
        """The crops' states [B, N, D], float32, on the batch's device."""
        self._stage.modules.to(batch["sound"].device)
        return self._stage.code_states(batch)[batch["crop_at"]].float()

    def utterance(self, split: Split, place: int) -> Utterance:
        """What `places` of a batch count."""
        return self._stage.utterances(split).all[place]

    def _crop(self, utterance: Utterance, start: int, size: int) -> NDArray[np.int16]:
        """The samples behind codes `start` to `start + size`; silence beyond the end."""
        per_code = self.sample_rate / self.sizes.codes_per_s
        first, length = round(start * per_code), round(size * per_code)
        if utterance.number is None:
            raise UsageError("stage.gpt: some items of that run's corpora have no audio here")
        found = utterance.corpus.samples(utterance.number)[first : first + length]
        return np.pad(found, (0, length - len(found)))
