"""espeak-ng's IPA in Kokoro's 114 symbols, one map a language.

Kokoro was trained on English, Spanish, French, Italian, Portuguese, Hindi, Japanese and Chinese, in
the alphabet of the misaki front end: affricates and English diphthongs are one symbol each. Other
languages are read with the sounds that those have. Japanese and Chinese do not come from
espeak-ng's IPA: see `japanese` and `chinese`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from xtts_lab.kokoro.wheels import alphabet

VERSION = 3
"""Raised whenever the same IPA comes to mean other symbols."""

EVERYWHERE: dict[str, str] = {
    "dʒ": "ʤ",
    "tʃ": "ʧ",
    "ts": "ʦ",
    "dz": "ʣ",
    "tɕ": "ʨ",
    "dʑ": "ʥ",
    "eɪ": "A",
    "aɪ": "I",
    "oʊ": "O",
    "əʊ": "Q",
    "ɔɪ": "Y",
    "aʊ": "W",
    "g": "ɡ",
    "ʏ": "y",
    "ä": "a",
    "e̞": "e",
    "o̞": "o",
    "ɫ": "l",
    "ħ": "h",
    "ʕ": "",
    "-": "",
    "_": "",
    '"': "",
    ".": ".",
}
"""What every language shares; a longer sequence goes before a shorter one."""

PER_LANGUAGE: dict[str, dict[str, str]] = {
    "en": {
        "ɚ": "əɹ",
        "ɜː": "ɜɹ",
        "ɐ": "ə",
        "r": "ɹ",
        "x": "k",
        "ɬ": "l",
        "ː": "",
        "ɾ": "T",
    },
    # A trill is written once; sounded once, perro is heard as pero. English diphthongs are short.
    "es": {"r": "rr", "eɪ": "ei", "aɪ": "ai", "ɔɪ": "oi", "aʊ": "au"},
    # Not understood well; an English r less badly than the uvular one.
    "fr": {"ʁ": "ɹ"},
    # espeak-ng reduces unstressed i and u, and writes a long r as one and a tap.
    "it": {"ɪ": "i", "ʊ": "u", "rɾ": "rr"},
    "pt": {},
    # A tapped r: the uvular one, which German has, comes out as h in these voices.
    "de": {"ɔø": "Y", "ɜ": "ɐ", "r": "ɾ"},
}


def to_symbols(ipa: str, language: str) -> tuple[str, str]:
    """Return the symbols of an IPA string, and what of it Kokoro has no symbol for."""
    table, pattern = _table(language)
    plain = _decomposed(ipa)
    mapped = pattern.sub(lambda match: table[match.group()], plain)
    known = alphabet()
    lost = "".join(sorted({c for c in mapped if c not in known and not c.isspace()}))
    kept = "".join(c for c in mapped if c in known)
    return " ".join(kept.split()), lost


def _decomposed(ipa: str) -> str:
    """Set tildes apart, which are a symbol of their own; leave ç and its like whole."""
    parts = (unicodedata.normalize("NFD", c) if _tilde(c) else c for c in ipa)
    return "".join(parts)


def _tilde(character: str) -> bool:
    return "\u0303" in unicodedata.normalize("NFD", character)


@cache
def _table(language: str) -> tuple[Mapping[str, str], re.Pattern[str]]:
    table = {**EVERYWHERE, **PER_LANGUAGE.get(language, {})}
    longest_first = sorted(table, key=len, reverse=True)
    return table, re.compile("|".join(map(re.escape, longest_first)))
