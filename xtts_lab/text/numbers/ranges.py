"""What stands between two numbers: a range (10-15), a score or a ratio (20-3, 3:1), a minus.

A hyphen between numbers is a range upwards and a score otherwise; the words differ in some
languages. Before a number alone, after a space or an opening mark, it is a minus.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers import slavic
from xtts_lab.text.numbers.endings import turkish
from xtts_lab.text.numbers.gender import agree
from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.written import NUMBER, Decimal, Parts, parse
from xtts_lab.text.numbers.years import is_year, year
from xtts_lab.text.symbols import MINUS, RANGE_WORDS

_SCORE_WORD: Mapping[str, str] = {
    "en": "to", "es": "a", "fr": "à", "de": "zu", "it": "a", "pt": "a", "pl": "do", "tr": "-",
    "ru": "к", "nl": "-", "cs": "ku", "ar": "مقابل", "hu": "-", "ko": "대", "ja": "対", "zh": "比",
}  # fmt: skip
_SIGN = r"[$£€¥₩₽₹₺₴]"
_LEFT = (
    rf"(?<![\w.,:/+\-–−])(?P<sign>{_SIGN})?(?P<low>{NUMBER})(?P<unit>\s?(?:[%‰]|°[CF]?|{_SIGN}))?"
)
_DASH = r"\s?(?P<dash>[-‐‑–—~〜～∼])\s?"
_RIGHT = rf"(?P<second>{_SIGN})?(?P<high>\d+(?:[.,]\d+)*)(?![\d]|[-–]\d|[.,:/]\d)"
_RANGE = re.compile(_LEFT + _DASH + _RIGHT)
_RATIO = re.compile(r"(?<![\w.,:/+\-])(\d{1,4}):(\d{1,4})(?![^\W가-힣]|[.,:/]\d)")
_BELOW_ZERO = re.compile(
    r"(?<![\w.,:/+\-−–])[-−–](?P<low>\d+(?:[.,]\d+)?)(?P<unit>\s?°[CF]?)?\s?[~〜～–—]\s?"
    r"(?P<minus>[-−–])?(?P<high>\d+(?:[.,]\d+)?)(?!\d|[-–.,:/]\d)"
)
_SCALE = re.compile(r"(?<![\w.,:/-])(\d{1,2}):(\d{1,3}(?:[.,'’ \u00a0\u202f]\d{3})+)(?![\d\w])")
_MODEL = re.compile(r"(?<![\w.,:/+-])([1-9])(\d\d)[-‐‑–]([1-9]00)(?![\w%]|[-.,:/]\d)")
"""A type of aircraft or car, 747-400: of scores in hundreds hardly any ends on a round one."""

_ABOUT = re.compile(r"(?<![\w~〜～∼])[~〜～∼](?=\s?\d)")


def read_ranges(text: str, base: str) -> str:
    """Replace the dash or tilde between two numbers by words, and the colon of a ratio."""
    if base in ("ru", "pl"):
        text = slavic.read_measured(text, base)
    text = _BELOW_ZERO.sub(lambda match: _below_zero(match, base), text)
    text = _MODEL.sub(lambda match: _model(match, base), text)
    text = _RANGE.sub(lambda match: _range(match, base), text)
    return _RATIO.sub(lambda match: _ratio(match[1], match[2], base), text)


def read_scales(text: str, base: str) -> str:
    """Read the scale of a map, "1:25 000", which is no clock time."""
    return _SCALE.sub(
        lambda match: _ratio(match[1], re.sub(r"\D", "", match[2]), base),
        text,
    )


def read_minus(text: str, base: str) -> str:
    """Replace the minus signs before numbers, and the "about" of a tilde."""
    word = MINUS[base]
    signs = r"[$£€¥₩₽₹]?"
    text = re.sub(rf"−\s?(?={signs}[.,]?\d)", f" {word} ", text)
    after = "가-힣" if base == "ko" else ""
    units = r"(?=\d+(?:[.,]\d+)?\s?(?:도|℃|°|%|퍼센트|점|포인트))" if after else ""
    if after:
        text = re.sub(rf"(?<=[{after}])[-–]{units}", f" {word} ", text)
    text = re.sub(rf"(?<![^\s(\[\"“«‹'„‚=<>≤≥≈,;:/¿¡])[-–](?={signs}[.,]?\d)", f"{word} ", text)
    return _ABOUT.sub(f"{about(base)} ", text)


def about(base: str) -> str:
    """Return the word for "about", as in "~50"."""
    from xtts_lab.text.symbols import word_of

    return word_of("≈", base)


def between(low: str, high: str, base: str, *, score: bool, around: slavic.Around) -> str:
    """Return two written numbers with what is said between them, in figures where that will do."""
    word = (_SCORE_WORD if score else RANGE_WORDS)[base]
    first, second = _whole(low, base), _whole(high, base)
    if base in ("en", "de") and is_year(first) and (is_year(second) or len(second) == 2):
        return f"{year(first, base)} {word} {year(second, base)}"
    if base in ("pl", "ru") and first and second:
        return slavic.between(first, second, base, score, around)
    if base == "cs" and score and second:
        return f"{low} ku {slavic.czech_dative(cardinal(second, 'cs'))}"
    if base == "tr" and score and first:
        return f"{turkish.dative(cardinal(first, 'tr'))} {high}"
    if base == "ko":
        return f"{low} {word} {high}" if score else f"{low}{word} {high}"
    if base == "hu" and first and not score and re.match(r"\s?[^\W\d_]|\s?[%°]", around[1]):
        low = agree(cardinal(first, "hu"), "m", "hu")
    return f"{low}{word}{high}" if word == "-" and base != "tr" else f"{low} {word} {high}"


def _below_zero(match: re.Match[str], base: str) -> str:
    """Read "-10~-5" and "-3–5": a range that begins below zero."""
    minus, word = MINUS[base], RANGE_WORDS[base] if base != "hu" else "és"
    high = f"{minus} {match['high']}" if match["minus"] else match["high"]
    joined = f"{word} " if base == "ko" else f" {word} "
    return f"{minus} {match['low']}{match['unit'] or ''}{joined}{high}"


def _ratio(low: str, high: str, base: str) -> str:
    if base == "nl":  # a scale, or what stands to what
        return f"{low} {'op' if low == '1' else 'staat tot'} {high}"
    return between(low, high, base, score=True, around=("", ""))


def _model(match: re.Match[str], base: str) -> str:
    hundreds, tens, kind = match.groups()
    if int(hundreds + tens) <= int(kind):
        return match[0]
    return f"{hundreds}{' ' if base == 'en' and tens[0] != '0' else ''}{tens} {kind}"


def _whole(written: str, base: str) -> str:
    """Return the digits of a whole number, empty for any other."""
    value = parse(written, base)
    return "" if isinstance(value, Parts) or value.fraction else value.whole


def _range(match: re.Match[str], base: str) -> str:
    low, high, dash = match["low"], match["high"], match["dash"]
    sign, unit, second = match["sign"] or "", match["unit"] or "", match["second"] or ""
    after = match.string[match.end() :]
    upwards = _value(low, base) < _value(high, base) or (len(low) == 4 and len(high) == 2)
    spaced_out = re.search(r"\s-\s", match[0]) is not None and not upwards
    if dash in "-–—" and (re.match(r"\s?=", after) or spaced_out):
        return f"{sign}{low}{unit} {MINUS[base]} {second}{high}"
    score = not upwards and dash not in "~〜～∼"
    if not (sign or unit or re.match(rf"\s?(?:[%‰°]|{_SIGN})", after)):
        around = match.string[: match.start()][-40:], after[:80]
        return between(low, high, base, score=score, around=around)
    word = (_SCORE_WORD if score else RANGE_WORDS)[base]
    joined = f"{word} " if base == "ko" else word if word == "-" else f" {word} "
    first = sign if second else ""  # "$10-20" is ten to twenty dollars
    return f"{first}{low}{unit}{joined}{second or sign}{high}"


def _value(written: str, base: str) -> float:
    value = parse(written, base)
    if isinstance(value, Decimal):
        return float(f"{value.whole[:300]}.{value.fraction or 0}")
    return 0.0
