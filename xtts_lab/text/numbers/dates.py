"""Dates in figures, and the days and years of Slavic dates, whose case is known."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from xtts_lab.text.numbers.cases.days import governed_day, read_czech_days
from xtts_lab.text.numbers.days import (
    MONTHS,
    czech_genitive,
    polish_case,
    read_day_ranges,
    read_month_names,
)
from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.ordinals import ordinal
from xtts_lab.text.numbers.years import read_days, read_years
from xtts_lab.text.numbers.years import year as in_words

_DAY_FIRST = re.compile(
    r"(?<![\w.,/:-])(0?[1-9]|[12]\d|3[01])(?P<sign>\.\s?|/|-)(0?[1-9]|1[0-2])(?P=sign)"
    r"(\d{4}|\d{2})(?P<dot>\.(?=\s?$|\s[A-Z]))?(?![\d/-]|[.,:]\d)"
)
_YEAR_FIRST = re.compile(
    r"(?<![\w.,/:-])([12]\d{3})(?P<sign>\.\s?|/|-)(0?[1-9]|1[0-2])(?P=sign)(0?[1-9]|[12]\d|3[01])"
    r"(?P<dot>\.)?(?![\d/]|[.,:]\d|-\d)"
)
_DAY_AND_MONTH = re.compile(
    r"(?<![\w.])((?:am|im|ab|do|od|na|vom|den|dem|zum|bis|dne|seit)\s)"
    r"(0?[1-9]|[12]\d|3[01])\.\s?(0?[1-9]|1[0-2])\.(?!\s?\d)",
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(
    r"(?<![\w.,/:-])(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])/(\d{4}|\d{2})(?![\d/])"
)
_MONTH_AND_DAY = re.compile(  # Korean; with smaller figures it is a fraction
    r"(?<![\w.,/:-])(?=1[0-2]/|0?\d/(?:1[1-9]|[23]\d)|\d+/\d+(?:에|까지|부터|\s?\([월화수목금토일]\)))"
    r"(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])(?![0-9A-Za-z_/]|[.,:-]\d)"
)
_PARTS_AFTER = r"의|로|씩|배|정도|수준|크기|축척|스케일|사이즈|이하|이상|미만|밖에"
_PARTS_BEFORE = re.compile(r"(?:약|축척|전체의|인구의|확률(?:은|이)?|비율(?:은|이)?|의)\s$")
"""What makes of 1/20 a part of something in Korean; a month and a day otherwise."""
_FIRST = {"it": "primo", "fr": "premier"}
"""The first of a month, where the other days are no ordinals."""
_YEAR = {"ru": "года", "pl": "roku"}
_YEARS = {
    "ru": r"(?<![\d.,:/-])([12]\d{3})(?=\s(год|года|году|годом)\b)",
    "pl": r"(?<![\d.,:/-])([12]\d{3})(?=\s(roku)\b)",
}
_YEARS_SHORT = {
    "ru": re.compile(r"(?<![\d.,:/-])([12]\d{3})\s?г\.(?!\s?г\.)(?=\s?[^А-ЯЁ\s]|\s?$)"),
    "pl": re.compile(r"(?<![\d.,:/-])([12]\d{3})\s?r\."),
}
_RUSSIAN_YEAR_WORD = {
    **dict.fromkeys(("в", "к", "ко", "о"), "году"),
    **dict.fromkeys(("с", "до", "от", "после", "около", *MONTHS["ru"].split()), "года"),
}
_DATIVE_CHAIN = re.compile(
    r"\b(?:am|vom|zum|beim|im|dem|den) \S+ (?:und|oder|bis|sowie) (?:de[nm] )?$", re.IGNORECASE
)
"""am 3. und 4. Mai."""
GERMAN_DATIVE = frozenset(("am", "vom", "zum", "beim", "im", "dem", "den", "ab", "seit", "bis"))


def read_dates(text: str, base: str) -> str:
    """Read "21. 9. 1936", "23/08/1974", "2024-10-01", and the days and years of Russian and Polish
    dates ("17 мая 1962 года", "14 marca 1998 roku") as ordinals in the case that is usual.

    English figures with slashes are a month and a day; everywhere else the day comes first.
    """
    if base == "ko":
        return _MONTH_AND_DAY.sub(_korean_day, _YEAR_FIRST.sub(_korean, text))
    text = read_day_ranges(read_month_names(text, base), base)
    text = read_years(read_days(text) if base == "en" else text, base)
    text = _YEAR_FIRST.sub(lambda match: _date(match, match[4], match[3], match[1], base), text)
    if base in _FIRST:
        months = "|".join(MONTHS[base].split())
        until = r"(?:(?:al|au|e il|et le)\s\d{1,2}\s)?"
        first = rf"(?<![\d.,:/-])1(?=\s{until}(?:{months})\b)"
        text = re.sub(first, _FIRST[base], text, flags=re.IGNORECASE)
    if base == "hu":
        months = "|".join(MONTHS["hu"].split())
        text = re.sub(rf"\b({months}) 1\.(?=\s*(?:$|[,;)]))", r"\1 elseje.", text, flags=re.I)
    if base == "en":
        text = _MONTH_FIRST.sub(
            lambda match: _date(match, match[2], match[1], match[3], base), text
        )
    if base in ("de", "cs"):
        text = _DAY_AND_MONTH.sub(lambda match: _day_and_month(match, base), text)
    text = _DAY_FIRST.sub(lambda match: _day_first(match, base), text)
    if base == "cs":
        text = read_czech_days(text)
        months = "|".join(MONTHS["cs"].split())
        text = re.sub(
            rf"(?<![\d.,:/-])(\d{{1,2}})\.(?=\s(?:{months})\b)",
            lambda match: czech_genitive(int(match[1])),
            text,
        )
    return _slavic(text, base) if base in _YEAR else text


def german_ending(match: re.Match[str]) -> str:
    """Return the "n" that an ordinal gets after "am", "zum" and the like."""
    word = _word_before(match)
    if word in ("und", "oder", "bis", "den", "sowie") and _DATIVE_CHAIN.search(
        match.string[max(0, match.start() - 30) : match.start()]
    ):
        return "n"
    return "n" if word in GERMAN_DATIVE else ""


def _day_first(match: re.Match[str], base: str) -> str:
    if base == "en" and match["sign"].startswith("."):
        return match[0]
    return _date(match, match[1], match[3], match[4], base)


def _day_and_month(match: re.Match[str], base: str) -> str:
    """Read "am 24.12." and "dne 24. 12.", whose last dot may also end the sentence."""
    end = "." if not match.string[match.end() :].strip() else ""
    if base == "cs":
        month = MONTHS["cs"].split()[int(match[3]) - 1]
        return f"{match[1]}{czech_genitive(int(match[2]))} {month}{end}"
    return f"{match[1]}{ordinal(match[2], 'de')}n {ordinal(match[3], 'de')}n{end}"


def _date(match: re.Match[str], day: str, month: str, year: str, base: str) -> str:
    groups = match.groupdict()
    dot = groups.get("dot") or ""
    if base == "hu" and dot and match.string[match.end() :].strip():
        dot = ""
    return _READERS[base](int(day), MONTHS[base].split()[int(month) - 1], year, match) + dot


def _year(digits: str, base: str) -> str:
    return cardinal(digits, base)


def _of(base: str, between: str, first: str = "") -> Callable[..., str]:
    def read(day: int, month: str, year: str, _match: re.Match[str]) -> str:
        number = first if first and day == 1 else cardinal(str(day), base)
        return (
            f"{number}{between}{month}{between if base in ('es', 'pt') else ' '}{_year(year, base)}"
        )

    return read


def _english(day: int, month: str, year: str, _match: re.Match[str]) -> str:
    return f"{month} {ordinal(str(day), 'en')}, {in_words(year, 'en')}"


def _german(day: int, month: str, year: str, match: re.Match[str]) -> str:
    ending = german_ending(match) or "r"
    number = str(MONTHS["de"].split().index(month) + 1)
    words = (ordinal(digits, "de") + ending for digits in (str(day), number))
    return f"{' '.join(words)} {in_words(year, 'de')}"


def _czech(day: int, month: str, year: str, _match: re.Match[str]) -> str:
    return f"{czech_genitive(day)} {month} {cardinal(year, 'cs')}"


def _hungarian(day: int, month: str, year: str, match: re.Match[str]) -> str:
    number = "elseje" if day == 1 else ordinal(str(day), "hu")
    if day != 1 and not re.match(r"-", match.string[match.end() :]):
        number += "a" if re.search("[aáoóuú][^aáoóuúeéiíöőüű]*dik$", number) else "e"
    return f"{cardinal(year, 'hu')} {month} {number}"


def _slavic_date(base: str) -> Callable[..., str]:
    def read(day: int, month: str, year: str, match: re.Match[str]) -> str:
        long = len(year) == 4
        said = re.match(r"\s(?:года|г\.|roku|r\.)", match.string[match.end() :])
        words = _genitive(year, base) if long else cardinal(year, base)
        return f"{_genitive(str(day), base)} {month} {words}" + (
            f" {_YEAR[base]}" if long and not said else ""
        )

    return read


_READERS: Mapping[str, Callable[..., str]] = {
    "en": _english, "de": _german, "cs": _czech, "hu": _hungarian,
    "es": _of("es", " de "), "pt": _of("pt", " de "), "fr": _of("fr", " ", "premier"),
    "it": _of("it", " ", "primo"), "nl": _of("nl", " "), "tr": _of("tr", " "), "ar": _of("ar", " "),
    "ru": _slavic_date("ru"), "pl": _slavic_date("pl"),
}  # fmt: skip


def _korean(match: re.Match[str]) -> str:
    return f"{match[1]}년 {int(match[3])}월 {int(match[4])}일"


def _korean_day(match: re.Match[str]) -> str:
    """A month and a day, or a part: "1/20의", "약 1/20"."""
    month, day = int(match[1]), int(match[2])
    before, after = match.string[: match.start()][-12:], match.string[match.end() :]
    if month < day <= 4 and not re.match(r"\s?\(", after):
        return match[0]  # 2/3까지
    if month < day and (re.match(rf"\s?(?:{_PARTS_AFTER})", after) or _PARTS_BEFORE.search(before)):
        return f"{day}분의 {month}"
    return f"{month}월 {day}일"


def _slavic(text: str, base: str) -> str:
    months = "|".join(MONTHS[base].split())
    text = re.sub(
        rf"(?<![\d.,:/-])(\d{{1,2}})\.?(?=\s(?:{months})\b)",
        lambda match: (
            governed_day(match[1], _word_before(match), base) or _genitive(match[1], base)
        ),
        text,
    )
    text = re.sub(
        rf"(?<=\s)({months})\s([12]\d{{3}})(?!\d|[.,:/%-]\d|\s?[гr]\.|\s(?:год|rok|лет|lat))",
        rf"\1 \2 {_YEAR[base]}",
        text,
    )
    if base == "ru":  # without its dot it is grams elsewhere
        text = re.sub(
            r"\b(в|с|до|от|к|после|около) ([12]\d{3})\s?г(?![\w.])",
            lambda m: f"{m[1]} {m[2]} {_RUSSIAN_YEAR_WORD[m[1].lower()]}",
            text,
            flags=re.IGNORECASE,
        )
    text = _YEARS_SHORT[base].sub(lambda match: _year_word(match, base), text)
    return re.sub(_YEARS[base], lambda match: _in_year(match, base), text)


def _year_word(match: re.Match[str], base: str) -> str:
    """Write "2020 г." and "2020 r." out; the dot may also end the text."""
    word = "roku" if base == "pl" else _RUSSIAN_YEAR_WORD.get(_word_before(match), "год")
    return f"{match[1]} {word}" + ("" if match.string[match.end() :].strip() else ".")


def _word_before(match: re.Match[str]) -> str:
    words = re.findall(r"[^\W\d_]+", match.string[max(0, match.start() - 20) : match.start()])
    return words[-1].lower() if words else ""


def _in_year(match: re.Match[str], base: str) -> str:
    """Read a year before its word, in that word's case: в 2020 году, w 2020 roku."""
    before = _word_before(match)
    if base == "pl":
        return polish_case(match[1], "locative" if before in ("w", "po", "o") else "genitive")
    ending = {"год": "-й", "года": "-го", "году": "-м", "годом": "-м"}[match[2].lower()]
    if ending == "-м" and before in ("к", "ко"):
        ending = "-му"
    words = ordinal(match[1], "ru", ending)
    return re.sub("ом$", "ым", words) if match[2].lower() == "годом" else words


def _genitive(digits: str, base: str) -> str:
    return ordinal(digits, "ru", "-го") if base == "ru" else polish_case(digits, "genitive")
