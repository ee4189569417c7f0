"""Numbers after a sign that compares: больше или равно пяти, menší nebo rovno třem."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers import slavic
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
_COMPARED = re.compile(r"(?P<sign>[≥≤<>])\s?(?P<number>\d{1,12})(?P<gap>\s?)(?P<unit>[%°])?"
                       r"(?![\w$£€¥₽\-–]|\s?[$£€¥₽°]|[.,:/]\d|\s\d)")  # fmt: skip


def read_compared(text: str, base: str) -> str:
    """Read whole numbers after ≥, ≤, > and < in the case that Russian and Czech ask for."""
    if base not in _CASES:
        return text
    return _COMPARED.sub(lambda match: _declined(match, base), text)


def _declined(match: re.Match[str], base: str) -> str:
    case, unit, digits = _CASES[base].get(match["sign"], ""), match["unit"], match["number"]
    one = digits.endswith("1") and not digits.endswith("11")
    if not case or (unit and one):
        return match[0]
    words = slavic.russian(digits, case) if base == "ru" else _czech(digits)
    named = f" {_UNITS[base, case][unit]}" if unit else ""
    return f"{match['sign']} {words}{named}{'' if unit else match['gap']}"


def _czech(digits: str) -> str:
    return slavic.czech_dative(cardinal(digits, "cs"))
