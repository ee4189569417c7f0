"""Simple fractions: 1/2, 3/4, 1 1/2, of which "½" is the one-character form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from xtts_lab.text.numbers.gender import agree
from xtts_lab.text.numbers.numerals import cardinal, plural
from xtts_lab.text.numbers.ordinals import ordinal

_FRACTION = re.compile(r"(?<![\w.,/:-])(?:(\d{1,6})\s)?([1-9])/([2-9]|10)(?![\w/:]|[.,-]\d|\s?/)")
_HALVES: Mapping[str, tuple[str, str]] = {
    "en": ("one half", "and a half"), "es": ("medio", "y medio"), "fr": ("un demi", "et demi"),
    "de": ("ein halb", "einhalb"), "it": ("mezzo", "e mezzo"), "pt": ("meio", "e meio"),
    "pl": ("jedna druga", "i pół"), "cs": ("jedna polovina", "a půl"),
    "ru": ("одна вторая", "с половиной"), "nl": ("een half", "en een half"),
    "tr": ("yarım", "buçuk"), "hu": ("fél", "és fél"), "ar": ("نصف", "ونصف"),
    "ko": ("이분의 일", "과 이분의 일"),
}  # fmt: skip
"""One half alone, and after a whole number."""
_AND = {
    "en": "and", "es": "y", "fr": "et", "de": "", "it": "e", "pt": "e", "pl": "i", "cs": "a",
    "ru": "и", "nl": "en", "tr": "", "hu": "egész", "ar": "و", "ko": "과",
}  # fmt: skip
_ONE_AND_A_HALF = {
    "pl": "półtora", "ru": "полтора", "nl": "anderhalf", "hu": "másfél", "de": "eineinhalb",
    "cs": "jeden a půl",
}  # fmt: skip
_CZECH = {3: "třetin", 4: "čtvrtin", 5: "pětin", 6: "šestin", 7: "sedmin", 8: "osmin", 9: "devítin",
          10: "desetin"}  # fmt: skip
_ARABIC = {3: "ثلث|أثلاث", 4: "ربع|أرباع", 5: "خمس|أخماس", 6: "سدس|أسداس", 7: "سبع|أسباع",
           8: "ثمن|أثمان", 9: "تسع|أتساع", 10: "عشر|أعشار"}  # fmt: skip
_TURKISH_LOCATIVE = {2: "ikide", 3: "üçte", 4: "dörtte", 5: "beşte", 6: "altıda", 7: "yedide",
                     8: "sekizde", 9: "dokuzda", 10: "onda"}  # fmt: skip


def read_fractions(text: str, base: str) -> str:
    """Replace fractions below one, with denominators from 2 to 10, by words."""
    return _FRACTION.sub(lambda match: _read(match, base), text)


def _read(match: re.Match[str], base: str) -> str:
    whole, over, under = match[1], int(match[2]), int(match[3])
    if over >= under:
        return match[0]
    if not whole:
        return _HALVES[base][0] if (over, under) == (1, 2) else fraction(over, under, base)
    words = cardinal(whole, base)
    if (over, under) == (1, 2):
        return _and_a_half(words, whole, base)
    if base == "ko":
        return f"{words}과 {fraction(over, under, base)}"
    return " ".join(f"{words} {_AND[base]} {fraction(over, under, base)}".split())


def _and_a_half(words: str, whole: str, base: str) -> str:
    if whole == "1" and base in _ONE_AND_A_HALF:
        return _ONE_AND_A_HALF[base]
    if base == "hu":
        return f"{agree(words, 'm', 'hu')} és fél"
    if base == "ko":
        return f"{words}과 이분의 일"
    return words + ("" if base == "de" else " ") + _HALVES[base][1]


def fraction(over: int, under: int, base: str) -> str:
    """Read a fraction below one: (3, 4, "en") is three quarters."""
    return _READERS[base](over, under)


def _romance(base: str, special: Mapping[int, tuple[str, str]]) -> Callable[[int, int], str]:
    def read(over: int, under: int) -> str:
        ordinal_ = ordinal(str(under), base)
        plural_ = re.sub("o$", "i", ordinal_) if base == "it" else ordinal_ + "s"
        one, many = special.get(under, (ordinal_, plural_))
        return f"{agree(cardinal(str(over), base), 'm', base)} {one if over == 1 else many}"

    return read


def _english(over: int, under: int) -> str:
    name = {2: "half", 4: "quarter"}.get(under) or ordinal(str(under), "en")
    many = "halves" if under == 2 else name + "s"
    return f"{cardinal(str(over), 'en')} {name if over == 1 else many}"


def _german(over: int, under: int) -> str:
    name = {2: "halbe", 3: "drittel", 7: "siebtel", 8: "achtel"}.get(under)
    number = "ein" if over == 1 else cardinal(str(over), "de")
    return f"{number} {name or cardinal(str(under), 'de') + 'tel'}"


def _dutch(over: int, under: int) -> str:
    name = {2: "half", 4: "kwart"}.get(under) or ordinal(str(under), "nl")
    return f"{'een' if over == 1 else cardinal(str(over), 'nl')} {name}"


def _russian(over: int, under: int) -> str:
    named = {3: ("треть", "трети", "третей"), 4: ("четверть", "четверти", "четвертей")}
    if under in named:
        return f"{_feminine(over, 'ru')} {plural(over, named[under], 'ru')}"
    return f"{_feminine(over, 'ru')} {ordinal(str(under), 'ru', '-я' if over == 1 else '-х')}"


def _polish(over: int, under: int) -> str:
    name = re.sub("y$", "a", re.sub("i$", "a", ordinal(str(under), "pl").replace("ci", "cii")))
    few = re.sub("i?a$", "ie" if name.endswith(("ga", "ka", "ia")) else "e", name)
    many = re.sub("(?<=c)i$", "ich", re.sub("y$", "ych", ordinal(str(under), "pl")))
    form = name if over == 1 else few if over in (2, 3, 4) else many
    return f"{_feminine(over, 'pl')} {form}"


def _czech(over: int, under: int) -> str:
    stem = _CZECH.get(under, "polovin")
    return f"{_feminine(over, 'cs')} {stem + ('a' if over == 1 else 'y' if over < 5 else '')}"


def _feminine(number: int, base: str) -> str:
    return agree(cardinal(str(number), base), "f", base)


def _arabic(over: int, under: int) -> str:
    one, many = _ARABIC.get(under, "نصف|أنصاف").split("|")
    if over == 1:
        return one
    return one + "ان" if over == 2 else f"{cardinal(str(over), 'ar')} {many}"


_READERS: Mapping[str, Callable[[int, int], str]] = {
    "en": _english, "de": _german, "nl": _dutch, "ru": _russian, "pl": _polish, "cs": _czech,
    "ar": _arabic,
    "es": _romance("es", {2: ("medio", "medios"), 3: ("tercio", "tercios")}),
    "fr": _romance("fr", {2: ("demi", "demis"), 3: ("tiers", "tiers"), 4: ("quart", "quarts")}),
    "it": _romance("it", {2: ("mezzo", "mezzi")}),
    "pt": _romance("pt", {2: ("meio", "meios"), 3: ("terço", "terços")}),
    "tr": lambda over, under: f"{_TURKISH_LOCATIVE[under]} {cardinal(str(over), 'tr')}",
    "hu": lambda over, under: agree(cardinal(str(over), "hu"), "m", "hu")
    + {2: "fél", 3: "harmad", 4: "negyed", 5: "ötöd", 6: "hatod", 7: "heted", 8: "nyolcad",
       9: "kilenced", 10: "tized"}[under],
    "ko": lambda over, under: f"{cardinal(str(under), 'ko')}분의 {cardinal(str(over), 'ko')}",
}  # fmt: skip
