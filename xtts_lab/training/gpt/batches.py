"""Batches for the GPT: rows packed to the left, so that causality alone hides the padding.

B rows, P positions after the prefix (a row's text, then its audio), S and M tokens of all rows'
texts and outputs one after the other, T samples, K codes.

All that is random in a training step is drawn here, from (seed, split, index): which utterances,
which references and how long, whether the condition is dropped, which input codes are spoilt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from xtts_lab.conditioners.base import Conditioner
from xtts_lab.errors import UsageError
from xtts_lab.nn.gpt import GptConfig
from xtts_lab.training.gpt import prompts
from xtts_lab.training.gpt.data import Utterance, Utterances
from xtts_lab.training.speech import draws
from xtts_lab.training.stage import Batch, Shard

Ints = NDArray[np.int64]

ROWS, REFERENCE_STEP_S = 8, 0.25
"""Batches have multiples of so many rows, and of so many seconds of reference: few shapes, for
which kernels are chosen and planned again and again."""


@dataclass(frozen=True)
class Recipe:
    """How batches are drawn.

    `positions` of padded text and audio a batch; references of `reference_s` (least and most)
    seconds; `drop`, the share of batches without their condition (for guidance); `spoil`, the
    share of input codes replaced by drawn ones, so that the model cannot live on them alone;
    `self_masked`, the published recipe: the reference is a part of the target, whose loss there
    does not count.
    """

    positions: int
    reference_s: tuple[float, float]
    drop: float
    spoil: float
    self_masked: bool


@dataclass(frozen=True)
class _Row:
    text: Ints
    audio: Ints  # codes, without start and stop
    given: Ints  # the same as the model's input, some of them spoilt
    counted: NDArray[np.bool_]  # of the predictions: each code, then the stop token


class Batches:
    """Makes batches of one split for one conditioner; pure in (seed, index)."""

    def __init__(
        self,
        utterances: Utterances,
        recipe: Recipe,
        conditioner: Conditioner,
        config: GptConfig,
        space: int,
        codes_per_s: float,
    ) -> None:
        if recipe.self_masked and any(u.number is None for u in utterances.all):
            raise UsageError("self_masked: some items of the corpora have no audio here")
        self.utterances, self.recipe, self.config = utterances, recipe, config
        self.reads, self.continues = conditioner.intake.reads, conditioner.continues
        self.space, self.codes_per_s = space, codes_per_s

    def batch(self, seed: int, stream: int, index: int, shard: Shard) -> Batch:
        """Return one batch: `text` [S], `text_at` [S], `audio` [M], `audio_at` [M] (tokens and
        their positions), `index` [B, P] into both, `targets` and `target_at` for text and audio,
        `totals` [2] of the whole batch, what the conditioner reads, and of each row: `places` [B],
        which utterance it is, and `counts` [B] of its audio targets.
        """
        random = draws.generator(seed, stream, index)
        recipe, utterances = self.recipe, self.utterances
        places = draws.like_lengths(
            utterances.order, utterances.lengths, recipe.positions, shard.count, random
        )
        places = places[: _whole(len(places), ROWS)]
        least, most = (round(seconds / REFERENCE_STEP_S) for seconds in recipe.reference_s)
        seconds = REFERENCE_STEP_S * int(random.integers(least, most + 1))
        dropped = stream == 0 and bool(random.random() < recipe.drop)
        # Rows draw apart from each other: which of them are this process's own changes nothing.
        seeds = random.integers(2**63, size=len(places))
        if recipe.self_masked:
            seconds = min(seconds, min(self._seconds(place) for place in places) / 2)
        rows, heard = [], []
        for place, own in zip(places, seeds, strict=True):
            own_draws = np.random.default_rng(own)
            row, reference = self._row(int(place), seconds, dropped, own_draws)
            rows.append(self._spoilt(row, recipe.spoil, own_draws) if stream == 0 else row)
            heard.append(reference)
        totals = [sum(len(r.text) + 1 for r in rows), sum(int(r.counted.sum()) for r in rows)]
        mine = slice(shard.index, None, shard.count)
        return {
            **self._packed(rows[mine]),
            **self._condition(heard[mine], seconds, dropped),
            "totals": torch.tensor(totals, dtype=torch.float32),
            "places": torch.from_numpy(places[mine].astype(np.int64)),
            "counts": torch.tensor([int(row.counted.sum()) for row in rows[mine]]),
        }

    def _seconds(self, place: int) -> float:
        utterance = self.utterances.all[place]
        return utterance.samples / utterance.corpus.sample_rate

    def _row(
        self, place: int, seconds: float, dropped: bool, random: np.random.Generator
    ) -> tuple[_Row, list[prompts.Piece] | NDArray[np.int16]]:
        target = self.utterances.all[place]
        counted = np.ones(len(target.codes) + 1, dtype=bool)
        if self.recipe.self_masked:
            return self._masked(target, counted, seconds, random)
        pieces = prompts.reference(self.utterances, place, seconds, random)
        if not self.continues or dropped:
            return _Row(target.tokens, target.codes, target.codes, counted), pieces
        before = prompts.codes(pieces, round(seconds * self.codes_per_s))
        said = prompts.tokens(pieces, self.space)
        uncounted = np.zeros(len(before), dtype=bool)
        text = np.concatenate([said, target.tokens])[: self.config.max_text]
        audio = np.concatenate([before, target.codes])
        return _Row(text, audio, audio, np.concatenate([uncounted, counted])), pieces

    def _masked(
        self,
        target: Utterance,
        counted: NDArray[np.bool_],
        seconds: float,
        random: np.random.Generator,
    ) -> tuple[_Row, NDArray[np.int16]]:
        """A part of the target as its own reference; codes that begin in it do not count."""
        rate = target.corpus.sample_rate
        size = int(seconds * rate)
        start = int(random.integers(max(target.samples - size, 0) + 1))
        first, last = (round(at / rate * self.codes_per_s) for at in (start, start + size))
        counted[first:last] = False
        assert target.number is not None, "see `Batches`: targets are heard"
        crop = target.corpus.samples(target.number)[start : start + size]
        return _Row(target.tokens, target.codes, target.codes, counted), crop

    def _spoilt(self, row: _Row, share: float, random: np.random.Generator) -> _Row:
        """Replace a share of the target's input codes by drawn ones; a prompt's stay."""
        chosen = row.counted[:-1] & (random.random(len(row.audio)) < share)
        drawn = random.integers(self.config.audio_tokens - 2, size=len(row.audio))
        return replace(row, given=np.where(chosen, drawn, row.audio))

    def _packed(self, rows: list[_Row]) -> Batch:
        config = self.config
        texts = [np.concatenate([[config.start_text], r.text, [config.stop_text]]) for r in rows]
        inputs = [np.concatenate([[config.start_audio], r.given]) for r in rows]
        width = max(len(t) + len(a) for t, a in zip(texts, inputs, strict=True))
        text, audio = np.concatenate(texts), np.concatenate(inputs)
        index = np.zeros((len(rows), width), dtype=np.int64)
        text_target_at, text_targets, audio_target_at, audio_targets = [], [], [], []
        at_text, at_audio = 0, len(text)
        for place, (row, told, given) in enumerate(zip(rows, texts, inputs, strict=True)):
            split, end = len(told), len(told) + len(given)
            index[place, :split] = np.arange(at_text, at_text + split)
            index[place, split:end] = np.arange(at_audio, at_audio + len(given))
            at_text, at_audio = at_text + split, at_audio + len(given)
            offset = place * width
            text_target_at.append(offset + np.arange(split - 1))
            text_targets.append(told[1:])
            audio_target_at.append(offset + split + np.flatnonzero(row.counted))
            audio_targets.append(np.append(row.audio, config.stop_audio)[row.counted])
        arrays = {
            "text": text,
            "text_at": np.concatenate([np.arange(len(t)) for t in texts]),
            "audio": audio,
            "audio_at": np.concatenate([np.arange(len(a)) for a in inputs]),
            "index": index,
            "text_targets": np.concatenate(text_targets),
            "text_target_at": np.concatenate(text_target_at),
            "audio_targets": np.concatenate(audio_targets),
            "audio_target_at": np.concatenate(audio_target_at),
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _condition(
        self,
        heard: list[list[prompts.Piece] | NDArray[np.int16]],
        seconds: float,
        dropped: bool,
    ) -> Batch:
        """What the conditioner reads; nothing where the condition is dropped, or is in the rows."""
        rows = len(heard)
        if dropped or self.continues:
            return {}
        if self.reads == "nothing":
            return {"nothing": torch.zeros(rows, 0)}
        if self.reads == "codes":
            count = round(seconds * self.codes_per_s)
            drawn = [prompts.codes(p, count) for p in heard if isinstance(p, list)]
            least = min(len(one) for one in drawn)
            return {"codes": torch.from_numpy(np.stack([one[:least] for one in drawn]))}
        rate = self.utterances.all[0].corpus.sample_rate
        size = int(seconds * rate)
        clips = [prompts.audio(p, size) if isinstance(p, list) else p for p in heard]
        return {"samples": torch.from_numpy(np.stack(clips))}


def _whole(count: int, unit: int) -> int:
    """The largest multiple of `unit`; all of them where there are fewer."""
    return count if count < unit else count - count % unit
