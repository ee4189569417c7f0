"""Times and dates that are written in ways of their own language."""

from __future__ import annotations

import re

from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.ordinals import czech, ordinal

_HOURS = {"fr": ("heure", "heures"), "pt": ("hora", "horas")}
_FEMININE = {"fr": ((r"\bun$", "une"),), "pt": ((r"\bum$", "uma"), (r"\bdois$", "duas"))}
_H_TIME = re.compile(r"(?<![\d.,])([01]?\d|2[0-4])\s?[hH](?:\s?([0-5]\d))?(?![^\W_])")
_HOUR_AFTER = re.compile(r"(?<![\d.,])([01]?\d|2[0-4])[.:]([0-5]\d)\s?(uur|Uhr)\b")
_DATE = re.compile(r"(?<![\w.,])(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4}|\d{2})(?![\d.])")
_MONTHS = {
    "ru": "января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря",
    "pl": "stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października"
    "|listopada|grudnia",
}
_YEAR = {"ru": "года", "pl": "roku"}
GERMAN_DATIVE = frozenset(("am", "vom", "zum", "beim", "im", "dem", "den", "ab", "seit", "bis"))


def read_times(text: str, base: str) -> str:
    """French and Portuguese "6h45"; Dutch "7.50 uur" and German "7:50 Uhr", where the hour's word
    is said between."""
    if base in _HOURS:
        text = _H_TIME.sub(lambda match: _hours(match, base), text)
    return _HOUR_AFTER.sub(_hour_between, text) if base in ("nl", "de") else text


def read_dates(text: str, base: str) -> str:
    """German and Czech "21. 9. 1936", Russian and Polish "17 мая 1962 года", "14 marca 1998 roku":
    days, months and years are ordinals, in the case that is usual."""
    if base in _MONTHS:
        return _slavic_dates(text, base)
    if base not in ("de", "cs"):
        return text
    return _DATE.sub(_german_date if base == "de" else _czech_date, text)


def german_ending(match: re.Match[str]) -> str:
    """Return the "n" that an ordinal gets after "am", "zum" and the like."""
    before = match.string[: match.start()].rsplit(None, 1)
    return "n" if before and before[-1].lower() in GERMAN_DATIVE else ""


def _hour_between(match: re.Match[str]) -> str:
    hour = "een" if match[3] == "uur" and match[1] == "1" else f"{int(match[1])}"
    hour = "ein" if match[3] == "Uhr" and match[1] == "1" else hour
    return f"{hour} {match[3]}" + (f" {int(match[2])}" if match[2] != "00" else "")


def _slavic_dates(text: str, base: str) -> str:
    text = re.sub(
        rf"(?<![\d.,:/-])(\d{{1,2}})(?=\s(?:{_MONTHS[base]})\b)",
        lambda match: _genitive(match[1], base),
        text,
    )
    return re.sub(
        rf"(?<![\d.,:/-])(\d{{4}})(?=\s{_YEAR[base]}\b)",
        lambda match: _genitive(match[1], base),
        text,
    )


def _genitive(digits: str, base: str) -> str:
    if base == "ru":
        return ordinal(digits, "ru", "-го")
    # Polish ordinals end in -y or -i: drugi, drugiego; ósmy, ósmego.
    return re.sub(r"i\b", "iego", re.sub(r"y\b", "ego", ordinal(digits, "pl")))


def _hours(match: re.Match[str], base: str) -> str:
    words = cardinal(match[1], base)
    for pattern, feminine in _FEMININE[base]:
        words = re.sub(pattern, feminine, words)
    words += " " + _HOURS[base][int(match[1]) > 1]
    if not match[2] or match[2] == "00":
        return words
    return words + (" e " if base == "pt" else " ") + cardinal(str(int(match[2])), base)


def _german_date(match: re.Match[str]) -> str:
    ending = german_ending(match) or "r"
    day, month = (ordinal(digits, "de") + ending for digits in (match[1], match[2]))
    return f"{day} {month} {cardinal(match[3], 'de')}"


def _czech_date(match: re.Match[str]) -> str:
    day = re.sub(r"ý\b", "ého", re.sub(r"í\b", "ího", czech(int(match[1]))))
    return f"{day} {czech(int(match[2]))} {cardinal(match[3], 'cs')}"
