"""Primes after numbers: feet and inches (5'11"), minutes and seconds (5'30", 40°26′).

Two numbers are a length if the second could be inches, but in French, Italian, Portuguese and
Spanish, where they are a time. A double prime alone is inches, unless it closes a quotation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from xtts_lab.text.numbers.numerals import plural

_UNITS: Mapping[str, str] = {
    "en": "foot; inch inches; minute minutes; second seconds",
    "es": "pie pies; pulgada pulgadas; minuto minutos; segundo segundos",
    "fr": "pied pieds; pouce pouces; minute minutes; seconde secondes",
    "de": "Fuß; Zoll; Minute Minuten; Sekunde Sekunden",
    "it": "piede piedi; pollice pollici; minuto minuti; secondo secondi",
    "pt": "pé pés; polegada polegadas; minuto minutos; segundo segundos",
    "pl": "stopa stopy stóp; cal cale cali; minuta minuty minut; sekunda sekundy sekund",
    "tr": "fit; inç; dakika; saniye",
    "ru": "фут фута футов; дюйм дюйма дюймов; минута минуты минут; секунда секунды секунд",
    "nl": "voet; inch; minuut minuten; seconde seconden",
    "cs": "stopa stopy stop; palec palce palců; minuta minuty minut; sekunda sekundy sekund",
    "ar": "قدم; بوصة; دقيقة; ثانية",
    "zh": "英尺; 英寸; 分; 秒",
    "hu": "láb; hüvelyk; perc; másodperc",
    "ko": "피트; 인치; 분; 초",
    "ja": "フィート; インチ; 分; 秒",
}
"""Foot, inch, minute, second: the forms after one and after more, or the three Slavic ones."""

FOOT, INCH, MINUTE, SECOND = range(4)
_TIMES = frozenset({"fr", "it", "pt", "es"})
_TIGHT = frozenset({"zh", "ja", "ko"})
_ONE, _TWO = "['’‘′]", "(?:[\"”“″]|''|’’|′′)"
_ARC = re.compile(rf"(?<=\d)°\s?(\d{{1,2}})\s?{_ONE}(?:\s?(\d{{1,2}}(?:[.,]\d+)?)\s?{_TWO})?")
_BOTH = re.compile(rf"(?<![\w'’′.,])(\d{{1,3}})\s?{_ONE}\s?(\d{{1,2}}(?:[.,]\d)?)\s?{_TWO}(?!\w)")
_HEIGHT = re.compile(rf"(?<![\w'’′.,])([3-7]){_ONE}(1[01]|\d)(?![\w'’′\"”″]|[.,]\d)")
_ALONE = re.compile(
    r"(?<![\w\"”″.,°′'’])(\d{1,3}(?:[.,]\d{1,2})?)\s?([\"″])(?=[\s\-.,;:!?)]|$|[\u3040-\ud7a3])"
)


_SIDES = (
    "wide|long|tall|deep|high|thick|across|apart|away|below|above|by|x|and|or|in|of|to|is|was|at|on"
    "|from|longer|shorter|taller|more|less|off|per|diameter|square"
)
_INCHES = r"(\d{1,2}(?:\.\d+)?(?:\s1/\d)?)"
_FEET = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (rf"(?<![\w.,])1\s?ft\.?\s?{_INCHES}\s?ins?\b(?:\.(?=\s[a-z]))?", r"1 foot \1 inches"),
        (rf"(?<![\w.,])(\d{{1,3}})\s?ft\.?\s?{_INCHES}\s?ins?\b(?:\.(?=\s[a-z]))?",
         r"\1 feet \2 inches"),
        (r"(?<![\w.,])1\s?ft\b", "1 foot"),
        (r"(?<![\w.,])(\d)ft(\d{1,2})(?![\w.,])", r"\1 feet \2"),
        (r"((?:foot|feet)) 1 inches", r"\1 1 inch"),
        (r"\b((?i:an?|the|this|that|my|his|her|our|their)\s(?:\d+,)?\d+)[\s-]?ft\.?"
         rf"(?=\s(?!(?:{_SIDES})\b)[a-z])", r"\1 foot"),
        (r"(?<![\w.,/])1in\b(?!\s(?:\d|an?\s|the\s|every|each))", "1 inch"),
        (r"(?<![\w.,/])(\d{1,3})in(?=\s(?:\d|an?\s|the\s|my\s|total\b|all\b|every|each))",
         r"\1 in"),
        (rf"(?<![\w.,/])(\d{{1,3}}(?:\.\d+)?)(?:in|-in)\b\.?(?=\s(?!(?:{_SIDES})\b)[a-z])",
         r"\1 inch"),
        (r"(?<![\w.,/])(\d{1,3}(?:\.\d+)?)in\b", r"\1 inches"),
        (r"(?<![\w.,/])(\d{1,3}(?:\.\d+)?) in(?=\s(?:wide|long|tall|deep|high|thick|across|x\s\d+"
         r"|by\s\d+|in\sdiameter)\b)", r"\1 inches"),
        (r"((?:\bx|\bby|×)\s\d{1,3}(?:\.\d+)?) in(?=\s*(?:$|[.,;:!?)]|x\s))", r"\1 inches"),
        (r"(?<=inches) x (?=\d)", " by "),
        (r"(?<![\w'’′.,])(\d{1,3})['’′](?=\s(?:tall|high|long|wide|deep)\b)", r"\1 feet"),
    )
)  # fmt: skip
"""In English: 6ft 2in, 6ft2, a 6ft fence, 10in wide, 10 in x 12 in."""


def read_lengths(text: str, base: str) -> str:
    """Replace primes after figures by words; the figures stay for later steps.

    In English "ft" and "in" as well, where they cannot be words.
    """
    if base == "en":
        for pattern, said in _FEET:
            text = pattern.sub(said, text)
    if not re.search(r"\d\s?['’‘′\"”″]", text):
        return text
    text = _ARC.sub(lambda match: _arc(match, base), text)
    text = _BOTH.sub(lambda match: _both(match[1], match[2], base), text)
    if base == "en":
        text = _HEIGHT.sub(r"\1 foot \2", text)
    return _ALONE.sub(lambda match: _alone(match, base), text)


def _arc(match: re.Match[str], base: str) -> str:
    seconds = " " + _counted(match[2], SECOND, base) if match[2] else ""
    gap = " " if match.string[match.end() : match.end() + 1].isalnum() else ""
    return f"° {_counted(match[1], MINUTE, base)}{seconds}{gap}"


def _both(first: str, second: str, base: str) -> str:
    whole = int(re.split("[.,]", second)[0])
    if base in _TIMES or whole > 11:
        return f"{_counted(first, MINUTE, base)} {_counted(second, SECOND, base)}"
    if base == "en":
        return f"{first} foot {second}"
    return f"{_counted(first, FOOT, base)} {_counted(second, INCH, base)}"


def _alone(match: re.Match[str], base: str) -> str:
    quotation = match[2] == '"' and match.string[: match.start(2)].count('"') % 2 == 1
    if quotation:
        return match[0]
    noun = re.match(r"(?:-|\s)[^\W\d_]", match.string[match.end() :]) is not None
    inches = f"{match[1]} inch" if base == "en" and noun else _counted(match[1], INCH, base)
    return inches.rstrip() if noun else inches


def _counted(number: str, unit: int, base: str) -> str:
    forms = _forms(base)[unit]
    whole = int(re.split("[.,]", number)[0])
    word = plural(whole, forms, base) if len(forms) > 1 else forms[0]
    return number + ("" if base in _TIGHT else " ") + word


@cache
def _forms(base: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(words.split()) for words in _UNITS[base].split(";"))
