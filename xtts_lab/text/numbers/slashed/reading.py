"""Slashes between two numbers that are no simple fraction: days (le 1/12) and scores (99/100)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers.days import MONTHS
from xtts_lab.text.numbers.ordinals import ordinal
from xtts_lab.text.numbers.slashed.fractions import fraction

_PAIR = r"(?P<day>0?[1-9]|[12]\d|3[01])/(?P<month>0?[1-9]|1[0-2])"
_AMERICAN = r"(?P<month>0?[1-9]|1[0-2])/(?P<day>0?[1-9]|[12]\d|3[01])"
_END = r"(?![^\W가-힣]|[/:%°]|[.,-]\d|\s?/)"
# fmt: off
_BEFORE: Mapping[str, str] = {
    "fr": r"le|du|au|dès le|jusqu['’]au|avant le|après le|depuis le",
    "es": r"el|del|al|hasta el|desde el|día", "it": r"il|dal|al|entro il|fino al|giorno",
    "pt": r"dia|até|desde|em|no dia|ao dia", "nl": r"op|tot|vanaf|sinds|voor",
    "en": r"on|until|since|by|before|after|through|till",
}
"""Words before a day and its month; the languages that write them with a slash and no year."""
_ALWAYS = frozenset(
    ("dia", "no dia", "ao dia", "día", "giorno", "dès le", "depuis le", "jusqu'au", "jusqu’au")
)
_PART_OF = {
    "fr": r"des?\b|du\b|d['’]", "es": r"de(?:l|\b)",
    "it": r"d(?:i|el|ei|ella|elle|egli|ello)\b|dell['’]",
    "pt": r"d[aeo]s?\b", "nl": r"van\b|deel\b", "en": r"of\b|off\b|as\b|in\b|cup|inch|mile",
}
"""What follows a fraction of something: le 1/4 du gâteau."""
_STILL_A_DAY = {
    "fr": r"à|au|et|pour|ou|est|on|nous|je|ils?|elles?|sera",
    "es": r"al?|hasta|y|o|por|es|fue|no|se|hay",
    "it": r"alle?|al|e|è|fino|ore|non|si|c", "pt": r"às?|a|e|até|ou|é|não|foi|há",
    "nl": r"om|tot|en|is|was", "en": r"at|to|and|we|i|he|she|they|is|was",
}
"""What follows a day that looks like a common fraction: du 3/4 au 5/6."""
_OUT_OF = {
    "en": "out of", "es": "sobre", "fr": "sur", "de": "von", "it": "su", "pt": "em", "pl": "na",
    "nl": "van de", "hu": "per", "ru": "из", "cs": "z",
}
_SCALES = {
    10: "десяти desíti", 20: "двадцати dvaceti", 30: "тридцати třiceti", 40: "сорока čtyřiceti",
    50: "пятидесяти padesáti", 60: "шестидесяти šedesáti", 80: "восьмидесяти osmdesáti",
    100: "ста sta", 200: "двухсот dvou~set", 500: "пятисот pěti~set", 1000: "тысячи tisíce",
}
"""What points are out of: round numbers, with their Russian and Czech genitives."""
_SCORE = re.compile(rf"(?<![\w.,/:-])([1-9]\d{{1,3}})/({'|'.join(map(str, _SCALES))}){_END}")
# fmt: on


def read_slashes(text: str, base: str) -> str:
    """Read "le 14/7", "on 3/15", where a word before says that it is a day; "99/100"; "50/50"."""
    if base in _BEFORE:
        pair = _AMERICAN if base == "en" else _PAIR
        days = rf"\b(?P<word>{_BEFORE[base]})\s{pair}{_END}"
        text = re.sub(days, lambda match: _day(match, base), text, flags=re.IGNORECASE)
    if base == "ko":  # the third quarter of a year
        text = re.sub(r"(?<![\d./])([1-4])/4(?=분기)", r"\1사", text)
    return _SCORE.sub(lambda match: _score(match, base), text)


def _day(match: re.Match[str], base: str) -> str:
    day, month = int(match["day"]), int(match["month"])
    first, second = (month, day) if base == "en" else (day, month)
    after = match.string[match.end() :].lstrip()
    word = match["word"].lower()
    if first < second and word not in _ALWAYS and not _is_day(second, after, base):
        return match[0]
    if base == "en" and ((word == "by" and first < second <= 12) or (first, second) == (9, 11)):
        return match[0]  # cut by 1/3; 9/11 has a name
    name = MONTHS[base].split()[month - 1]
    if base == "en":
        return f"{match['word']} {name} {ordinal(str(day), 'en')}"
    of = "de " if base in ("es", "pt") else ""
    one = {"fr": "premier", "it": "primo", "pt": "primeiro"}.get(base)
    return f"{match['word']} {one if day == 1 and one else day} {of}{name}"


def _is_day(under: int, after: str, base: str) -> bool:
    """Whether what looks like a fraction below one is a day, by the words behind it."""
    if re.match(_PART_OF[base], after, re.IGNORECASE):
        return False
    if under > 10 or not re.match(r"\w", after):
        return True
    return re.match(rf"(?:{_STILL_A_DAY[base]})\b", after, re.IGNORECASE) is not None


def _score(match: re.Match[str], base: str) -> str:
    over, under = int(match[1]), int(match[2])
    if over > under or (base == "en" and over <= 12 and 10 < under <= 31):
        return match[0]  # more than there is; an American day
    if over == under and under in (20, 50):
        return f"{over} {under}"  # fifty-fifty
    if base == "ko" and match.string[match.end() :].startswith("점"):
        return f"{under}점 만점에 {over}"
    if base not in _OUT_OF:
        return fraction(over, under, base)
    scale = match[2]
    if base in ("ru", "cs"):
        scale = _SCALES[under].split()[base == "cs"].replace("~", " ")
    word = "ze" if base == "cs" and scale.startswith(("s", "š", "č")) else _OUT_OF[base]
    return f"{over} {word} {scale}"
