"""Slashes between two numbers that are no simple fraction: days (le 1/12) and scores (99/100)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from xtts_lab.text.numbers.days import MONTHS, czech_genitive, polish_case
from xtts_lab.text.numbers.endings import turkish
from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.ordinals import ordinal
from xtts_lab.text.numbers.slashed.fractions import fraction
from xtts_lab.text.numbers.slavic import czech_dative

_PAIR = r"(?P<day>0?[1-9]|[12]\d|3[01])/(?P<month>0?[1-9]|1[0-2])"
_AMERICAN = r"(?P<month>0?[1-9]|1[0-2])/(?P<day>0?[1-9]|[12]\d|3[01])"
_END = r"(?![^\W가-힣]|[/:%°]|[.,-]\d|\s?/)"
# fmt: off
_BEFORE: Mapping[str, str] = {
    "fr": r"le|du|au|dès le|jusqu['’]au|avant le|après le|depuis le",
    "es": r"el|del|al|hasta el|desde el|día", "it": r"il|dal|al|entro il|fino al|giorno",
    "pt": r"dia|até|desde|em|no dia|ao dia", "nl": r"op|tot|vanaf|sinds|voor",
    "en": r"on|until|since|by|before|after|through|till", "de": r"vom|am|bis zum|zum",
    "pl": r"dnia", "cs": r"dne",
}
"""Words before a day and its month, which nothing but these tells from a fraction."""
_ALWAYS = frozenset(
    ("dia", "no dia", "ao dia", "día", "giorno", "dès le", "depuis le", "jusqu'au", "jusqu’au",
     "dnia", "dne")
)
_PART_OF = {
    "fr": r"des?\b|du\b|d['’]", "es": r"de(?:l|\b)",
    "it": r"d(?:i|el|ei|ella|elle|egli|ello)\b|dell['’]",
    "pt": r"d[aeo]s?\b", "nl": r"van\b|deel\b", "en": r"of\b|off\b|as\b|in\b|cup|inch|mile",
    "de": r"des\b|der\b|von\b|voll|leer|gefüllt|fertig",
}
"""What follows a fraction of something: le 1/4 du gâteau."""
_STILL_A_DAY = {
    "fr": r"à|au|et|pour|ou|est|on|nous|je|ils?|elles?|sera",
    "es": r"al?|hasta|y|o|por|es|fue|no|se|hay",
    "it": r"alle?|al|e|è|fino|ore|non|si|c", "pt": r"às?|a|e|até|ou|é|não|foi|há",
    "nl": r"om|tot|en|is|was", "en": r"at|to|and|we|i|he|she|they|is|was",
    "de": r"bis|um|und|oder|an|ist|war|ab|findet|beginnt|wird",
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
_PRESSURE = re.compile(
    rf"(?<![\w.,/:-])(8[5-9]|9\d|1\d\d|2[0-4]\d)/([4-9]\d|1[0-3]\d){_END}(?!\s?R\d)"
)
"""Of the blood: the greater number first, and no points out of a hundred."""
_OVER = {
    "en": "over", "es": "sobre", "fr": "sur", "de": "zu", "it": "su", "pt": "por", "pl": "na",
    "nl": "over", "hu": "per", "ru": "на", "cs": "na", "ar": "على", "ko": "에",
}
_SCREEN = re.compile(rf"(?<![\w.,/:-])(16|21)/(9){_END}")
_HALVES = {"ko": " 대 ", "ru": " на ", "pl": " na ", "cs": " na ", "hu": "-"}
_BY = {"en": "by", "de": "zu", "pt": "por", "nl": "bij", "pl": "na", "ru": "на", "ko": "대"}
"""What is said for the shape of a screen, 16/9, where it is no fraction."""
# fmt: on


def read_slashes(text: str, base: str) -> str:
    """Read "le 14/7", "on 3/15", where a word before says that it is a day; "99/100"; "50/50"."""
    if base in _BEFORE:
        pair = _AMERICAN if base == "en" else _PAIR
        days = rf"\b(?P<word>{_BEFORE[base]})\s{pair}{_END}"
        text = re.sub(days, lambda match: _day(match, base), text, flags=re.IGNORECASE)
    if base == "ko":  # the third quarter of a year
        text = re.sub(r"(?<![\d./])([1-4])/4(?=분기)", r"\1사", text)
    text = _SCREEN.sub(lambda match: _screen(match[1], match[2], base), text)
    text = _PRESSURE.sub(lambda match: _pressure(match, base), text)
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
    if base in _IN_WORDS:
        return f"{match['word']} {_IN_WORDS[base](day, month, name)}"
    of = "de " if base in ("es", "pt") else ""
    one = {"fr": "premier", "it": "primo", "pt": "primeiro"}.get(base)
    return f"{match['word']} {one if day == 1 and one else day} {of}{name}"


_IN_WORDS: Mapping[str, Callable[[int, int, str], str]] = {
    "en": lambda day, _, name: f"{name} {ordinal(str(day), 'en')}",
    "de": lambda day, month, _: " ".join(ordinal(str(n), "de") + "n" for n in (day, month)),
    "pl": lambda day, _, name: f"{polish_case(str(day), 'genitive')} {name}",
    "cs": lambda day, _, name: f"{czech_genitive(day)} {name}",
}
"""Days that are ordinals, and what stands beside them."""


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
        return f"{over}{_HALVES.get(base, ' ')}{under}"  # fifty-fifty
    if base == "ko" and match.string[match.end() :].startswith("점"):
        return f"{under}점 만점에 {over}"
    if base not in _OUT_OF:
        return fraction(over, under, base)
    scale = match[2]
    if base in ("ru", "cs"):
        scale = _SCALES[under].split()[base == "cs"].replace("~", " ")
    word = "ze" if base == "cs" and scale.startswith(("s", "š", "č")) else _OUT_OF[base]
    return f"{over} {word} {scale}"


def _pressure(match: re.Match[str], base: str) -> str:
    over, under = match.groups()
    if int(over) <= int(under):
        return match[0]
    if base == "tr":
        return f"{turkish.dative(cardinal(over, 'tr'))} {under}"
    if base == "ar":
        under = re.sub("ون$", "ين", cardinal(under, "ar"))
    return f"{over}{'' if base == 'ko' else ' '}{_OVER[base]} {under}"


def _screen(width: str, height: str, base: str) -> str:
    if base == "tr":
        return f"{turkish.dative(cardinal(width, 'tr'))} {height}"
    if base == "cs":
        return f"{width} ku {czech_dative(cardinal(height, 'cs'))}"
    if base == "hu":
        return f"{cardinal(width, 'hu')}-{cardinal(height, 'hu')}"
    return f"{width} {_BY[base]} {height}" if base in _BY else fraction(int(width), 9, base)
