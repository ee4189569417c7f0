"""Ordinals that are written with a full stop: 3. Mai, 7. patro, 2. kat, 5. emelet."""

from __future__ import annotations

import re

from xtts_lab.text.numbers.dates import german_ending
from xtts_lab.text.numbers.nouns import is_function_word
from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.ordinals import ordinal

_LANGUAGES = frozenset({"de", "cs", "pl", "tr", "hu"})
_NOUNS_MAY_BE_CAPITAL = frozenset({"de", "tr", "hu"})


def read_dotted(text: str, base: str) -> str:
    """Replace the dotted ordinals of the five languages that write them."""
    if base not in _LANGUAGES:
        return text
    text = re.sub(r"(?<![\w.,])(\d{1,2})\.(?=[^\W\d_]{3})", r"\1. ", text)  # 4.sınıf
    return re.sub(r"(?<![\w.,])(\d{1,4})\.(?=\s+(\S))", lambda match: _one(match, base), text)


def hungarian_day(match: re.Match[str]) -> str:
    """Read the day of a date with its ending: 17-én is tizenhetedikén, 1-jén elsején."""
    number, suffix = match[1], match[2].removeprefix("j")
    return "elsej" + suffix if number == "1" else ordinal(number, "hu") + suffix


def _one(match: re.Match[str], base: str) -> str:
    """An ordinal such as "3. Mai", unless the dot ends the sentence, as in "1999. Das"."""
    number, following = int(match[1]), match[2]
    if not following.isalpha():
        return match[0]
    if base == "hu" and number >= 1000:
        return cardinal(match[1], base)  # the year of a date
    if following.islower() or (base in _NOUNS_MAY_BE_CAPITAL and number < 1000):
        return _inflected(ordinal(match[1], base), match, base)
    return match[0]


_LOCATIVE = frozenset(("w", "we", "na", "o", "po", "przy", "v", "ve", "při"))
_POLISH_GENITIVES = ("miejsca", "piętra", "dnia", "roku", "wieku", "tygodnia", "miesiąca", "etapu")
_FEMININE_LOCATIVE = re.compile(
    "klasie|stronie|godzinie|rocznicy|rundzie|części|połowie|kolejce|minucie|lekcji|edycji|wersji"
    "|grupie|lidze|ulicy|linii|kolejności|třídě|straně|hodině|kapitole|části|minutě|době|lize"
    "|sezóně|lekci|verzi|skupině|ulici"
)


def _inflected(words: str, match: re.Match[str], base: str) -> str:
    """The ending that the noun after the ordinal, and the preposition before it, ask for."""
    if base == "de":
        return words + (german_ending(match) or _strong(match))
    if base not in ("cs", "pl"):
        return words
    noun = (re.match(r"\s+([^\W\d_]+)", match.string[match.end() : match.end() + 40]) or ["", ""])[
        1
    ].lower()
    before = match.string[max(0, match.start() - 40) : match.start()]
    before = (re.findall(r"[^\W\d_]+", before) or [""])[-1].lower()
    if before in _LOCATIVE and re.search("[eěuií]$", noun):
        feminine = _FEMININE_LOCATIVE.fullmatch(noun) is not None
        return _ending(words, "locative f" if feminine else "locative", base)
    if is_function_word(noun, base):
        return words  # był trzeci na mecie
    if base == "cs" and noun in ("let", "letech", "létech", "létům"):
        return _ending(words, "many", base)
    if base == "cs" and noun in ("léta", "místa", "města", "kola"):
        return _ending(words, "f", base)
    if base == "pl" and noun in _POLISH_GENITIVES:
        return _ending(words, "genitive", base)
    if re.search("[^i]a$|á$" if base == "cs" else "[^i]a$", noun):
        return _ending(words, "f", base)
    return _ending(words, "n", base) if re.search("(o|í|é|um|ce|ie)$", noun) else words


def _strong(match: re.Match[str]) -> str:
    """Return the ending where no article stands before: dritter Stock, zweites Kapitel."""
    before = match.string[max(0, match.start() - 30) : match.start()]
    if re.search(r"\bals\s$", before, re.IGNORECASE):
        return "r"
    noun = re.match(r"\s+([^\W\d_]+)", match.string[match.end() : match.end() + 40])
    if noun and noun[1] in ("im", "in", "ins", "bei", "beim", "hinter", "vor", "von"):
        return "" if re.search(r"\b(?:der|die|das)\s$", before, re.IGNORECASE) else "r"
    if noun is None or not re.search(r"(?:^|[.,;:!?(–]\s?)$", before):
        return ""
    neuter = "s" if _NEUTER.fullmatch(noun[1]) else ""
    return "r" if _MASCULINE.fullmatch(noun[1]) else neuter


_MASCULINE = re.compile("Stock|Platz|Teil|Band|Akt|Tag|Versuch|Rang|Gang|Satz|Schritt|Punkt")
_NEUTER = re.compile("Kapitel|Mal|Kind|Jahr|Semester|Tor|Spiel|Rennen|Gebot|Obergeschoss")
_ENDINGS = {
    ("cs", "f"): ("á", "í"), ("cs", "n"): ("é", "í"), ("cs", "locative"): ("ém", "ím"),
    ("cs", "locative f"): ("é", "í"), ("cs", "many"): ("ých", "ích"),
    ("pl", "f"): ("a", "a"), ("pl", "n"): ("e", "ie"),
    ("pl", "genitive"): ("ego", "iego"), ("pl", "locative"): ("ym", "im"),
    ("pl", "locative f"): ("ej", "iej"),
}  # fmt: skip


def _ending(words: str, form: str, base: str) -> str:
    hard, soft = _ENDINGS[base, form]
    if base == "cs":
        return re.sub(r"ý\b", hard, re.sub(r"í\b", soft, words))
    words = re.sub(r"(?<=[kg])i\b", soft, words)
    return re.sub(r"y\b", hard, re.sub(r"(?<=c)i\b", "ia" if form == "f" else soft, words))
