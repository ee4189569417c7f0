"""Parts of a measure: media hora, dos horas y media, trois quarts d'heure, eine halbe Stunde.

What is halved shows its gender; so it is a noun of the lists here that is, and any other word is
left to `fractions`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from xtts_lab.text.numbers import nouns

_NOUNS: Mapping[str, Mapping[str, str]] = {
    "es": {
        "f": "hora taza cucharada cucharadita docena botella manzana cebolla pizza naranja libra"
        " tonelada pulgada milla jornada semana vuelta copa lata barra caja página hectárea",
        "m": "kilo kilogramo gramo litro mililitro metro kilómetro centímetro año mes día minuto"
        " segundo siglo vaso limón punto",
    },
    "pt": {
        "f": "hora xícara colher dúzia garrafa maçã cebola pizza laranja libra tonelada polegada"
        " milha jornada semana volta taça lata barra caixa página fatia",
        "m": "quilo quilograma grama litro mililitro metro quilômetro centímetro ano mês dia minuto"
        " segundo século copo limão ponto",
    },
    "it": {
        "f": "ora tazza dozzina bottiglia mela cipolla pizza arancia libbra tonnellata giornata"
        " settimana tavoletta bustina lattina pagina",
        "m": "chilo chilogrammo grammo litro millilitro metro chilometro centimetro anno mese"
        " giorno minuto secondo secolo bicchiere cucchiaio cucchiaino limone punto etto",
    },
    "fr": {
        "f": "heure tasse cuillère douzaine bouteille pomme baguette journée livre tonne pinte page"
        " boîte portion",
        "m": "kilo kilogramme gramme litre millilitre mètre kilomètre centimètre siècle verre"
        " citron point oignon",
    },
    "de": {
        "f": "stunde minute sekunde tasse packung zwiebel tonne flasche dose zitrone tablette"
        " million seite zeile",
        "n": "kilogramm kilo gramm jahr glas pfund dutzend brot hähnchen",
        "m": "liter meter kilometer zentimeter milliliter teelöffel esslöffel tag monat apfel"
        " becher hektar",
    },
    "nl": {
        "n": "uur jaar brood glas pond dozijn ei blik kopje",
        "m": "liter meter kilo kilogram kilometer centimeter milliliter minuut kop theelepel"
        " eetlepel dag maand appel ui citroen pizza gram ton hectare eeuw",
    },
    "ru": {
        "m": "часа килограмма грамма литра метра километра минуты тонны секунды года дня месяца"
        " стакана ведра яблока лимона банана чашки пачки ложки века",
    },
}  # fmt: skip
_HALF: Mapping[str, Mapping[str, str]] = {
    "es": {"f": "media", "m": "medio"}, "pt": {"f": "meia", "m": "meio"},
    "it": {"f": "mezza", "m": "mezzo"}, "fr": {"f": "une demi", "m": "un demi"},
    "de": {"f": "eine halbe", "n": "ein halbes", "m": "ein halber"},
    "nl": {"n": "een half", "m": "een halve"},
}  # fmt: skip
_AND_HALF: Mapping[str, tuple[str, str]] = {
    "es": ("y media", "y medio"), "pt": ("e meia", "e meio"), "it": ("e mezza", "e mezzo"),
    "fr": ("et demie", "et demi"),
}  # fmt: skip
_OF = {"es": "de", "pt": "de", "it": "di", "fr": "de"}
_ITALIAN_ONE = {"e": "a", "i": "o"}
_START, _NOUN = r"(?<![\w.,/:-])", r"\s(?P<noun>[^\W\d_]+)"


def read_halves(text: str, base: str) -> str:
    """Replace "1/2 hora" and "2 1/2 horas" by words, and write "3/4 de kilo" for "3/4 kilo"."""
    if base in ("pl", "cs"):
        half = "pół" if base == "pl" else "půl"
        return re.sub(
            rf"{_START}(?<!\d\s)1/2(?={_NOUN})",
            lambda match: match[0] if nouns.is_function_word(match["noun"], base) else half,
            text,
        )
    if base not in _NOUNS:
        return text
    if base in _AND_HALF:
        text = re.sub(rf"{_START}(?P<whole>\d{{1,4}})\s1/2{_NOUN}", lambda m: _whole(m, base), text)
    text = re.sub(rf"{_START}(?<!\d\s)1/2{_NOUN}", lambda m: _half(m, base), text)
    if base not in _OF:
        return text
    parts = rf"{_START}(?P<part>\d/[2-9]){_NOUN}"
    return re.sub(parts, lambda m: _part(m, base), text)


@cache
def _genders(base: str) -> dict[str, str]:
    return {noun: gender for gender, words in _NOUNS[base].items() for noun in words.split()}


def _singular(noun: str, base: str) -> str:
    """Return the singular of a noun of the lists, empty for any other."""
    known, noun = _genders(base), noun.lower()
    forms = [noun, noun.removesuffix("s"), noun.removesuffix("es")]
    if base == "it":
        forms.append(noun[:-1] + _ITALIAN_ONE.get(noun[-1], ""))
    return next((form for form in forms if form in known), "")


def _half(match: re.Match[str], base: str) -> str:
    noun = match["noun"].lower()
    gender = _genders(base).get(noun)
    if gender is None:
        return match[0]
    if base == "ru":  # пол-литра, полчаса
        return ("пол-" if noun[0] in "аеиоуэюял" else "пол") + noun
    if base == "de" and re.search(r"\b(?:mit|in|nach|vor|seit|von|aus|bei|zu)\s$", _before(match)):
        return f"{'einer' if gender == 'f' else 'einem'} halben {match['noun']}"
    return f"{_HALF[base][gender]} {match['noun']}"


def _whole(match: re.Match[str], base: str) -> str:
    one = _singular(match["noun"], base)
    if not one:
        return match[0]
    feminine, masculine = _AND_HALF[base]
    noun = one if match["whole"] == "1" else match["noun"]
    return f"{match['whole']} {noun} {feminine if _genders(base)[one] == 'f' else masculine}"


def _part(match: re.Match[str], base: str) -> str:
    if not _singular(match["noun"], base):
        return match[0]
    of = "d'" if base == "fr" and match["noun"][0].lower() in "aeéhio" else f"{_OF[base]} "
    return f"{match['part']} {of}{match['noun']}"


def _before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - 12) : match.start()].lower()
