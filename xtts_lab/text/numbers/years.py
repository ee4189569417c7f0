"""Years as English, German and Dutch speakers say them: nineteen ninety-six, neunzehnhundert…

Four digits are a year after a word that years follow ("in", "Jahr", a month) where no noun follows
that they could count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers.numerals import cardinal

_MONTHS: Mapping[str, str] = {
    "en": "January|February|March|April|May|June|July|August|September|October|November|December",
    "de": "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember",
    "nl": "januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|november|december",
}
_CUES: Mapping[str, str] = {
    "en": "in|since|by|until|from|before|after|during|of|year|early|late|mid|to|and|spring|summer"
    "|autumn|winter",
    "de": "Jahr|Jahre|Jahren|Jahres|seit|bis|ab|von|Sommer|Winter|Herbst|Frühjahr|anno|um"
    "|Anfang|Ende"
    "|Mitte",
    "nl": "in|sinds|tot|van|jaar|voor|na|uit|zomer|winter|begin|eind",
}
_MAY_FOLLOW: Mapping[str, str] = {
    "en": "and|or|to|the|a|an|was|were|he|she|they|it|we|with|as|when|after|before|at|by|on|in"
    "|of|for"
    "|until|but|is|had|has|who|which|that|there|his|her|their",
    "de": "und|oder|bis|der|die|das|ein|eine|war|waren|wurde|wurden|er|sie|es|wir|mit|als|nach|vor"
    "|in|im|am|auf|für|hat|hatte|ist|gab|kam|starb",
    "nl": "en|of|tot|de|het|een|was|waren|werd|werden|hij|zij|ze|we|met|toen|na|voor|in|op|om"
    "|is|had"
    "|heeft|feestelijk",
}
_FIRST_VERBS: Mapping[str, str] = {
    "de": r"wurden?|waren?|kam(?:en)?|gab|starb|entstand|begann|ging|fand|zog|hatten?"
    r"|[a-zäöü]{3,}te(?!\s[A-ZÄÖÜ])",
    "nl": r"werd|werden|was|waren|begon|kwam|stierf|had|vond|ging",
}
"""What follows a year that begins a sentence: 1945 endete der Krieg."""
_DAY = re.compile(
    rf"(?<![\w.,/:-])(?P<the>the )?(?P<day>[12]?\d|3[01])(?: of)? (?P<month>{_MONTHS['en']})\b"
)
_DAY_AFTER = re.compile(
    rf"\b({_MONTHS['en']}) ([12]?\d|3[01])(?![\d:/%-]|[.,]\d|(?:st|nd|rd|th)\b)"
)


def is_year(digits: str) -> bool:
    """Return whether four digits are a year that is said in two halves in English."""
    return len(digits) == 4 and ("1100" <= digits <= "1999" or "2010" <= digits <= "2099")


def year(digits: str, base: str) -> str:
    """Read a year: 1905 is nineteen oh five, 1996 neunzehnhundertsechsundneunzig."""
    halves = len(digits) == 4 and digits[1:3] != "00" and (base == "en" or digits < "2000")
    if not halves:
        return cardinal(digits, base)
    first, last = cardinal(digits[:2], base), cardinal(str(int(digits[2:])), base)
    if base in ("de", "nl"):
        return f"{first}{'hundert' if base == 'de' else 'honderd'}" + last * (digits[2:] != "00")
    if digits[2:] == "00":
        return f"{first} hundred"
    return f"{first} oh {last}" if digits[2] == "0" else f"{first} {last}"


def read_years(text: str, base: str) -> str:
    """Replace the years after a month or a word that years follow."""
    if base not in _CUES:
        return text
    # German verbs end in t or n; an English name or sentence begins with a capital.
    other = "[A-ZÀ-Ž]" if base == "en" else "[a-zäöüß]+[tn]\\b"
    after = rf"(?=\s*(?:$|[.,;:!?)\"”]|(?:{_MAY_FOLLOW[base]})\b|{other}))"
    said = (lambda year: is_year(year) or "1010" <= year < "1100") if base == "en" else is_year
    day = r"(?:\s\d{1,2}(?:st|nd|rd|th)?,)?" if base == "en" else ""
    cues = rf"\b(?:(?i:{_CUES[base]})|(?:{_MONTHS[base]}){day})"
    if base == "en":
        end = rf"(?=\s*(?:$|[.,;:!?)]|(?:{_MAY_FOLLOW[base]})\b))"
        text = re.sub(rf"\b(between )(\d{{4}})( and )(\d{{4}}){end}", _both, text, flags=re.I)
    if base in _FIRST_VERBS:
        text = re.sub(
            rf"(?<![^.!?:;–\n]\s)(?<![^\s])(\d{{4}})(?=\s(?:{_FIRST_VERBS[base]})\b)",
            lambda match: year(match[1], base) if is_year(match[1]) else match[1],
            text,
        )
    return re.sub(
        rf"({cues},?\s)(\d{{4}})(?![\d%°$€£]|[.,:/-]\d){after}",
        lambda match: match[1] + (year(match[2], base) if said(match[2]) else match[2]),
        text,
    )


def _both(match: re.Match[str]) -> str:
    """Read "between 1990 and 1995", if nothing follows that the figures could count."""
    years = match[2], match[4]
    if not all(map(is_year, years)):
        return match[0]
    return f"{match[1]}{year(years[0], 'en')}{match[3]}{year(years[1], 'en')}"


def read_days(text: str) -> str:
    """Write the days of English dates as ordinals: 14 March is the 14th of March."""
    text = _DAY.sub(lambda match: f"the {_th(match['day'])} of {match['month']}", text)
    return _DAY_AFTER.sub(lambda match: f"{match[1]} {_th(match[2])}", text)


def _th(day: str) -> str:
    number = int(day)
    ending = "th" if 10 < number < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
