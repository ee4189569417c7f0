"""Words of the 16 languages with their frequencies, from PyPI's wordfreq.

Needed to plan a corpus, never to render or to read one.
"""

from __future__ import annotations

import bisect
import itertools
import random
from dataclasses import dataclass
from functools import cache

from xtts_lab.errors import UsageError

SIZE = 20000
FLATTENING = 0.6
"""Words are drawn with their frequency to this power, so that rare words are heard, too."""

_CODES = {"zh-cn": "zh"}
_SCRIPTS = {
    "ru": ("а", "ё"),
    "ar": ("ء", "ي"),
    "ko": ("가", "힣"),
    "zh-cn": ("一", "鿿"),
    "ja": ("ぁ", "鿿"),
}
_LATIN = ("a", "ž")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words in order of frequency, and their cumulative weights."""

    words: tuple[str, ...]
    cumulative: tuple[float, ...]

    def draw(self, source: random.Random) -> str:
        """Return a word; rare ones are drawn, too, as `FLATTENING` has it."""
        place = source.random() * self.cumulative[-1]
        return self.words[min(bisect.bisect_right(self.cumulative, place), len(self.words) - 1)]


@cache
def vocabulary(language: str) -> Vocabulary:
    """Return the words of a language; raises `UsageError` where wordfreq is absent."""
    try:
        import wordfreq
    except ImportError:
        raise UsageError(
            "planning a corpus needs wordfreq; remedy: pip install xtts_lab[train]"
        ) from None
    listed = wordfreq.get_frequency_dict(_CODES.get(language, language), wordlist="best")
    words = [word for word in itertools.islice(listed, 2 * SIZE) if _plain(word, language)][:SIZE]
    weights = [listed[word] ** FLATTENING for word in words]
    return Vocabulary(tuple(words), tuple(itertools.accumulate(weights)))


def _plain(word: str, language: str) -> bool:
    """Say whether a word is written in the language's own letters, and not in one alone."""
    low, high = _SCRIPTS.get(language, _LATIN)
    ideographic = language in {"zh-cn", "ja", "ko"}
    return (
        word.isalpha()
        and (ideographic or len(word) >= 2)
        and len(word) <= 16
        and all(low <= letter <= high or letter == "ー" for letter in word)
    )
