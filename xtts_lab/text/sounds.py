"""What can be heard of a string of IPA: its sounds, without stress, spaces and punctuation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

VERSION = 2
"""Raised whenever the same IPA comes to be other sounds."""

_STRESS = frozenset("\u02c8\u02cc")

BROAD: Mapping[str, Mapping[str, str]] = {
    # Length goes with quality; r-coloured vowels are a vowel and an r; unstressed vowels are two.
    "en": {"ɚ": "əɹ", "ɜː": "ɜɹ", "ɐ": "ə", "ᵻ": "ɪ", "r": "ɹ", "ː": ""},
    "de": {"ɔø": "ɔɪ", "ɜ": "ɐ", "ʏ": "y", "r": "ɾ"},
    "it": {"ɪ": "i", "ʊ": "u", "rɾ": "rr"},
}
"""What espeak-ng writes apart and the voices of our worlds say alike (see `kokoro.symbols`): a
recogniser could only guess it."""


def sounds(ipa: str, language: str = "") -> str:
    """Return letters, length marks, diacritics and tone numbers of IPA (NFC), and nothing else.

    A recogniser cannot hear a comma, stress is heard differently from language to language, and
    words are not apart in speech. With a `language` the transcription is as broad as `BROAD` says.
    """
    kept = "".join(c for c in ipa if c not in _STRESS and unicodedata.category(c)[0] in "LMN")
    pattern = _pattern(language)
    return kept if pattern is None else pattern.sub(lambda m: BROAD[language][m[0]], kept)


@cache
def _pattern(language: str) -> re.Pattern[str] | None:
    longest_first = sorted(BROAD.get(language, ()), key=len, reverse=True)
    return re.compile("|".join(longest_first)) if longest_first else None
