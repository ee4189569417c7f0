"""Numbers, ordinals, amounts and counted symbols in a text, read as words.

For the languages with words between spaces, and Korean; Chinese and Japanese have their own files.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from xtts_lab.text import symbols
from xtts_lab.text.numbers import clock, korean, money, numerals
from xtts_lab.text.numbers.ordinals import SUFFIXES, ordinal
from xtts_lab.text.numbers.written import NUMBER, Decimal, Parts, join_groups, parse

_DOTTED_ORDINALS = frozenset({"de", "cs", "pl", "tr", "hu"})
_NOUNS_MAY_BE_CAPITAL = frozenset({"de", "tr", "hu"})
_MINUS = re.compile(rf"(?<![^\s(])[-−](?=[{''.join(money.SIGNS)}]?\d)")
_TIMES = re.compile(r"(?<=\d)\s?[x×]\s?(?=\d)")

_Read = Callable[[re.Match[str]], str]


def read_numbers(text: str, base: str) -> str:
    """Replace everything written with digits by words; no ASCII digit is left."""
    text = join_groups(text, base)
    text = _MINUS.sub(f"{symbols.MINUS[base]} ", text)
    text = _TIMES.sub(" × ", text)
    text = clock.read_dates(clock.read_times(text, base), base)
    text = _money(text, base)
    text = _counted_symbols(text, base)
    text = _number_signs(text, base)
    if base == "ko":
        text = korean.read_counted(text)
    text = _ordinals(text, base)
    if base == "en":
        text = _replace(
            r"(?<!\d)(\d+)['’]?s\b", lambda match: _english_plural(match[1]), text, base
        )
    return _replace(NUMBER, lambda match: read(match[0], base), text, base)


def read(written: str, base: str) -> str:
    """Read digits with dots and commas: a number, or the parts of a date, a list, a version."""
    number = parse(written, base)
    if isinstance(number, Parts):
        return _parts(number, base)
    if number.fraction:
        return numerals.decimal(number.whole, number.fraction, base)
    if number.whole.startswith("0") and len(number.whole) > 2:
        return numerals.spell(number.whole, base)
    return numerals.cardinal(number.whole, base)


def _parts(number: Parts, base: str) -> str:
    lengths = tuple(map(len, number.digits))
    is_date = base != "en" and max(lengths[:2]) <= 2 and len(lengths) == 3 and lengths[2] in (2, 4)
    words = numerals.cardinal(number.digits[0], base)
    for sign, digits in zip(number.signs, number.digits[1:], strict=True):
        between = ", " if sign == "," else " " if is_date else f" {numerals.DOT[base]} "
        words += between + numerals.cardinal(digits, base)
    return words


def _money(text: str, base: str) -> str:
    scale = rf"(?:\s?(?P<scale>(?i:{money.SCALES[base]}))(?![^\W_]))?"
    if base == "ko":
        scale = rf"(?P<scale>{money.SCALES[base]})?"
    number = rf"(?P<number>{NUMBER})"
    signs = money.signs_pattern(base)
    before = rf"(?:US)?(?P<sign>{signs})\s?{number}(?:,[-–])?{scale}"
    after = rf"{number}(?:,[-–])?{scale}\s?(?P<sign>{signs})(?!['’]?\w)"
    for pattern in (after, before) if base != "en" else (before, after):
        text = _replace(pattern, lambda match: _amount(match, base), text, base)
    return text


def _amount(match: re.Match[str], base: str) -> str:
    number = parse(match["number"], base)
    code = money.code_of(match["sign"], base)
    if isinstance(number, Parts):
        return f"{_parts(number, base)} {money.name_of(code, base)}"
    return money.amount(number.whole, number.fraction, code, base, match["scale"] or "")


def _counted_symbols(text: str, base: str) -> str:
    text = text.replace("℃", "°C").replace("℉", "°F")
    forms = symbols.COUNTED.get(base, {})
    bare = symbols.WORDS[base][symbols.SIGNS.index("°")]

    def degrees(match: re.Match[str]) -> str:
        scale = symbols.CELSIUS[base]["CF".index(match[2])]
        degree = _form(match[1], forms.get("°", (bare,)), base)
        return f"{match[1]} {symbols.SCALE_ORDER.get(base, '{0} {1}').format(degree, scale)}"

    text = re.sub(rf"({NUMBER})\s?°\s?([CF])(?![A-Za-z])", degrees, text)
    for sign, words in forms.items():
        if (base, sign) != ("it", "°"):  # "1°" is an Italian ordinal
            text = re.sub(
                rf"({NUMBER})\s?{sign}",
                lambda match, words=words: f"{match[1]} {_form(match[1], words, base)} ",  # type: ignore[misc]
                text,
            )
    return text


def _form(written: str, forms: tuple[str, ...], base: str) -> str:
    number = parse(written, base)
    if isinstance(number, Decimal) and not number.fraction:
        return numerals.plural(int(number.whole[-15:]), forms, base)
    return forms[min(1, len(forms) - 1)]


def _number_signs(text: str, base: str) -> str:
    word = symbols.NUMBER_SIGN[base]
    text = re.sub(r"№\s?", f" {word} ", text)
    if base != "ko":
        text = re.sub(r"#(?=\d)", f" {word} ", text)
    return re.sub(r"\bn\.?[°º]\s?(?=\d)", f"{word} ", text, flags=re.IGNORECASE)


def _ordinals(text: str, base: str) -> str:
    if base in SUFFIXES:
        text = _replace(_suffixed(base), lambda match: _suffix_ordinal(match, base), text, base)
    if base == "hu":
        text = _replace(r"(\d{1,2})-(j?én|án|j?e)\b", _hungarian_day, text, base)
    if base == "it":
        text = _replace(r"(?<![\d.,])(\d+)°", lambda match: ordinal(match[1], base), text, base)
    if base in _DOTTED_ORDINALS:
        text = re.sub(
            r"(?<![\w.,])(\d{1,4})\.(?=\s+(\S))", lambda match: _dotted(match, base), text
        )
    return text


def _suffixed(base: str) -> str:
    suffixes = "|".join(sorted(SUFFIXES[base].split(), key=len, reverse=True))
    apostrophe = {"tr": "['’]?", "ko": " ?", "es": r"(?:\.(?=[ºª]))?"}.get(base, "")
    ahead = "" if base == "ko" else r"(?![^\W_])"
    return rf"(?<![\d.,])(\d{{1,3}}(?:,\d{{3}})+|\d+){apostrophe}((?i:{suffixes})){ahead}"


def _suffix_ordinal(match: re.Match[str], base: str) -> str:
    return ordinal(match[1].replace(",", ""), base, match[2])


def _dotted(match: re.Match[str], base: str) -> str:
    """An ordinal such as "3. Mai", unless the dot ends the sentence, as in "1999. Das"."""
    number, following = int(match[1]), match[2]
    if not following.isalpha():
        return match[0]
    if base == "hu" and number >= 1000:
        return numerals.cardinal(match[1], base)  # the year of a date
    if following.islower() or (base in _NOUNS_MAY_BE_CAPITAL and number < 1000):
        return ordinal(match[1], base) + (clock.german_ending(match) if base == "de" else "")
    return match[0]


def _hungarian_day(match: re.Match[str]) -> str:
    number, suffix = match[1], match[2].removeprefix("j")
    return "elsej" + suffix if number == "1" else ordinal(number, "hu") + suffix


def _english_plural(digits: str) -> str:
    if len(digits) == 4 and digits[2] != "0" and digits[3] == "0":
        return f"{numerals.cardinal(digits[:2], 'en')} {_english_plural(digits[2:])}"
    words = numerals.cardinal(digits, "en")
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith(("x", "s")) else "s")


def _replace(pattern: str, read_match: _Read, text: str, base: str) -> str:
    """Replace matches by words, with a space where they would touch a letter."""

    def spaced(match: re.Match[str]) -> str:
        before = text[match.start() - 1 : match.start()]
        after = text[match.end() : match.end() + 1]
        left = " " if _needs_space(before) and base != "ar" else ""
        return left + read_match(match) + (" " if _needs_space(after) else "")

    return re.sub(pattern, spaced, text)


def _needs_space(neighbour: str) -> bool:
    return neighbour.isalpha() and not ("\u3040" <= neighbour <= "\ud7a3")
