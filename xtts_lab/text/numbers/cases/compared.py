"""Numbers after a sign that compares: больше или равно пяти, menší nebo rovno třem."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from xtts_lab.text.numbers import currencies, slavic
from xtts_lab.text.numbers.numerals import cardinal

_CASES: Mapping[str, Mapping[str, str]] = {
    "ru": {"≥": "d", "≤": "d", ">": "g", "<": "g"},
    "cs": {"≥": "d", "≤": "d"},
}
"""The case that a sign's words ask for: dative after "равно" and "rovno", else genitive."""
_UNITS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("ru", "g"): {"%": "процентов", "°": "градусов"},
    ("ru", "d"): {"%": "процентам", "°": "градусам"},
    ("cs", "d"): {"%": "procentům", "°": "stupňům"},
}


@cache
def _patterns(base: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the pattern of amounts of money after > and <, and that of all other numbers."""
    money = currencies.pattern(base)
    number = r"(?P<number>[1-9]\d{0,8})(?![\d.,:/]*\d)"
    amount = (
        rf"(?P<sign>[<>])\s?(?:{number}\s?(?P<after>{money})|(?P<before>{money})\s?(?P<other>\d+))"
    )
    plain = r"(?P<sign>[≥≤<>])\s?(?P<number>\d{1,12})(?P<gap>\s?)(?P<unit>[%°])?"
    no_more = rf"(?![\w\-–]|\s?(?:{money}|°)|[.,:/]\d|\s\d)"
    return re.compile(amount + r"(?![\w\-–]|[.,:/]\d|\s\d)"), re.compile(plain + no_more)


def read_compared(text: str, base: str) -> str:
    """Read whole numbers after ≥, ≤, > and < in the case that Russian and Czech ask for."""
    if base not in _CASES or not re.search("[≥≤<>]", text):
        return text
    amounts, numbers = _patterns(base)
    if base == "ru":
        text = amounts.sub(_amount, text)
    return numbers.sub(lambda match: _declined(match, base), text)


def _amount(match: re.Match[str]) -> str:
    digits = match["number"] or match["other"]
    code = currencies.signs("ru")[match["after"] or match["before"]]
    # The genitive singular is what stands after two.
    name = currencies.name(code, 2 if _one(digits) else 5, "ru")
    return f"{match['sign']} {slavic.russian(digits, 'g')} {name}"


def _declined(match: re.Match[str], base: str) -> str:
    case, unit, digits = _CASES[base].get(match["sign"], ""), match["unit"], match["number"]
    if not case or (unit and _one(digits)):
        return match[0]
    words = (
        slavic.russian(digits, case)
        if base == "ru"
        else slavic.czech_dative(cardinal(digits, "cs"))
    )
    named = f" {_UNITS[base, case][unit]}" if unit else ""
    return f"{match['sign']} {words}{named}{'' if unit else match['gap']}"


def _one(digits: str) -> bool:
    return digits.endswith("1") and not digits.endswith("11")
