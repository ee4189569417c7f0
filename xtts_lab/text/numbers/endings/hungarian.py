"""Hungarian endings on figures: 5-ös is ötös, 3-at hármat, 50%-os ötven százalékos."""

from __future__ import annotations

import re

from xtts_lab.text.numbers.endings.common import Rules, number
from xtts_lab.text.numbers.gender import agree
from xtts_lab.text.numbers.ordinals import ordinal
from xtts_lab.text.numbers.written import NUMBER

SUFFIX = r"-(?P<suffix>[^\W\d_]+)"

_SHORTENED = {"három": "hárm", "kettő": "kett", "ezer": "ezr"}
"""Stems that lose their last vowel before an ending that begins with one of a o e ö."""

_PLAIN_VOWEL = re.compile(r"^[aoeö](?:s|t|k|n|d|dik|ket|kat|sok|sek|sak|sat|set|st|m|nként|nk)")
_SHORT_SEVEN = re.compile(r"^e(?:s|t|n|d|dik)")
_LONG = {"a": "á", "e": "é"}


def attach(words: str, suffix: str) -> str:
    """Join an ending to the last word of a number or of a counted sign.

    A final a or e grows long before any ending but -kor and -ként (óra: óráig, órakor).
    """
    suffix = suffix.lower()
    if words.endswith("hét") and _SHORT_SEVEN.match(suffix):
        return words.removesuffix("hét") + "het" + suffix
    if words.endswith(("egy", "négy")) and suffix.startswith("gy"):  # eggyel
        return words.removesuffix("gy") + "g" + suffix
    if words.endswith("sz") and suffix.startswith("sz"):  # hússzal
        return words.removesuffix("sz") + "s" + suffix
    for stem, short in _SHORTENED.items():
        if words.endswith(stem) and _PLAIN_VOWEL.match(suffix):
            return words[: -len(stem)] + short + suffix
    if words.endswith("kettő") and re.match("sz[eoö]r|féle|fajta", suffix):
        return words.removesuffix("kettő") + "két" + suffix
    if words[-1:] in _LONG and suffix not in ("kor", "ként", "szor", "szer"):
        words = words[:-1] + _LONG[words[-1]]
    return words + suffix


def _hungarian_percent(match: re.Match[str]) -> str:
    return f"{agree(number(match[1], 'hu'), 'm', 'hu')} {attach('százalék', match[2])}"


def _hungarian_degrees(match: re.Match[str]) -> str:
    scale = "celsius-" if match[2] else ""
    return f"{number(match[1], 'hu')} {scale}{attach('fok', match[3])}"


def _hungarian(match: re.Match[str]) -> str:
    ending = match[2].lower()
    if re.fullmatch("[aeoö]?dik(?:[aáeé]\\w*)?", ending):
        words = ordinal(match[1], "hu")
        return words + re.sub("^[aeoö]?dik", "", ending)
    return attach(number(match[1], "hu"), ending)


RULES: Rules = (
    (rf"({NUMBER})\s?%-([^\W\d_]+)", _hungarian_percent),
    (rf"({NUMBER})\s?°(C?)-([^\W\d_]+)", _hungarian_degrees),
    (rf"({NUMBER})-(?!j?én\b|j?e\b|án?\b)(?!\d)([^\W\d_]{{1,12}})\b", _hungarian),
)
