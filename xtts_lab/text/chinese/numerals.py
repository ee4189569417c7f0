"""Chinese numerals, and the punctuation that XTTS's Chinese was trained without."""

from __future__ import annotations

import string

DIGITS = "零一二三四五六七八九"
_SMALL = {1: "十", 2: "百", 3: "千", 4: "万"}
_LARGE = {8 + 4 * index: unit for index, unit in enumerate("亿兆京垓秭穰沟涧正载")}
_UNITS = tuple(sorted((_SMALL | _LARGE).items(), reverse=True))

_CJK_PUNCTUATION = (
    "＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､｡！？。、〃〈〉《》「」『』【】〔〕"
    "〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏·"
)
PUNCTUATION_TO_COMMA = dict.fromkeys(map(ord, _CJK_PUNCTUATION + string.punctuation), ",")
"""The training texts had a comma for every mark, the full stop and question mark included."""


def spell_digits(digits: str) -> str:
    """Read digit by digit: "2023" is 二零二三."""
    return "".join(DIGITS[int(digit)] for digit in digits)


def cardinal(number: str) -> str:
    """Read "105", "0.5" or "20000" as a number: 一百零五, 零点五, 两万.

    A number of zeros only, longer than one digit, is silent, as in the reference; two is 两 before
    units from a hundred up, unless it follows a unit of ten.
    """
    whole, _, fraction = number.partition(".")
    symbols = _read(whole) if len(whole) > 1 else [DIGITS[int(digit)] for digit in whole]
    symbols = _with_liang(symbols)
    if fraction:
        symbols += ["点", *(DIGITS[int(digit)] for digit in fraction)]
    words = "".join(symbols)
    if words.startswith("点"):
        return "零" + words
    return words[1:] if words.startswith("一十") else words


def _read(digits: str) -> list[str]:
    significant = digits.lstrip("0")
    if not significant:
        return []
    if len(significant) == 1:
        digit = DIGITS[int(significant)]
        return ["零", digit] if len(digits) > 1 else [digit]
    power, unit = next((p, u) for p, u in _UNITS if p < len(significant))
    return [*_read(digits[:-power]), unit, *_read(significant[-power:])]


def _with_liang(symbols: list[str]) -> list[str]:
    units = {unit for _, unit in _UNITS}
    preceding, following = ["", *symbols], [*symbols[1:], ""]
    return [
        "两"
        if symbol == "二"
        and after in units
        and after != "十"
        and (before == "" or (before in units and before != "十"))
        else symbol
        for before, symbol, after in zip(preceding, symbols, following, strict=False)
    ]
