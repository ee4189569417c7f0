"""Numbers, ordinals, amounts and counted symbols in a text, read as words.

For the languages with words between spaces, and Korean; Chinese and Japanese have their own rooms.
Each step replaces what it knows by words, or by figures that a later step reads; the order is
theirs: what a dash or a dot means is decided before the figures beside it are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from xtts_lab.text import symbols
from xtts_lab.text.numbers import (
    arabic,
    clock,
    codes,
    dates,
    dotted,
    everyday,
    gender,
    korean,
    money,
    numerals,
    ranges,
    roman,
    spans,
)
from xtts_lab.text.numbers.cases.compared import read_compared
from xtts_lab.text.numbers.cases.prepositions import read_cases
from xtts_lab.text.numbers.endings import reading as endings
from xtts_lab.text.numbers.ordinals import SUFFIXES, ordinal, russian_instrumental
from xtts_lab.text.numbers.slashed.fractions import read_fractions
from xtts_lab.text.numbers.slashed.reading import read_slashes
from xtts_lab.text.numbers.units.reading import read_units
from xtts_lab.text.numbers.written import NUMBER, Decimal, Parts, join_groups, parse

_VERSION = re.compile(
    r"\b((?:versi\w+|version\w*|versão|wersj\w+|верси\w+|verze|sürüm\w*|verzió|windows|python"
    r"|ios|android|usb|bluetooth|web|kapitel|abschnitt|chapitre|capítulo|capitolo|kapitola|rozdział"
    r"|глава|раздел|hoofdstuk|fejezet|bölüm) \d{1,2})\.(\d{1,2})(?![\d%]|[.,]\d)",
    re.IGNORECASE,
)
"""Parts of a version or a chapter have the word of the dot, where decimals have a comma."""

_TIMES = re.compile(r"(?<=\d)\s?[x×]\s?(?=\d)")
_BY = re.compile(
    r"(?<![\d=])(\d+)x(?=\d+(?![\d=^]|[.,]\d|\s?(?:=|is\s\d|equals\b|x\d|×\d|[-+*/]\s?\d)))"
)
"""In English sizes are by: a 4x4, 10x15 cm."""
_LEADING_POINT = re.compile(r"(?<![\w.,'’])\.(\d+)(?![\d]*[.,]\d)")

_OF = {"es": "de", "pt": "de", "it": "di", "fr": "de"}
"""What stands between a million and what it counts."""

_PLACE = re.compile(r"\b(?:в|во|на|о|об|при|по)\s(?:\S+\s(?:и|или)\s)?$", re.IGNORECASE)
"""What the Russian "-м" is a prepositional after; an instrumental elsewhere: пришёл вторым."""

_Read = Callable[[re.Match[str]], str]


def read_numbers(text: str, base: str) -> str:
    """Replace everything written with digits by words; no ASCII digit is left."""
    text = _VERSION.sub(rf"\1 {numerals.DOT.get(base, '')} \2", text) if base != "en" else text
    text = korean.read_signs(text) if base == "ko" else text
    text = re.sub(r"(?<=[$£€])\.(?=\d)", "0.", text)
    text = everyday.read_always(everyday.read_indian(text) if base == "en" else text, base)
    text = everyday.read_one_in(text, base)
    century = r"|[1-9]00(?!\d)" if base == "it" else ""  # il '900
    text = re.sub(rf"(?<!\w)['’‘](?=\d\d(?!\d){century})", "", text)
    text = spans.read_spans(text, base)
    text = codes.read_codes(text, base)
    text = ranges.read_scales(text, base)
    if base == "fr":
        text = re.sub(r"(?<=\d)\s?M(?=\s(?:d['’]|de\s))", " millions", text)
    text = clock.read_times(dates.read_dates(text, base), base)
    text = read_units(_point_first(join_groups(text, base), base), base)
    text = _BY.sub(r"\1 by ", text) if base == "en" else text
    text = _TIMES.sub(" × ", ranges.read_ranges(text, base))
    text = read_compared(ranges.read_minus(text, base), base)
    text = read_slashes(roman.read_roman(text, base), base)
    text = read_fractions(text, base)
    text = money.read_money(money.read_scales(text, base), base)
    text = money.read_signs(text, base)
    text = endings.read_endings(text, base)
    text = _counted_symbols(symbols.areas(text, base), base)
    text = _number_signs(text, base)
    if base == "ko":
        text = korean.read_counted(korean.read_powers(text))
    text = _ordinals(text, base)
    if base == "en":
        text = _replace(r"(?<!\d)(\d+)['’]?s\b", lambda match: _english_plural(match[1]), text)
    return _last(text, base)


def read(written: str, base: str) -> str:
    """Read digits with dots and commas: a number, or the parts of a date, a list, a version."""
    number = parse(written, base)
    if isinstance(number, Parts):
        return _parts(number, base)
    if number.fraction:
        words = numerals.decimal(number.whole, number.fraction, base)
        comma = base == "es" and re.search(r",\d+$", written)
        return words.replace(" punto ", " coma ") if comma else words
    if number.whole.startswith("0") and len(number.whole) > 2:
        return numerals.spell(number.whole, base)
    return numerals.cardinal(number.whole, base)


def _last(text: str, base: str) -> str:
    """Read the figures that are left, each in the form that the words around it ask for."""
    text = read_cases(text, base)
    if base == "ar":
        text = arabic.read_hours(text)
        text = arabic.read_twos(arabic.read_ones(arabic.read_scales(text)))
    text = _replace(NUMBER, lambda match: _counting(match, base), text, base != "ar")
    if base == "it":  # one o'clock
        text = re.sub(r"\b(all|dall)e (?=una\b)", r"\1'", text, flags=re.IGNORECASE)
    return re.sub(r"\b(un'|d') (?=\w)", r"\1", text) if base in ("it", "fr") else text


def _counting(match: re.Match[str], base: str) -> str:
    words = read(match[0], base)
    number = parse(match[0], base)
    if base not in gender.AGREE and base != "ar":
        return words
    if isinstance(number, Parts) or number.fraction:
        return words
    if base == "hu" and re.match(r"\saz?\s|[²³]", match.string[match.end() : match.end() + 4]):
        return words  # what an article follows counts nothing: kettő a négyzeten
    if base == "ar":
        noun = re.match(
            r"(?:\s(?:إلى|أو)\s\d+)?\s([^\W\d_]+)", match.string[match.end() : match.end() + 40]
        )
        counted = arabic.counted(words, noun[1] if noun else "")
        return arabic.oblique(counted, match.string[max(0, match.start() - 20) : match.start()])
    before, after = match.string[: match.start()], match.string[match.end() : match.end() + 80]
    value = int(number.whole[-15:])
    form = gender.form_of(value, before[-60:], after, base)
    if value and value % 10**6 == 0 and base in _OF and gender.counts(after, base):
        vowel = re.match(r"\s[aeiouyéèêhâàîœ]", after, re.IGNORECASE) is not None
        return words + (" d'" if base == "fr" and vowel else f" {_OF[base]}")
    return gender.agree(words, form, base)


def _parts(number: Parts, base: str) -> str:
    lengths = tuple(map(len, number.digits))
    is_date = base != "en" and max(lengths[:2]) <= 2 and len(lengths) == 3 and lengths[2] in (2, 4)
    words = numerals.cardinal(number.digits[0], base)
    for sign, digits in zip(number.signs, number.digits[1:], strict=True):
        between = ", " if sign == "," else " " if is_date else f" {numerals.DOT[base]} "
        words += between + numerals.cardinal(digits, base)
    return words


def _point_first(text: str, base: str) -> str:
    """Read ".5": people say the point alone in English, and a zero before it elsewhere."""

    def read_match(match: re.Match[str]) -> str:
        if base == "en":
            return f"{numerals.DOT['en']} {numerals.spell(match[1], 'en')}"
        return numerals.decimal("0", match[1], base)

    return _LEADING_POINT.sub(read_match, text)


def _counted_symbols(text: str, base: str) -> str:
    text = text.replace("℃", "°C").replace("℉", "°F")
    forms = symbols.COUNTED.get(base, {})
    bare = symbols.WORDS[base][symbols.SIGNS.index("°")]

    def degrees(match: re.Match[str]) -> str:
        scale = symbols.CELSIUS[base]["CF".index(match[2])]
        degree = _form(match[1], forms.get("°", (bare,)), base)
        words = symbols.SCALE_ORDER.get(base, "{0} {1}").format(degree, scale)
        return f"{match[1]} {words.strip()}"

    text = re.sub(rf"({NUMBER})\s?°\s?([CF])(?![A-Za-z])", degrees, text)
    if base == "ar":
        text = re.sub(rf"%\s?({NUMBER})", r"\1%", text)
    if base == "ko":  # a particle stays with the word: 50%의
        text = re.sub(r"(?<=\d)\s?%(?=[가-힣])", " 퍼센트", text)
    for sign, words in forms.items():
        if (base, sign) != ("it", "°"):  # "1°" is an Italian ordinal
            text = re.sub(
                rf"({NUMBER})\s?{sign}(?=(\w?))",
                lambda match, words=words: (  # type: ignore[misc]
                    f"{match[1]} {_form(match[1], words, base)}" + " " * bool(match[2])
                ),
                text,
            )
    return text


def _form(written: str, forms: tuple[str, ...], base: str) -> str:
    number = parse(written, base)
    if isinstance(number, Decimal) and not number.fraction:
        return numerals.plural(int(number.whole[-15:]), forms[:3], base)
    return forms[3] if len(forms) > 3 else forms[min(1, len(forms) - 1)]


def _number_signs(text: str, base: str) -> str:
    word = symbols.NUMBER_SIGN[base]
    text = re.sub(r"(?<=[(«“„])№\s?", f"{word} ", text)
    text = re.sub(r"№\s?", f" {word} ", text)
    if base != "ko":
        text = re.sub(r"(?<=[(«“„])#(?=\d)", f"{word} ", text)
        text = re.sub(r"#(?=\d)", f" {word} ", text)
    return re.sub(r"\bn\.?[°º]\s?(?=\d)", f"{word} ", text, flags=re.IGNORECASE)


def _ordinals(text: str, base: str) -> str:
    if base in SUFFIXES:
        text = _replace(_suffixed(base), lambda match: _suffix_ordinal(match, base), text)
    if base == "hu":
        text = _replace(r"(\d{1,2})-(j?én|án|j?e)\b", dotted.hungarian_day, text)
    if base == "it":  # "il 3° capitolo", but "già 31°."
        text = re.sub(r"(?<![\d.,])((?:[2-9]\d|\d{3,}))°(?=\s*(?:[.,;:!?)]|$))", r"\1 gradi", text)
        text = _replace(r"(?<![\d.,])(\d+)°", lambda match: ordinal(match[1], base), text)
    return dotted.read_dotted(text, base)


def _suffixed(base: str) -> str:
    suffixes = "|".join(sorted(SUFFIXES[base].split(), key=len, reverse=True))
    apostrophe = {"tr": "['’]?", "ko": " ?", "es": r"(?:\.(?=[ºª]|er\b))?"}.get(base, "")
    apostrophe = r"\.?(?=[ºª])|" if base in ("pt", "it") else apostrophe
    ahead = "" if base == "ko" else r"(?![^\W_])"
    return rf"(?<![\d.,])(\d{{1,3}}(?:,\d{{3}})+|\d+)(?:{apostrophe})((?i:{suffixes})){ahead}"


def _suffix_ordinal(match: re.Match[str], base: str) -> str:
    words = ordinal(match[1].replace(",", ""), base, match[2])
    if base == "ru" and match[2].lower() == "-м":
        before = match.string[max(0, match.start() - 30) : match.start()]
        alone = _PLACE.search(before) or not re.search(r"\w\s$", before)
        return words if alone else russian_instrumental(words)
    return words


def _english_plural(digits: str) -> str:
    if len(digits) == 4 and digits[2:] == "00" and digits[1] != "0":
        return f"{numerals.cardinal(digits[:2], 'en')} hundreds"
    if len(digits) == 4 and digits[2] != "0" and digits[3] == "0":
        return f"{numerals.cardinal(digits[:2], 'en')} {_english_plural(digits[2:])}"
    words = numerals.cardinal(digits, "en")
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith(("x", "s")) else "s")


def _replace(pattern: str, read_match: _Read, text: str, left: bool = True) -> str:
    """Replace matches by words, with a space where they would touch a letter."""

    def spaced(match: re.Match[str]) -> str:
        before = text[match.start() - 1 : match.start()] if match.start() else ""
        after = text[match.end() : match.end() + 1]
        space = " " if (left or before.isascii()) and _needs_space(before) else ""
        return space + read_match(match) + (" " if _needs_space(after) else "")

    return re.sub(pattern, spaced, text)


def _needs_space(neighbour: str) -> bool:
    return neighbour.isalpha() and not ("\u3040" <= neighbour <= "\ud7a3")
