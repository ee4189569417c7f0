"""Cases of Polish, Russian and Czech cardinals between which a preposition stands."""

from __future__ import annotations

import re

from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.ordinals import ordinal

# fmt: off
_POLISH_GENITIVE = {
    "zero": "zera", "jeden": "jednego", "dwa": "dwóch", "trzy": "trzech", "cztery": "czterech",
    "pięć": "pięciu", "sześć": "sześciu", "siedem": "siedmiu", "osiem": "ośmiu",
    "dziewięć": "dziewięciu", "dziesięć": "dziesięciu", "sto": "stu", "dwieście": "dwustu",
    "trzysta": "trzystu", "czterysta": "czterystu", "tysiąc": "tysiąca", "tysiące": "tysięcy",
    "milion": "miliona", "miliony": "milionów", "dwanaście": "dwunastu",
    "dwadzieścia": "dwudziestu",
    "siedemset": "siedmiuset", "osiemset": "ośmiuset",
}
_CZECH_DATIVE = {
    "nula": "nule", "jedna": "jedné", "jeden": "jednomu", "dva": "dvěma", "dvě": "dvěma",
    "tři": "třem", "čtyři": "čtyřem", "devět": "devíti", "deset": "deseti", "sto": "stu",
}
# fmt: on


def between(low: str, high: str, base: str, score: bool) -> str:
    """Read a range or a score: od dziesięciu do piętnastu, dwadzieścia do trzech."""
    if _is_year(low) and _is_year(high) and not score:
        read = (lambda year: cardinal(year, "pl")) if base == "pl" else _russian_year
        return f"{read(low)} - {read(high)}"
    if base == "pl":
        return f"{cardinal(low, 'pl')} do {polish_genitive(cardinal(high, 'pl'))}"
    if score:
        return f"{cardinal(low, 'ru')} к {russian(high, 'd')}"
    return f"от {russian(low, 'g')} до {russian(high, 'g')}"


def _is_year(digits: str) -> bool:
    return len(digits) == 4 and digits[0] in "12"


def _russian_year(digits: str) -> str:
    return ordinal(digits, "ru", "-й")


def russian(digits: str, case: str) -> str:
    """Read a number in the genitive ("g") or dative ("d")."""
    from num2words import num2words

    if len(digits) > 12:
        return cardinal(digits, "ru")
    words = str(num2words(int(digits), lang="ru", case=case))
    return words.removeprefix("одной ") if words.startswith("одной тысяч") else words


def hours(hour: int, minute: int, base: str) -> str:
    """Read a time after "до", "с", "od", "do", in the genitive: до семнадцати часов."""
    if base == "cs":
        genitive = {1: "jedné", 2: "dvou", 3: "tří", 4: "čtyř"}
        words = genitive.get(hour) or czech_dative(cardinal(str(hour), "cs"))
        if not minute:
            return f"{words} {'hodiny' if hour == 1 else 'hodin'}"
        return f"{words} {'nula ' if minute < 10 else ''}{cardinal(str(minute), 'cs')}"
    if not minute:
        return f"{russian(str(hour), 'g')} {'часа' if hour in (1, 21) else 'часов'}"
    zero = "ноль " if minute < 10 else ""
    return f"{russian(str(hour), 'g')} {zero}{russian(str(minute), 'g')}"


def polish_genitive(words: str) -> str:
    """Return a Polish cardinal in the genitive, word by word."""
    return " ".join(map(_polish_word, words.split()))


def _polish_word(word: str) -> str:
    if word in _POLISH_GENITIVE:
        return _POLISH_GENITIVE[word]
    if word.endswith(("naście", "dzieści")):
        return re.sub("ście?$", "stu", word)
    return re.sub("ć(?=set$)", "ciu", re.sub("iąt$", "ięciu", word))


def czech_dative(words: str) -> str:
    """Return a Czech cardinal in the dative, word by word."""
    return " ".join(_czech_word(word) for word in words.split())


def _czech_word(word: str) -> str:
    if word in _CZECH_DATIVE:
        return _CZECH_DATIVE[word]
    return word + "i" if re.search("[tm]$", word) and not word.endswith("set") else word
