"""Turkish lower case: I is ı in Turkish words, and i in acronyms, foreign names and numerals.

XTTS was trained on plain lower-casing, where "IBM" is ibm; ı is right only where a Turk reads ı.
A capital I inside a word in capitals is ı where the word keeps vowel harmony (KIRMIZI), and an
initial one where the word begins with one of the few Turkish stems that do (Irak, Isparta, ışık).
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+")
_STEMS = re.compile(
    "ı(?:rak|sparta|ğdır|şı|rma|lgaz|lgın|lıca|hlamur|lık|lım|rk|rz|rgat|sın|sıt|sır|slah|slak|slan|spanak|srar"
    "|spat|zgara|zdırap|stakoz|stırap|stranca|kın|tır|vır|ztuz|lıman|şkın|ssız|raz|lgar|raksa)"
)
_FOREIGN_LETTERS = re.compile("[qwx]|[^aeıioöuü]{3}|[aeıioöuü]{2}")
_VOWELS = re.compile("[aeıioöuü]")


def lower(text: str) -> str:
    """Return `text` in lower case, with ı only where Turkish has it."""
    capitals = not any(map(str.islower, text)) and len(_WORD.findall(text)) > 1
    return _WORD.sub(lambda match: _word(match[0], capitals), text).lower()


def _word(word: str, in_capitals: bool) -> str:
    if "I" not in word:
        return word
    dotless = word.replace("I", "ı").lower()
    if not word.isupper() or len(word) == 1:
        dotless_first = word[0] == "I" and _STEMS.match(dotless)
        return ("ı" if dotless_first else word[0]) + word[1:].replace("I", "i")
    acronym = len(word) <= 4 and word.isascii() and not in_capitals and not _STEMS.match(dotless)
    if acronym or not _harmonic(dotless) or (dotless[0] == "ı" and not _STEMS.match(dotless)):
        return word.replace("I", "i")
    return dotless


def _harmonic(word: str) -> bool:
    """Turkish words have back vowels around ı, no cluster of three letters, and no hiatus."""
    return not _FOREIGN_LETTERS.search(word) and set(_VOWELS.findall(word)) <= set("aıou")
