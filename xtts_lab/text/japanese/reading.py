"""Japanese numbers and symbols as kanji and kana, before romanisation.

The reference passes digits on; a vocabulary without 0 and 6 to 9 loses them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from xtts_lab.text import symbols
from xtts_lab.text.numbers import money, numerals
from xtts_lab.text.numbers.written import join_groups

_NUMBER = r"(?<!\d)\d+(?:\.\d+)?"
_SIGNS = "".join(money.SIGNS)
_AMOUNT = rf"(?P<number>{_NUMBER})(?P<scale>[万億兆])?"
_Read = Callable[[re.Match[str]], str]


def read_numbers(text: str) -> str:
    """Replace digits by kanji numerals and symbols by katakana; the result has no digit."""
    text = join_groups(unicodedata.normalize("NFKC", text), "ja").replace("¥", "￥")
    text = re.sub(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?!\d)", lambda m: m[0].replace(",", ""), text)
    for pattern, read in _RULES:
        text = re.sub(pattern, read, text)
    return symbols.speak(text.replace("￥", "¥"), "ja")


def _number(digits: str) -> str:
    whole, dot, fraction = digits.partition(".")
    if dot:
        return numerals.decimal(whole, fraction, "ja")
    if whole.startswith("0") and len(whole) > 1:
        return numerals.spell(whole, "ja")
    return numerals.cardinal(whole, "ja")


def _clock(match: re.Match[str]) -> str:
    minute = "" if match[2] == "00" else f"{_number(str(int(match[2])))}分"
    return f"{_number(str(int(match[1])))}時{minute}"


def _money(match: re.Match[str]) -> str:
    whole, _, fraction = match["number"].partition(".")
    code = money.SIGNS[match["sign"]]
    return money.amount(whole, fraction, code, "ja", match["scale"] or "")


def _days(match: re.Match[str]) -> str:
    return f"{_number(str(int(match[1])))}月{_number(str(int(match[2])))}日"


_RULES: tuple[tuple[str, _Read], ...] = (
    (r"(?<![^\s(、。])[-−](?=\d)", lambda _: symbols.MINUS["ja"]),
    (rf"(?P<sign>[{_SIGNS}])\s?{_AMOUNT}", _money),
    (rf"{_AMOUNT}\s?(?P<sign>[{_SIGNS}])", _money),
    (r"(\d{1,2})月(\d{1,2})日", _days),
    (r"(?<!\d)([01]?\d|2[0-4]):([0-5]\d)(?!\d)", _clock),
    (rf"({_NUMBER})\s?%", lambda m: f"{_number(m[1])}パーセント"),
    (rf"({_NUMBER})\s?°[CF]", lambda m: f"{_number(m[1])}度"),
    (rf"({_NUMBER})", lambda m: _number(m[1])),
)
