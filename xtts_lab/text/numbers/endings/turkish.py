"""Turkish endings on figures: 5'te is beşte, %50'si is yüzde ellisi, 14.30'da is on dört otuzda."""

from __future__ import annotations

import re

from xtts_lab.text.numbers.endings.common import START, Rules, number
from xtts_lab.text.numbers.ordinals import ordinal
from xtts_lab.text.numbers.written import NUMBER, Parts, parse

SUFFIX = r"['’‘](?P<suffix>[^\W\d_]+)"


_VOWELS = "aıoueiöü"


def attach(words: str, suffix: str) -> str:
    """Join a case ending to the last word of a number; a final t before a vowel becomes d."""
    suffix = suffix.replace("I", "ı").replace("İ", "i").lower()
    if words.endswith("dört") and suffix[:1] in _VOWELS:
        words = words[:-1] + "d"
    return words + suffix


def dative(words: str) -> str:
    """Return the dative: yirmi is yirmiye, üç is üçe."""
    vowel = re.findall(f"[{_VOWELS}]", words)[-1]
    ending = "a" if vowel in "aıou" else "e"
    return attach(words, ("y" if words[-1] in _VOWELS else "") + ending)


def harmonised(word: str, suffix: str) -> str:
    """Join an ending that was written for an abbreviation: TL'ye, read as a word, is liraya."""
    suffix = suffix.lower()
    last = re.findall(f"[{_VOWELS}]", word)[-1]
    open_ = "a" if last in "aıou" else "e"
    close = {"a": "ı", "ı": "ı", "o": "u", "u": "u", "e": "i", "i": "i", "ö": "ü", "ü": "ü"}[last]
    suffix = re.sub("[ae]", open_, re.sub("[ıiuü]", close, suffix))
    if word[-1] in _VOWELS:
        if suffix[0] in _VOWELS:
            suffix = ("n" if suffix.endswith("n") else "y") + suffix
    else:
        suffix = re.sub("^[yn](?=[aeıiuü])", "", suffix)
    hard = word[-1] in "fstkçşhp"
    return word + re.sub("^[dt]", "t" if hard else "d", suffix)


def _turkish_percent(match: re.Match[str]) -> str:
    return f"yüzde {attach(number(match[1], 'tr'), match['suffix'])}"


def _turkish(match: re.Match[str]) -> str:
    suffix = match["suffix"].lower()
    value = parse(match[1], "tr")
    if (
        not isinstance(value, Parts)
        and re.fullmatch("[ıiuü]?nc[ıiuü]\\w*", suffix)
        and not value.fraction
    ):
        return ordinal(value.whole, "tr") + re.sub("^[ıiuü]?nc[ıiuü]", "", suffix)
    return attach(number(match[1], "tr"), suffix)


RULES: Rules = (
    (rf"%\s?({NUMBER}){SUFFIX}", _turkish_percent),
    (rf"%\s?({NUMBER})", lambda m: f"yüzde {number(m[1], 'tr')}"),
    (rf"({NUMBER})\s?%{SUFFIX}", _turkish_percent),
    (rf"({NUMBER})\s?%", lambda m: f"yüzde {number(m[1], 'tr')}"),
    (rf"({NUMBER}){SUFFIX}", _turkish),
    (rf"{START}(\d{{1,4}})(?P<suffix>(?:[ıiuü]?nc[ıiuü])\w*)\b", _turkish),
)  # fmt: skip
