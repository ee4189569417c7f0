"""Slavic units in the case that a preposition asks for: po pięciu kilometrach, за одну минуту."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers.units.names import Forms

_ACCUSATIVE: Mapping[str, tuple[re.Pattern[str], str]] = {
    base: (re.compile(rf"\b(?:{words})\s$", re.IGNORECASE), ending)
    for base, words, ending in (
        ("ru", "на|за|через|в|во|про|спустя|каждую", "у"),
        ("pl", "na|za|przez|w|co|o", "ę"),
        ("cs", "na|za|přes|o|v|ve", "u"),
    )
}
_AWAY = re.compile(r"\bв\s$", re.IGNORECASE), re.compile(r"\s(?:от|к|езды|ходьбы|пути)\b")
"""в 5 км от города."""
_AFTER = re.compile(r"\bpo\s$", re.IGNORECASE)
_BEFORE = re.compile(r"\b(?:przed|před)\s$", re.IGNORECASE)


def governed(forms: Forms, value: int, before: str, after: str, base: str) -> str:
    """Return a unit after the preposition that ends `before`; empty where the number decides alone.

    `forms`: the Slavic ones of the unit; `value`: the whole number between.
    """
    if base not in _ACCUSATIVE or len(forms) < 3:
        return ""
    one = value % 10 == 1 and value % 100 != 11 if base == "ru" else value == 1
    words, ending = _ACCUSATIVE[base]
    if one:
        feminine = forms[0][-1] in "aа"
        if base == "pl" and feminine and _BEFORE.search(before):
            return forms[0][:-1] + "ą"
        return forms[0][:-1] + ending if feminine and words.search(before) else ""
    if base == "ru":
        if re.search(r"\bк\s$", before, re.IGNORECASE):
            return re.sub("а?$", "ам", forms[0], count=1)
        there = _AWAY[0].search(before) and _AWAY[1].match(after)
        return re.sub("а?$", "ах", forms[0], count=1) if there else ""
    feminine = base == "pl" or forms[0].endswith("a")
    if _AFTER.search(before):
        return re.sub("[yie]$", "ach" if base == "pl" else "ách" if feminine else "ech", forms[1])
    if _BEFORE.search(before):
        return re.sub("[yie]$", "ami", forms[1]) if feminine else forms[1]
    return ""
