"""Ordinal numbers as words, in the gender and case that their written ending shows."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers.numerals import cardinal

SUFFIXES: Mapping[str, str] = {
    "en": "st nd rd th",
    "es": "º ª ° er ero era ro ra do da to ta mo ma vo va no na o a os as",
    "fr": "º ª er ers re res ère e es ème eme nd nde",
    "pt": "º ª ° o a os as",
    "it": "º ª o a i e",
    "nl": "de ste e",
    "ru": "-й -ый -ой -ий -я -ая -е -ое -ье -го -ого -му -ому -м -ом -х -ых -ю -ую -ей",
    "tr": "inci ıncı uncu üncü nci ncı ncu ncü",
    "hu": "adik edik odik ödik dik",
    "ko": "번째 째",
}
"""Endings that mark an ordinal when no letter follows; Turkish may have an apostrophe before."""

_RUSSIAN_ENDINGS: Mapping[str, Mapping[str, object]] = {
    "й": {"gender": "m"}, "ый": {"gender": "m"}, "ой": {"gender": "m"}, "ий": {"gender": "m"},
    "я": {"gender": "f"}, "ая": {"gender": "f"},
    "е": {"gender": "n"}, "ое": {"gender": "n"}, "ье": {"gender": "n"},
    "го": {"case": "g"}, "ого": {"case": "g"}, "му": {"case": "d"}, "ому": {"case": "d"},
    "м": {"case": "p"}, "ом": {"case": "p"},
    "х": {"case": "g", "plural": True}, "ых": {"case": "g", "plural": True},
    "ю": {"gender": "f", "case": "a"}, "ую": {"gender": "f", "case": "a"},
}  # fmt: skip
# fmt: off
_CZECH = (
    "nultý", "první", "druhý", "třetí", "čtvrtý", "pátý", "šestý", "sedmý", "osmý", "devátý",
    "desátý", "jedenáctý", "dvanáctý", "třináctý", "čtrnáctý", "patnáctý", "šestnáctý",
    "sedmnáctý", "osmnáctý", "devatenáctý",
)
_CZECH_TENS = (
    "dvacátý", "třicátý", "čtyřicátý", "padesátý", "šedesátý", "sedmdesátý", "osmdesátý",
    "devadesátý",
)
_CZECH_HUNDREDS = (
    "stý", "dvoustý", "třístý", "čtyřstý", "pětistý", "šestistý", "sedmistý", "osmistý",
    "devítistý",
)
# fmt: on


def russian_instrumental(words: str) -> str:
    """Return the instrumental of a prepositional: вторым for втором."""
    return re.sub("ем$", "им", re.sub("ом$", "ым", words))


def ordinal(digits: str, base: str, suffix: str = "") -> str:
    """Read a whole number as an ordinal; `suffix` is what is written after the digits."""
    number = int(digits)
    if number == 0 or number >= 10**6:
        return cardinal(digits, base)
    if base == "cs":
        return czech(number)
    if base == "ru":
        return _russian(number, suffix.removeprefix("-"))
    if base == "ko" and number == 20:
        return "스무 번째"
    if base == "ko" and number >= 100:
        return f"{cardinal(digits, base)} 번째"
    return _inflect(_named(number, base), number, base, suffix)


def czech(number: int) -> str:
    """Masculine nominative: 1999 is tisící devítistý devadesátý devátý."""
    thousands, rest = divmod(number, 1000)
    words = [] if not thousands else [_czech_thousand(thousands)]
    hundreds, rest = divmod(rest, 100)
    words += [_CZECH_HUNDREDS[hundreds - 1]] if hundreds else []
    if rest >= 20:
        words.append(_CZECH_TENS[rest // 10 - 2])
        rest %= 10
    words += [_CZECH[rest]] if rest else []
    return " ".join(words)


def _czech_thousand(thousands: int) -> str:
    if thousands == 1:
        return "tisící"
    compound = {2: "dvoutisící", 3: "třítisící", 4: "čtyřtisící"}
    return compound.get(thousands) or f"{cardinal(str(thousands), 'cs')} tisící"


def _russian(number: int, ending: str) -> str:
    if ending == "ей":  # третьей
        masculine = _named(number, "ru", case="g")
        return re.sub("ьего$", "ьей", re.sub("ого$", "ой", masculine))
    options = dict(_RUSSIAN_ENDINGS.get(ending, {}))
    if ending == "е" and number % 10 == 0 and number > 10:
        options = {"plural": True}  # "80-е" are the eighties
    return _named(number, "ru", **options)


_SPANISH_TEENS = (
    "undécimo", "duodécimo", "decimotercero", "decimocuarto", "decimoquinto", "decimosexto",
    "decimoséptimo", "decimoctavo", "decimonoveno",
)  # fmt: skip


def _inflect(words: str, number: int, base: str, suffix: str) -> str:
    if base == "fr":
        return _french(words, number, suffix)
    if base == "es" and 10 < number < 20:
        words = _SPANISH_TEENS[number - 11]
    if base == "es" and suffix == "er":
        return re.sub(r"(primer|tercer)o$", r"\1", words)
    if base in ("es", "pt") and re.fullmatch("ª|[erdtmvn]*as?", suffix.lower()):
        words = re.sub(r"o\b", "a", words)
    if base in ("es", "pt") and suffix in ("os", "as"):
        return re.sub(r"([oa])\b", r"\1s", words)
    if base == "it" and suffix in ("ª", "a", "i", "e"):
        return re.sub(r"o$", "a" if suffix == "ª" else suffix, words)
    return words


def _french(words: str, number: int, suffix: str) -> str:
    words = words.replace("quatre-vingtsième", "quatre-vingtième").replace("centsième", "centième")
    if suffix in ("re", "res", "ère", "ª") and number == 1:
        words = "première"
    if suffix in ("nd", "nde") and number == 2:
        words = "second" if suffix == "nd" else "seconde"
    return words + "s" if suffix in ("ers", "res", "es") else words


def _named(number: int, base: str, **options: object) -> str:
    from num2words import num2words

    return str(num2words(number, lang=base, to="ordinal", **options)).strip().lower()
