"""Batches for the GPT: rows packed to the left, so that causality alone hides the padding.

B rows, P positions after the prefix (a row's text, then its audio), T samples, K codes.

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
from xtts_lab.nn.gpt import GptConfig, places
from xtts_lab.training.gpt import prompts
from xtts_lab.training.gpt.data import Utterance, Utterances
from xtts_lab.training.speech import draws
from xtts_lab.training.stage import Batch, Shard

Ints = NDArray[np.int64]

ROWS, POSITIONS, REFERENCES = 8, 32, 4
"""Batches have multiples of so many rows and of so many positions, and references are of so many
different lengths: few shapes, for kernels are chosen, and graphs recorded, for each of them."""

EDGES = 3
"""Positions of a row beside text and codes: start and stop of the text, start of the audio."""

NONE = -100
"""Stands among the targets where nothing is to be predicted."""


@dataclass(frozen=True)
class Recipe:
    """How batches are drawn.

    `positions` of padded text and audio a batch; references of `reference_s` (least and most)
    seconds; `drop`, the share of batches without their condition (for guidance); `spoil`, the
    share of input codes replaced by drawn ones, so that the model cannot live on them alone;
    `self_masked`, the published recipe: the reference is a part of the target, whose loss there
    does not count. The first `short` batches are of the shorter third of the utterances. `spoil`
    begins at `first_spoil` and falls for `spoil_steps` batches.
    """

    positions: int
    reference_s: tuple[float, float]
    drop: float
    spoil: float
    self_masked: bool
    short: int = 0
    first_spoil: float = 0.0
    spoil_steps: int = 0

    def spoilt(self, index: int) -> float:
        """The share of input codes that are replaced in batch `index`."""
        left = 1.0 - index / self.spoil_steps if index < self.spoil_steps else 0.0
        return self.spoil + left * (self.first_spoil - self.spoil)


@dataclass(frozen=True)
class _Row:
    text: Ints
    audio: Ints  # codes, without start and stop
    given: Ints  # the same as the model's input, some of them spoilt
    counted: NDArray[np.bool_]  # of the predictions: each code, then the stop token
    prompt: tuple[int, int] = (0, 0)  # so many tokens and codes first have places of their own


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
        self.anew = conditioner.anew
        self.space, self.codes_per_s = space, codes_per_s
        self._lengths = _rounded(utterances.lengths + EDGES)

    def batch(self, seed: int, stream: int, index: int, shard: Shard) -> Batch:
        """Return one batch, [B, P] each: `tokens` and their places `at`, in the tables of text and
        audio joined (audio after all of text), and `text_targets` and `audio_targets` (`NONE` where
        there is none); `totals` [2], how many targets the whole batch has; what the conditioner
        reads; and of each row: `places` [B], which utterance it is, and `counts` [B] of its audio
        targets.
        """
        random = draws.generator(seed, stream, index)
        recipe, utterances = self.recipe, self.utterances
        short = stream == 0 and index < recipe.short
        order = utterances.order[: -(-len(utterances.order) // 3) if short else None]
        places = draws.like_lengths(order, self._lengths, recipe.positions, shard.count, random)
        places = places[: _whole(len(places), ROWS)]
        seconds = float(random.choice(np.linspace(*recipe.reference_s, REFERENCES)))
        dropped = stream == 0 and bool(random.random() < recipe.drop)
        # Rows draw apart from each other: which of them are this process's own changes nothing.
        seeds = random.integers(2**63, size=len(places))
        if recipe.self_masked:
            seconds = min(seconds, min(self._seconds(place) for place in places) / 2)
        rows, heard = [], []
        for place, own in zip(places, seeds, strict=True):
            own_draws = np.random.default_rng(own)
            row, reference = self._row(int(place), seconds, dropped, own_draws)
            rows.append(self._spoilt(row, recipe.spoilt(index), own_draws) if stream == 0 else row)
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
        own = (min(len(said), len(text)), len(before)) if self.anew else (0, 0)
        return _Row(text, audio, audio, np.concatenate([uncounted, counted]), own), pieces

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
        texts = [len(r.text) + 1 for r in rows]
        ends = [stop + 2 + len(row.audio) for row, stop in zip(rows, texts, strict=True)]
        width = int(_rounded(np.array(max(ends))))
        shape = (len(rows), width)
        tokens, at = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        text_targets, audio_targets = np.full(shape, NONE), np.full(shape, NONE)
        counted = np.arange(width)
        for place, (row, stop) in enumerate(zip(rows, texts, strict=True)):
            start, end = stop + 1, stop + 2 + len(row.audio)
            tokens[place, :end] = config.text_tokens
            tokens[place, :start] = np.concatenate(
                [[config.start_text], row.text, [config.stop_text]]
            )
            tokens[place, start] += config.start_audio
            tokens[place, start + 1 : end] += row.given
            at[place, :start] = counted[:start]
            at[place, start:end] = config.text_positions + counted[: end - start]
            if any(row.prompt):
                self._set_apart(at[place], row.prompt, start, end)
            text_targets[place, :stop] = tokens[place, 1:start]
            told = np.append(row.audio, config.stop_audio)
            audio_targets[place, start:end] = np.where(row.counted, told, NONE)
        arrays = {
            "tokens": tokens, "at": at,
            "text_targets": text_targets, "audio_targets": audio_targets,
        }  # fmt: skip
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _set_apart(self, at: Ints, prompt: tuple[int, int], start: int, end: int) -> None:
        """Write the places of a row whose prompt of so many tokens and codes has its own."""
        config, (said, heard) = self.config, prompt
        at[:start] = places(start, said, config.text_positions)
        audio = places(end - start, heard, config.audio_positions)
        at[start:end] = np.add(audio, config.text_positions)

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
        clips = np.zeros((rows, size), dtype=np.int16)
        for clip, one in zip(clips, heard, strict=True):
            if isinstance(one, list):
                prompts.fill(clip, one)
            else:
                clip[:] = one
        return {"samples": torch.from_numpy(clips)}


def _whole(count: int, unit: int) -> int:
    """The largest multiple of `unit`; all of them where there are fewer."""
    return count if count < unit else count - count % unit


def _rounded(positions: Ints) -> Ints:
    """Up to a multiple of `POSITIONS`."""
    return -(-positions // POSITIONS) * POSITIONS
