"""Simple fractions: 1/2, 3/4, 1 1/2, of which "½" is the one-character form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from xtts_lab.text.numbers.endings.turkish import harmonised
from xtts_lab.text.numbers.gender import agree
from xtts_lab.text.numbers.numerals import cardinal, plural
from xtts_lab.text.numbers.ordinals import ordinal
from xtts_lab.text.numbers.slashed.governed import governed
from xtts_lab.text.numbers.slashed.halves import read_halves

_SMALL = r"[2-9]|1\d|24|25|32|64|125|128|[2-9]0|[125]0{2,4}|250"
_FRACTION = re.compile(
    rf"(?<![\w.,/:-])(?:(\d{{1,6}})\s)?([1-9])/({_SMALL})(?![^\W가-힣]|분기|[/:]|[.,-]\d|\s?/)"
)
_DAY = re.compile(
    r"\b(?:on|by|until|since|before|after|from|of|le|du|au|jusqu'au|el|del|al|hasta el|il|dal|em"
    r"|no dia|dia|até|op|tot|vanaf)\s$",
    re.IGNORECASE,
)
"""Words before a day and a month, which a denominator up to 31 may be."""
_WRITE_DAYS_SO = frozenset({"en", "fr", "es", "it", "pt", "nl"})
_FRENCH_THE = re.compile(r"\b(?:le|du|au)\s$", re.IGNORECASE)
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
    """Replace fractions below one, with denominators up to 20 and round ones, by words."""
    return _FRACTION.sub(lambda match: _read(match, base), read_halves(text, base))


def _read(match: re.Match[str], base: str) -> str:
    whole, over, under = match[1], int(match[2]), int(match[3])
    if base == "en" and not whole and (over, under) == (9, 11):
        return "9 11"
    if over >= under or (under > 10 and _may_be_a_day(match, base)):
        return match[0]
    if not whole:
        if (
            base == "fr"
            and over == 1
            and under > 2
            and _FRENCH_THE.search(match.string[: match.start()])
        ):
            return fraction(over, under, base).removeprefix("un ")  # le quart
        before, after = match.string[: match.start()], match.string[match.end() :]
        if case := governed(over, under, base, before, after):
            return case
        return _HALVES[base][0] if (over, under) == (1, 2) else fraction(over, under, base)
    words = cardinal(whole, base)
    if (over, under) == (1, 2):
        return _and_a_half(words, whole, base)
    if base == "ko":
        return f"{words}과 {fraction(over, under, base)}"
    return " ".join(f"{words} {_AND[base]} {fraction(over, under, base)}".split())


def _may_be_a_day(match: re.Match[str], base: str) -> bool:
    under = int(match[3])
    if match[1] or under > 31:
        return False
    if base == "en" and under not in (12, 16, 20):  # American days, 3/15
        return not match.string[match.end() :].startswith(" of")
    before = match.string[: match.start()][-12:]
    return base == "ko" or (base in _WRITE_DAYS_SO and _DAY.search(before) is not None)


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
        one, many = special.get(under) or _named(under, base)
        return f"{agree(cardinal(str(over), base), 'm', base)} {one if over == 1 else many}"

    return read


def _named(under: int, base: str) -> tuple[str, str]:
    """The one part and the many: an ordinal, but "-avos" in Spanish and Portuguese from 11 on."""
    tens = under in (100, 1000, 10_000)
    if base == "pt" and under > 10 and not tens:
        return (f"{cardinal(str(under), 'pt')} avos",) * 2
    if base == "es" and under > 10 and not tens:
        stem = cardinal(str(under), "es").replace(" y ", "i").replace(" ", "")
        part = re.sub("aa", "a", f"{stem}avo")
        return part, part + "s"
    part = ordinal(str(under), base)
    return part, re.sub("o$", "i", part) if base == "it" else part + "s"


def _english(over: int, under: int) -> str:
    name = {2: "half", 4: "quarter"}.get(under) or ordinal(str(under), "en").removeprefix("one ")
    many = "halves" if under == 2 else name + "s"
    return f"{cardinal(str(over), 'en')} {name if over == 1 else many}"


def _german(over: int, under: int) -> str:
    name = {2: "halbe", 3: "drittel", 7: "siebtel", 8: "achtel"}.get(under)
    number = "ein" if over == 1 else cardinal(str(over), "de")
    whole = cardinal(str(under), "de")
    whole = re.sub("^ein(?=hundert|tausend)", "", whole)
    return f"{number} {name or whole + ('tel' if under % 100 in range(1, 20) else 'stel')}"


def _dutch(over: int, under: int) -> str:
    name = {2: "half", 4: "kwart"}.get(under) or ordinal(str(under), "nl")
    return f"{'een' if over == 1 else cardinal(str(over), 'nl')} {name}"


def _russian(over: int, under: int) -> str:
    named = {3: ("треть", "трети", "третей"), 4: ("четверть", "четверти", "четвертей")}
    if under in named:
        return f"{_feminine(over, 'ru')} {plural(over, named[under], 'ru')}"
    return f"{_feminine(over, 'ru')} {ordinal(str(under), 'ru', '-я' if over == 1 else '-х')}"


def _polish(over: int, under: int) -> str:
    words = ordinal(str(under), "pl")
    name = re.sub(r"y\b", "a", re.sub(r"i\b", "a", re.sub(r"ci\b", "cii", words)))
    few = " ".join(
        re.sub("i?a$", "ie" if word.endswith(("ga", "ka", "ia")) else "e", word)
        for word in name.split()
    )
    many = re.sub(r"(?<=c)i\b", "ich", re.sub(r"y\b", "ych", words))
    form = name if over == 1 else few if over in (2, 3, 4) else many
    return f"{_feminine(over, 'pl')} {form}"


def _czech(over: int, under: int) -> str:
    return f"{_feminine(over, 'cs')} {_czech_stem(under)}" + (
        "a" if over == 1 else "y" if over < 5 else ""
    )


def _czech_stem(under: int) -> str:
    if under in _CZECH or under == 2:
        return _CZECH.get(under, "polovin")
    if under in (100, 1000):
        return "setin" if under == 100 else "tisícin"
    tens, ones = under // 10 * 10, under % 10
    if under < 100 and under > 20 and ones:
        return f"{cardinal(str(ones), 'cs')}a{cardinal(str(tens), 'cs')}in"
    return cardinal(str(under), "cs").replace(" ", "") + "in"


def _feminine(number: int, base: str) -> str:
    return agree(cardinal(str(number), base), "f", base)


def _arabic(over: int, under: int) -> str:
    if under > 10:
        whole = re.sub("ون$", "ين", cardinal(str(under), "ar"))
        return f"{cardinal(str(over), 'ar')} على {whole}"
    one, many = _ARABIC.get(under, "نصف|أنصاف").split("|")
    if over == 1:
        return one
    return one + "ان" if over == 2 else f"{cardinal(str(over), 'ar')} {many}"


def _turkish(over: int, under: int) -> str:
    where = _TURKISH_LOCATIVE.get(under) or harmonised(cardinal(str(under), "tr"), "de")
    return f"{where} {cardinal(str(over), 'tr')}"


_HUNGARIAN = {1: "egyed", 2: "ketted", 3: "harmad", 4: "negyed", 5: "ötöd", 6: "hatod", 7: "heted",
              8: "nyolcad", 9: "kilenced"}  # fmt: skip
_HUNGARIAN_TENS = {10: "tized", 20: "huszad", 30: "harmincad", 40: "negyvened", 50: "ötvened",
                   60: "hatvanad", 70: "hetvened", 80: "nyolcvanad", 90: "kilencvened",
                   100: "század", 1000: "ezred", 10_000: "tízezred"}  # fmt: skip


def _hungarian(over: int, under: int) -> str:
    number = agree(cardinal(str(over), "hu"), "m", "hu")
    if under == 2:
        return f"{number}fél"
    ones = under % 10
    if under in _HUNGARIAN_TENS:
        return number + _HUNGARIAN_TENS[under]
    if not ones:  # 200: kétszázad
        return number + re.sub(
            "száz$", "század", re.sub("ezer$", "ezred", cardinal(str(under), "hu"))
        )
    if under < 10:
        return number + _HUNGARIAN[under]
    whole = cardinal(str(under), "hu")
    return number + whole.removesuffix(cardinal(str(ones), "hu")) + _HUNGARIAN[ones]


_READERS: Mapping[str, Callable[[int, int], str]] = {
    "en": _english, "de": _german, "nl": _dutch, "ru": _russian, "pl": _polish, "cs": _czech,
    "ar": _arabic, "tr": _turkish, "hu": _hungarian,
    "es": _romance("es", {2: ("medio", "medios"), 3: ("tercio", "tercios")}),
    "fr": _romance("fr", {2: ("demi", "demis"), 3: ("tiers", "tiers"), 4: ("quart", "quarts")}),
    "it": _romance("it", {2: ("mezzo", "mezzi")}),
    "pt": _romance("pt", {2: ("meio", "meios"), 3: ("terço", "terços")}),
    "ko": lambda over, under: f"{cardinal(str(under), 'ko')}분의 {cardinal(str(over), 'ko')}",
}  # fmt: skip
