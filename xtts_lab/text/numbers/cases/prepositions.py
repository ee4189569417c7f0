"""Russian, Polish and Czech cardinals in the case that a preposition or the noun's ending shows.

до 18 лет, od pięciu do dziesięciu, kolem sta lidí; в пяти городах, w dwóch miastach. Before a noun
in the singular a number is the ordinal that names it: до 5 этажа is до пятого этажа.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from xtts_lab.text import symbols
from xtts_lab.text.numbers import currencies, nouns, slavic
from xtts_lab.text.numbers.cases import forms
from xtts_lab.text.numbers.cases.named import named
from xtts_lab.text.numbers.money import scale_forms
from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.units.names import all_forms

_GENITIVE: Mapping[str, str] = {
    "ru": r"до|от|из|около|более|менее|больше|меньше|свыше|без|после|для|порядка|кроме|течение"
    r"|высоте|глубине|расстоянии|радиусе|возрасте|температуре|скоростью|вместо|среди|вокруг"
    r"|против|ради|возле|у|старше|младше|моложе|выше|ниже|с(?=\s\d+(?:\s[^\W\d_]+)?\sдо\s\d)",
    "pl": r"do|od|około|ok\.|bez|dla|koło|poniżej|powyżej|oprócz|spośród|ciągu"
    r"|wysokości|głębokości|odległości|promieniu|długości|szerokości|prędkością|prędkości|temperaturze"
    r"|(?<=jeden )z|(?<=jedna )z|(?<=jedno )z|(?<=\d )z",
    "cs": r"do|od|z|ze|bez|kolem|okolo|u|během|kromě|výšce|hloubce|vzdálenosti|okruhu|rychlostí"
    r"|rychlosti|délce",
}
_LOCATIVE: Mapping[str, tuple[str, str]] = {
    "ru": ("в|во|о|об|на|при", r"(?:(?:[^\W\d_]+[ыи]х\s)?[^\W\d_]{2,}[ая]х|из(?=\s\d))"),
    "pl": ("w|we|o|na|po|przy", r"(?:[^\W\d_]+[yi]ch\s)?[^\W\d_]{2,}ach"),
    "cs": ("v|ve|o|na|po|při", r"(?:[^\W\d_]+[ý]ch\s)?[^\W\d_]{2,}(?:[eěí]ch|ách)"),
}
_INSTRUMENTAL: Mapping[str, tuple[str, str]] = {
    "ru": (
        "с|со|между|над|перед|под",
        r"(?:[^\W\d_]+[ыи]ми\s)?(?:(?!цунами)[^\W\d_]{2,}[ая]ми|людьми|детьми)",
    ),
    "pl": (
        "z|ze|między|nad|przed|pod",
        r"(?:[^\W\d_]+[yi]mi\s)?(?:[^\W\d_]{2,}ami|ludźmi|dziećmi|laty)",
    ),
    "cs": ("s|se|mezi|nad|před", r"[^\W\d_]+(?:ami|emi|[^aeiouyáéíóúý]y|mi|i)"),
}
PREPOSITIONS: Mapping[str, str] = {
    base: rf"\b(?:{_GENITIVE[base]}|{_LOCATIVE[base][0]}|{_INSTRUMENTAL[base][0]}{more})"
    for base, more in (
        ("ru", "|к|ко|благодаря|согласно"),
        ("pl", "|dzięki|wbrew|przeciwk?o?|ku"),
        ("cs", "|k|ke|kvůli|díky|proti"),
    )
}
"""Every preposition that a number is declined after."""
_CONJUNCTIONS = {"ru": "и|или", "pl": "i|oraz|lub", "cs": "a|i|nebo"}
"""What joins a number to one whose preposition stands further before."""
SHOWN = {"ru": "[ая](?:х|ми)", "pl": "ach|ami", "cs": "[eěí]ch|ách|ami|emi"}
"""Endings of nouns that show the case of a number before them."""
_MEASURES = ("минуты", "секунды", "месяца", "километра", "roku", "dnia", "tygodnia", "miesiąca",
             "kilometra", "minuty", "strony")  # fmt: skip
"""Nouns that one counts rather than names: до одной минуты."""
_APPROXIMATE = frozenset(("minut", "godzin", "lat", "dni", "sekund", "razy", "metrów", "kilo"))
_BETWEEN = {
    base: re.compile(
        rf"\b((?:{words}) )(\d{{1,9}})( (?:{joined}) )(\d{{1,9}})(?![\w.,:/-]\S|\w)", re.IGNORECASE
    )
    for base, words, joined in (
        ("ru", "между", "и"), ("pl", "między|pomiędzy", "a|i"), ("cs", "mezi", "a"),
    )
}  # fmt: skip
_NUMBER = r"(?P<number>\d{1,9})(?![\w.,:/°$€£₽-]\S|\w)"


def read_cases(text: str, base: str) -> str:
    """Read the whole numbers after a preposition that governs a case, in that case."""
    if base not in _GENITIVE:
        return text
    text = _BETWEEN[base].sub(lambda match: _between(match, base), text)
    for case, table in (("locative", _LOCATIVE), ("instrumental", _INSTRUMENTAL)):
        words, noun = table[base]
        if (base, case) != ("cs", "instrumental"):  # whose endings others have too
            words = f"{words}|{_CONJUNCTIONS[base]}"
        text = re.sub(
            rf"\b(?P<word>{words})\s{_NUMBER}(?=\s{noun}\b)",
            lambda match, case=case: _plural(match, case, base),  # type: ignore[misc]
            text,
            flags=re.IGNORECASE,
        )
    text = re.sub(
        rf"\b(?P<word>{_LOCATIVE[base][0]})\s{_NUMBER}(?=\s[^\W\d_])",
        lambda match: _place(match, base),
        text,
        flags=re.IGNORECASE,
    )
    if base == "cs":
        text = re.sub(
            rf"\b(?P<word>k|ke|kvůli|díky|proti)\s{_NUMBER}(?=\s[^\W\d_]+(?:m|í)\b)",
            lambda match: f"{match['word']} {slavic.czech_dative(cardinal(match['number'], 'cs'))}",
            text,
            flags=re.IGNORECASE,
        )
    if base == "pl":
        text = re.sub(
            rf"\b(?P<word>dzięki|wbrew|przeciw|przeciwko|ku)\s{_NUMBER}(?=\s[^\W\d_]+om\b)",
            lambda match: f"{match['word']} {forms.polish_dative(match['number'])}",
            text,
            flags=re.IGNORECASE,
        )
    if base == "pl":  # z pięć minut is about five
        text = re.sub(
            rf"\b(?P<word>z|ze)\s{_NUMBER}(?=\s[^\W\d_])",
            lambda match: _out_of(match),
            text,
            flags=re.IGNORECASE,
        )
    if base == "ru":
        text = re.sub(
            rf"\b([сc]о?)\s{_NUMBER}\sпо\s(?P<second>\d{{1,2}})(?=\s[^\W\d_])", _since, text
        )
        text = re.sub(
            rf"\b(?P<word>к|ко|благодаря|согласно)\s{_NUMBER}", _dative, text, flags=re.IGNORECASE
        )
    counted = "|".join(sorted(_counted(base), key=len, reverse=True))
    return re.sub(
        rf"(?<![\w-])(?P<word>(?:{_GENITIVE[base]})(?:\s(?:минус|minus))?\s\+?){_NUMBER}(?P<unit>\s(?:{counted})(?!\w))?",
        lambda match: _genitive(match, base),
        text,
        flags=re.IGNORECASE,
    )


def _place(match: re.Match[str], base: str) -> str:
    ordinal = named(match["number"], _noun(match, base), "locative", base)
    return f"{match['word']} {ordinal}" if ordinal else match[0]


def _between(match: re.Match[str], base: str) -> str:
    if _is_year(match[2]) or _is_year(match[4]):
        return match[0]
    low, high = (forms.instrumental(match[n], base) for n in (2, 4))
    return f"{match[1]}{low}{match[3]}{high}"


def _out_of(match: re.Match[str]) -> str:
    """Read "z 20 osób": of twenty, unless the noun is one that a time is measured in."""
    noun = _noun(match, "pl")
    if not noun or _is_year(match["number"]) or noun in _APPROXIMATE or noun.endswith("mi"):
        return match[0]
    return f"{match['word']} {forms.genitive(match['number'], noun, 'pl')}"


def _since(match: re.Match[str]) -> str:
    """Read "с 5 по 10 класс", the second one in the accusative."""
    second = named(match["second"], _noun(match, "ru"), "accusative", "ru")
    if not second or not int(match["number"]):
        return match[0]
    feminine = second.endswith("ю")
    first = named(match["number"], "главы" if feminine else "класса", "genitive", "ru")
    return f"{match[1]} {first or match['number']} по {second}"


def _genitive(match: re.Match[str], base: str) -> str:
    digits, unit = match["number"], (match["unit"] or "").strip()
    following = unit or _noun(match, base)
    if _is_year(digits) and not following:
        return match[0]
    if unit:
        one, few, many = _counted(base)[unit.lower()]
        if digits == "1" and (genitive := _ones(base).get(unit.lower())):
            one_of = "jednej" if genitive[-1] in "yi" else "jednego"
            if base == "cs":
                one_of = "jedné" if genitive[-1] in "ye" else "jednoho"
            return f"{match['word']}{one_of} {genitive}"
        if _one(digits) and base != "ru" and unit == one:
            return match[0]
        unit = {one: few, few: few}.get(unit, many) if _one(digits) else many
    elif (ordinal := named(digits, following, "genitive", base)) and not (
        _one(digits) and following in _MEASURES
    ):
        return match["word"] + ordinal
    words = forms.genitive(digits, following, base)
    return match["word"] + " ".join(filter(None, (words, unit)))


def _plural(match: re.Match[str], case: str, base: str) -> str:
    digits = match["number"]
    if _one(digits) or _is_year(digits):
        return match[0]
    if base == "ru":
        words = slavic.russian(digits, case[0].replace("l", "p"))
    elif case == "instrumental":
        words = forms.instrumental(digits, base)
    else:
        words = forms.genitive(digits, "", base)
        words = forms.CZECH_LOCATIVE.get(words, words)
    return f"{match['word']} {words}"


def _dative(match: re.Match[str]) -> str:
    digits, noun = match["number"], _noun(match, "ru")
    if _is_year(digits):
        return match[0]
    if ordinal := named(digits, noun, "dative", "ru"):
        return f"{match['word']} {ordinal}"
    return f"{match['word']} {slavic.russian(digits, 'd')}"


def _noun(match: re.Match[str], base: str) -> str:
    """The word after a number, empty where it cannot be counted."""
    found = re.match(r"\s([^\W\d_]+)", match.string[match.end() : match.end() + 40])
    word = found[1].lower() if found else ""
    return "" if nouns.is_function_word(word, base) else word


def _one(digits: str) -> bool:
    return digits.endswith("1") and not digits.endswith("11")


def _is_year(digits: str) -> bool:
    return len(digits) == 4 and "1100" <= digits < "2100" and not digits.endswith("000")


@cache
def _ones(base: str) -> dict[str, str]:
    """Map a unit to its genitive: do jednego kilometra."""
    return {f[0]: f[3] for f in all_forms(base) if len(f) > 3} if base != "ru" else {}


@cache
def _counted(base: str) -> dict[str, tuple[str, str, str]]:
    """Map each form of what our own steps counted to its forms after one, few and many."""
    known = [*symbols.COUNTED[base].values(), *scale_forms(base), *currencies.all_forms(base),
             *all_forms(base)]  # fmt: skip
    return {form.lower(): (f[0], f[1], f[2]) for f in known if len(f) > 2 for form in f[:3]}
