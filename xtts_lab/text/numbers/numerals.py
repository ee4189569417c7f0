"""Numbers as words: num2words, with what it gets wrong in some languages put right.

Everything is lower case. A number too long to be named is read digit by digit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from xtts_lab.text.chinese import numerals as chinese

MAX_NAMED_DIGITS = 15
"""Beyond 999 trillion nobody knows the names, and num2words has none in some languages."""

_POINT = {
    "en": "point", "es": "punto", "fr": "virgule", "de": "komma", "it": "virgola",
    "pt": "vírgula", "pl": "przecinek", "tr": "virgül", "ru": "запятая", "nl": "komma",
    "cs": "celá", "ar": "فاصلة", "hu": "egész", "ko": "점", "ja": "点",
}  # fmt: skip
DOT = {
    "en": "point", "es": "punto", "fr": "point", "de": "punkt", "it": "punto", "pt": "ponto",
    "pl": "kropka", "tr": "nokta", "ru": "точка", "nl": "punt", "cs": "tečka", "ar": "نقطة",
    "hu": "pont", "ko": "점", "ja": "点",
}  # fmt: skip
"""The full stop in "1.2.3"."""

_FRACTION_AS_NUMBER = frozenset({"pl", "cs", "ru", "hu"})
_HUNGARIAN_PARTS = ("", "tized", "század", "ezred", "tízezred", "százezred", "milliomod")
_MENDED: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    base: tuple((re.compile(pattern), right) for pattern, right in rules)
    for base, rules in {
        # The form without a noun is the long one; num2words has it only below a hundred.
        "hu": ((r"két$", "kettő"),),
        "es": ((r"\bveintiuno(?= mil)", "veintiún"), (r"\buno(?= mil)", "un")),
        # As Brazilians say sixteen, seventeen and nineteen; num2words has the European words.
        "pt": ((r"\bdezass", "dezess"), (r"\bdezanove", "dezenove")),
        # num2words ends 200 and 2000 in the construct state, which wants a noun after it.
        "ar": ((r"(مئتا|ألفا|مليونا|مليارا)$", r"\1ن"),),
    }.items()
}  # fmt: skip


def cardinal(digits: str, base: str) -> str:
    """Read a whole number as people count, without a noun: eins, uno, kettő, مئتان."""
    if len(digits.lstrip("0")) > MAX_NAMED_DIGITS:
        return spell(digits, base)
    if base == "zh":
        return chinese.cardinal(digits) or chinese.spell_digits(digits)
    words = _named(int(digits), base)
    for pattern, right in _MENDED.get(base, ()):
        words = pattern.sub(right, words)
    return words


def spell(digits: str, base: str) -> str:
    """Read digit by digit."""
    if base in ("zh", "ja"):
        return chinese.spell_digits(digits)
    return " ".join(_named(int(digit), base) for digit in digits)


def decimal(whole: str, fraction: str, base: str) -> str:
    """Read a decimal number with every digit that is written: "3.10" is three point one zero."""
    words = cardinal(whole, base)
    if base == "zh":
        return f"{words}点{chinese.spell_digits(fraction)}"
    if base == "ja":
        return f"{words}点{_japanese_digits(fraction)}"
    if base not in _FRACTION_AS_NUMBER or len(fraction) > 6:
        return f"{words} {_POINT[base]} {spell(fraction, base)}"
    if base == "ru":
        return _named_decimal(f"{int(whole)}.{fraction}")
    if base == "hu":
        part = _HUNGARIAN_PARTS[len(fraction)]
        return f"{words} {_POINT[base]} {cardinal(fraction, base)} {part}"
    zeros = len(fraction) - len(fraction.lstrip("0"))
    rest = fraction[zeros:]
    parts = [_named(0, base)] * zeros + ([cardinal(rest, base)] if rest else [])
    return f"{words} {_POINT[base]} {' '.join(parts)}"


def plural(number: int, forms: tuple[str, ...], base: str) -> str:
    """Choose the form of a counted noun: one and many, or the Slavic one, few, many."""
    if len(forms) == 3:
        few = number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14)
        if base == "ru" and number % 10 == 1 and number % 100 != 11:
            return forms[0]
        if base == "cs":
            few = number in (2, 3, 4)
        return forms[0] if number == 1 else forms[1] if few else forms[2]
    singular = number == 1 or (base == "fr" and number == 0)
    return forms[0] if singular or len(forms) == 1 else forms[1]


@cache
def _named(number: int, base: str, **options: Any) -> str:
    from num2words import num2words

    # German "Million" has a capital, which the lower-case vocabulary lacks.
    return str(num2words(number, lang=base, **options)).strip().lower()


def _named_decimal(text: str) -> str:
    from num2words import num2words

    return str(num2words(text, lang="ru"))


def _japanese_digits(digits: str) -> str:
    return digits.translate(str.maketrans("0123456789", "零一二三四五六七八九"))
