"""The symbols that a corpus writes its phonemes in, numbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from xtts_lab.text.sounds import sounds
from xtts_lab.training.corpora.reader import Corpus


@dataclass(frozen=True)
class Alphabet:
    """The symbols of sounds, one character each, and the languages; each in a fixed order."""

    symbols: str
    languages: tuple[str, ...]

    @classmethod
    def of(cls, corpora: Sequence[Corpus]) -> Alphabet:
        """Return what occurs in the training splits, rendered or yet to be rendered.

        So that a run that is gone on with, when more is there, has the symbols of its beginning.
        """
        symbols: set[str] = set()
        languages: set[str] = set()
        for corpus in corpora:
            for language, table in corpus.planned("train").groupby("language"):
                languages.add(str(language))
                symbols |= set(sounds("\n".join(table["phonemes"]), str(language)))
        return cls("".join(sorted(symbols)), tuple(sorted(languages)))

    def encode(self, phonemes: str, language: str) -> list[int]:
        """Return the numbers of the sounds in a string of IPA; unknown ones are left out."""
        numbers = self._numbers
        return [numbers[one] for one in sounds(phonemes, language) if one in numbers]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {symbol: at for at, symbol in enumerate(self.symbols)}

    def decode(self, numbers: Sequence[int]) -> str:
        """Return the phonemes of numbers."""
        return "".join(self.symbols[number] for number in numbers)

    def language(self, name: str) -> int:
        """Return a language's number; one that training did not see counts as the first."""
        return self.languages.index(name) if name in self.languages else 0
