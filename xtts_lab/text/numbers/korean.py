"""Korean numbers before counters: native numerals for few things, for hours and for ages."""

from __future__ import annotations

import re

_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")

# The largest number that is read natively; above it Sino-Korean is as usual, or the only reading.
_COUNTERS = (
    (99, "살|명|사람|개(?![월년국사])|마리"),
    (12, "시(?![즌도스])"),
    (30, "권|잔|병|달(?!러)|가지|송이|그루|켤레|자루|벌"),
)
_THINGS = rf"(?:{_COUNTERS[0][1]}|{_COUNTERS[2][1]})"
"""Counters that stand apart from their number, however large it is: 백 명."""


def native(number: int) -> str:
    """Read 1 to 99 as it stands before a counter: 한, 두, 스무, 스물한."""
    if number == 20:
        return "스무"
    return _TENS[number // 10] + _ONES[number % 10]


def read_signs(text: str) -> str:
    """Read "§ 3" as an article of a law, and "≥ 5" without a counter as it is said: 5 이상."""
    text = re.sub(r"§\s?(\d+)(?![\d.])", r"제\1조", text)
    for sign, word in (("≥", "이상"), ("≤", "이하")):
        text = re.sub(rf"(?<!\w){sign}\s?(\d+(?:\.\d+)?)(?![\w%°]|[.,]\d)", rf"\1 {word}", text)
    return text


def read_powers(text: str) -> str:
    """Read "10^6", and "1만", whose one is not said."""
    text = re.sub(r"(?<!\d)(\d+)\s?\^(-?\d+)", r"\1의 \2 제곱", text)
    return re.sub(r"(?<![\d.,])1(?=만)", "", text)


def read_counted(text: str) -> str:
    """Replace the digits in "3개", "2명", "3시" (세 개, 두 명, 세 시), and in June and October."""
    text = re.sub(r"(?<!\d)(6|10)월", lambda match: {"6": "유월", "10": "시월"}[match[1]], text)
    for limit, counters in _COUNTERS:
        number = r"(?<![\d.,:/-])([1-9]\d?)"
        text = re.sub(
            rf"{number}(?:에서 ([1-9]\d?))?\s?(?={counters})(?!\d)",
            lambda match, limit=limit: _native_or_not(match, limit),  # type: ignore[misc]
            text,
        )
    return re.sub(rf"(?<=\d)(?={_THINGS})", " ", text)


def _native_or_not(match: re.Match[str], limit: int) -> str:
    numbers = [int(digits) for digits in match.groups() if digits]
    if max(numbers) > limit:
        return match[0]
    return "에서 ".join(map(native, numbers)) + " "
