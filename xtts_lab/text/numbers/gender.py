"""Numbers that agree with what they count: ein Jahr, duas horas, одна минута, két alma.

A number that counts nothing keeps the form that people count with: eins, dos, один, kettő.
"""

from __future__ import annotations

import re

from xtts_lab.text.numbers import nouns

AGREE = frozenset({"es", "pt", "it", "fr", "de", "ru", "pl", "cs", "hu"})
"""Languages in which a number's form depends on the noun."""

_ADJECTIVES = {"ru": "ых|их|ые|ие", "pl": "ych|ich|[^i]e|kie|gie|nie", "cs": "é|á|další|cizí"
               "|(?:posled|prv|hlav|škol|den|noč|osob|národ|stát|moder)ní"}  # fmt: skip
"""How adjectives before a counted plural end: две новые книги."""
_WORD = re.compile(r"[  \u202f]?([^\W\d_][^\W\d_'’-]*)")
_RANGE = re.compile(r"\s(?:bis|a|à|až|do|ou|oder|o|или|nebo|lub)\s\d[\d.,]*(?=\s)")
_ENDS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("es", "m"): ((r"\bveintiuno$", "veintiún"), (r"\buno$", "un")),
    ("es", "f"): ((r"uno$", "una"), (r"(?<=cient)os\b", "as"), (r"\bquinientos\b", "quinientas")),
    ("pt", "f"): ((r"\bum$", "uma"), (r"\bdois(?=$| mil\b)", "duas"), (r"entos\b", "entas")),
    ("fr", "f"): ((r"\bun$", "une"),),
    ("ru", "f"): ((r"\bодин$", "одна"), (r"\bдва$", "две")),
    ("ru", "n"): ((r"\bодин$", "одно"),),
    ("ru", "accusative"): ((r"\bодин$", "одну"), (r"\bдва$", "две")),
    ("pl", "f"): ((r"^jeden$", "jedna"), (r"\bdwa$", "dwie")),
    ("pl", "n"): ((r"^jeden$", "jedno"),),
    ("pl", "accusative"): ((r"^jeden$", "jedną"), (r"\bdwa$", "dwie")),
    ("cs", "m"): ((r"\bjedna$", "jeden"),),
    ("cs", "n"): ((r"\bjedna$", "jedno"), (r"\bdva$", "dvě")),
    ("cs", "f"): ((r"\bdva$", "dvě"),),
    ("cs", "accusative"): ((r"\bjedna$", "jednu"), (r"\bdva$", "dvě")),
    ("pl", "children"): (
        (r"^dwa$", "dwoje"), (r"^trzy$", "troje"), (r"^cztery$", "czworo"), (r"^pięć$", "pięcioro"),
        (r"^sześć$", "sześcioro"), (r"^siedem$", "siedmioro"), (r"^osiem$", "ośmioro"),
        (r"^dziewięć$", "dziewięcioro"), (r"^dziesięć$", "dziesięcioro"),
    ),
    ("hu", "m"): ((r"kettő$", "két"),),
    ("de", "m"): ((r"^eins$", "ein"),),
    ("de", "f"): ((r"^eins$", "eine"),),
    ("de", "dative"): ((r"^eins$", "einem"),),
    ("de", "dative f"): ((r"^eins$", "einer"),),
    ("de", "accusative"): ((r"^eins$", "einen"),),
    ("it", "m"): ((r"^uno$", "un"),),
    ("it", "f"): ((r"^uno$", "una"),),
    ("it", "elided"): ((r"^uno$", "un'"),),
}  # fmt: skip
_GERMAN_DATIVE = frozenset(
    ["vor", "in", "seit", "nach", "mit", "bei", "von", "zu", "aus", "an", "binnen", "innerhalb"]
)
_GERMAN_ACCUSATIVE = frozenset(["für", "um", "ohne", "durch", "gegen", "je", "pro"])
_LABELS: dict[str, frozenset[str]] = {
    base: frozenset(words.split())
    for base, words in {
        "de": "nummer nr kapitel seite platz zimmer gleis linie teil band klasse stufe abschnitt"
        " artikel paragraf punkt halle tor raum typ version formel",
        "es": "número capítulo página parte nivel sala línea tipo versión fórmula canal grupo",
        "pt": "número capítulo página parte nível sala linha tipo versão fórmula canal grupo",
        "it": "numero capitolo pagina parte livello sala linea tipo versione formula canale gruppo",
        "fr": "numéro chapitre page partie niveau salle ligne type version formule chaîne groupe",
        "ru": "номер глава страница часть уровень зал линия тип версия пункт раздел канал группа",
        "pl": "numer rozdział strona część poziom sala linia typ wersja punkt peron kanał grupa",
        "cs": "číslo kapitola strana část úroveň sál linka typ verze bod kanál skupina",
        "hu": "szám fejezet oldal rész",
    }.items()
}
"""A number after one of these names something, and counts nothing."""


def form_of(number: int, before: str, after: str, base: str) -> str:
    """Return the form that a number takes between two texts; empty where it counts nothing."""
    if base not in AGREE:
        return ""
    word = _counted(after, base)
    last = _last_word(before)
    if word is None or before.rstrip()[-1:] == "§" or last in _LABELS.get(base, ()):
        return ""
    if base == "hu":
        return "" if re.search("[oeö]tt$", word) else "m"  # verbs and postpositions
    if base == "es" and _RANGE.match(after):  # "uno a dos días"
        return "f" if nouns.gender(word, base) == "f" else ""
    if base == "it":  # "una a due ore": the plural shows the gender
        if _RANGE.match(after):
            return "f" if word.endswith("e") else ""
        return _italian(word)
    if base == "de":
        return _german(word, last, _RANGE.match(after) is not None)
    if base in ("ru", "pl", "cs"):
        return _slavic(word, number, base)
    if base in ("es", "pt") and number > 1 and not word.endswith("s") and word != "mil":
        return "m" if number % 10 == 1 else ""  # no plural, so nothing that is counted
    if base == "es" and number % 10 == 1 and re.match(r"\smil\b", after):
        return "m"  # veintiún mil personas
    return nouns.gender(word, base)


def counts(after: str, base: str) -> bool:
    """Return whether a number before `after` counts something."""
    return _counted(after, base) is not None


def agree(words: str, form: str, base: str) -> str:
    """Return a cardinal in a form: ("uno", "f", "es") is una."""
    for pattern, replacement in _ENDS.get((base, form), ()):
        words = re.sub(pattern, replacement, words)
    return words


def _counted(after: str, base: str) -> str | None:
    """Return the noun (or its adjective) that `after` begins with, in lower case."""
    if base == "hu" and re.match(r"\s?[%°‰]", after):
        return after.strip()[0]
    other = _RANGE.match(after)
    first = _WORD.match(after, other.end() if other else 0)
    if first is None or (first.start() == first.start(1) and other is None and base != "hu"):
        return None
    word = first[1].lower()
    if nouns.is_function_word(word, base) and first[1] != "Mal":
        return None
    second = _WORD.match(after, first.end())
    if base == "de":
        return _german_noun(first[1], second[1] if second else "", base)
    if second and base in ("es", "pt") and word == "mil":  # duzentas mil pessoas
        known = not nouns.is_function_word(second[1].lower(), base)
        return second[1].lower() if known else word
    if second and base in _ADJECTIVES and re.search(f"(?:{_ADJECTIVES[base]})$", word):
        return second[1].lower()
    return word


def _german_noun(first: str, second: str, base: str) -> str | None:
    if first[0].isupper() or nouns.is_unit(first.lower(), base):
        return first.lower()
    adjective = first.endswith(("e", "er", "es", "en")) and (
        second[:1].isupper() or nouns.is_unit(second, base)
    )
    return second.lower() if adjective else None


def _italian(word: str) -> str:
    """One before s and a consonant, z, gn, ps, x, y is uno; before a feminine vowel it is un'."""
    gender = nouns.gender(word, "it")
    if gender == "f":
        return "elided" if word[0] in "aeiouàèéìòùh" else "f"
    return "" if re.match(r"s[^aeiouàèéìòù]|z|gn|ps|pn|x|y|i[aeou]", word) else "m"


def _german(word: str, before: str, ranged: bool) -> str:
    if ranged:
        return "m"  # "in ein bis zwei Wochen" is not declined
    feminine = nouns.gender(word, "de") == "f" and word != "uhr"  # "ein Uhr"
    if before in _GERMAN_DATIVE:
        return "dative f" if feminine else "dative"
    if before in _GERMAN_ACCUSATIVE and nouns.is_masculine_unit(word):
        return "accusative"
    return "f" if feminine else "m"


def _slavic(word: str, number: int, base: str) -> str:
    if base == "pl" and word == "dzieci":
        return "children"
    ones = number % 10
    teen = number % 100 // 10 == 1
    if teen or ones not in (1, 2) or (base == "cs" and number > 20):
        return ""
    if ones == 1:
        accusative = {"ru": "у|ю", "pl": "ę|ą", "cs": "u"}[base]
        if re.search(rf"(?:{accusative})$", word) and nouns.gender(word, base) != "n":
            return "accusative"
        return nouns.gender(word, base)
    if base == "ru":
        masculine = nouns.is_listed(word, "m", base) or not word.endswith(("ы", "и"))
        return "m" if masculine else "f"
    if base == "cs" and word.endswith("a"):
        return "n"  # dvě města; feminine plurals end in -y, -e
    feminine = nouns.is_listed(word, "f", base) or re.search("(cje|sje|zje|ości|osti)$", word)
    return "f" if feminine else "m"


def _last_word(before: str) -> str:
    words = re.findall(r"[^\W\d_]+", before[-40:])
    return words[-1].lower() if words else ""
