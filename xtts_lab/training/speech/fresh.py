"""A world that speaks while a model learns from it: no utterance is heard twice.

For `formant16`, which speaks a hundred times faster than it is listened to. What is said by whom
depends on (seed, stream, number of the batch, row) alone, so that training resumes exactly.
"""

from __future__ import annotations

import random
from functools import cached_property

import numpy as np

from xtts_lab.errors import UsageError
from xtts_lab.training.corpora import nuisance
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.corpora.texts import choose, draw_text, folded
from xtts_lab.training.corpora.worlds import Renderer, World, world
from xtts_lab.training.speech.alphabet import Alphabet
from xtts_lab.training.speech.rows import Spoken

FAST = ("formant16",)
"""Worlds that speak faster than models learn."""

LONGEST = 1.5
"""How much longer than the mean the longest of some utterances is expected to be."""


class FreshWorld:
    """Endless utterances of a corpus's world in the corpus's languages, each of its own speaker.

    Its texts belong to the training split, and are none that held-out speakers of the corpus read.
    Raises `UsageError` for corpora whose world is not `FAST`.
    """

    def __init__(self, corpus: Corpus, alphabet: Alphabet) -> None:
        name = str(corpus.card["name"])
        if name not in FAST:
            raise UsageError(
                f"corpora: {corpus.folder.name}: only {', '.join(FAST)} can be drawn afresh, and "
                f"this is {name}; leave out 'fresh'"
            )
        self._corpus, self._alphabet = corpus, alphabet
        self._languages = tuple(corpus.card["languages"])
        self._world: World = world(name)

    def draw(self, at: tuple[int, int, int], row: int) -> Spoken:
        """Return utterance `row` of batch `at`: (seed, stream, number)."""
        name = "fresh {} {} {} {}".format(*at, row)
        language = choose(random.Random(f"{name} language"), self._languages)
        text, told = self._text(random.Random(f"{name} text"), language)
        circumstances = nuisance.draw(random.Random(f"{name} nuisance"))
        item = {"text": text, "language": language, **nuisance.details(circumstances)}
        speaker = self._world.speaker(random.Random(f"{name} voice"))
        speech = self._renderer.render(item, speaker)
        samples = nuisance.apply(speech, circumstances, name)
        symbols = tuple(self._alphabet.encode(told, language))
        return Spoken(samples, symbols, self._alphabet.language(language))

    def rows(self, seconds: float) -> int:
        """How many utterances are `seconds` of padded speech, about."""
        return max(1, round(seconds / (LONGEST * self._world.seconds)))

    def part(self, at: tuple[int, int, int], row: int, size: int) -> Spoken:
        """Return `size` samples of an utterance, or all where it is shorter."""
        spoken = self.draw(at, row)
        room = max(len(spoken.samples) - size, 0)
        start = int(np.random.default_rng((*at, row)).random() * (room + 1))
        return Spoken(spoken.samples[start : start + size], (), spoken.language)

    def _text(self, source: random.Random, language: str) -> tuple[str, str]:
        """Return a text and its phonemes."""
        while True:
            text = draw_text(source, language, "train", avoid=self._held_out)
            (told,) = self._world.prepare([text], language)
            if told is not None:
                return text, told["phonemes"]

    @cached_property
    def _held_out(self) -> frozenset[str]:
        held_out = [self._corpus.planned("validation"), self._corpus.planned("test")]
        return frozenset(folded(text) for table in held_out for text in table["text"])

    @cached_property
    def _renderer(self) -> Renderer:
        return self._world.renderer("cpu", self._corpus.card["recipe"])
