"""Russian, Polish and Czech cardinals in their cases: pięciu, pięcioma, sta, пятью."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers import slavic
from xtts_lab.text.numbers.numerals import cardinal

_SMALL_INSTRUMENTALS: Mapping[str, str] = {
    "pl": "dwoma trzema czterema pięcioma sześcioma siedmioma ośmioma dziewięcioma dziesięcioma",
    "cs": "dvěma třemi čtyřmi",
}
_CZECH = {
    "nula": "nuly", "jedna": "jedné", "dva": "dvou", "tři": "tří", "čtyři": "čtyř", "sto": "sta",
    "dvěstě": "dvou set", "třista": "tří set", "čtyřista": "čtyř set", "tisíce": "tisíc",
    "milion": "milionu", "miliony": "milionů",
}  # fmt: skip
CZECH_LOCATIVE = {"tří": "třech", "čtyř": "čtyřech"}


def genitive(digits: str, noun: str, base: str) -> str:
    """Return a cardinal in the genitive; one has the gender of `noun`, which may be empty."""
    if base == "ru":
        words = slavic.russian(digits, "g")
        return re.sub("одного$", "одной", words) if re.search("[ыи]$", noun) else words
    if base == "pl":
        words = slavic.polish_genitive(cardinal(digits, "pl"))
        return "jednej" if digits == "1" and re.search("[yi]$", noun) else words
    words = " ".join(map(_czech, cardinal(digits, "cs").split()))
    words = re.sub(r"^tisíc\b", "tisíce", words)
    if digits != "1":  # "dvaceti jedna" is not declined
        return re.sub("jedné$", "jedna", words)
    return words if not noun or re.search("[yeě]$", noun) else "jednoho"


def _czech(word: str) -> str:
    if word in _CZECH:
        return _CZECH[word]
    if word.endswith("set") and word != "deset":
        return f"{word.removesuffix('set')}i set"
    return slavic.czech_dative(word)


def instrumental(digits: str, base: str) -> str:
    """Return a cardinal in the instrumental: пятью, pięcioma, pěti."""
    if base == "ru":
        return slavic.russian(digits, "i")
    if digits == "1":
        return "jednym" if base == "pl" else "jednou"
    if base == "pl" and len(digits) == 2 and digits != "10":  # dwudziestoma pięcioma
        words = re.sub(r"(?<=[^t])u\b|(?<=st)u\b", "oma", genitive(digits, "", "pl"))
        words = words.replace("dwóch", "dwoma")
        return re.sub(r"(trz|czter)ech\b", r"\1ema", words)
    small = dict(enumerate(_SMALL_INSTRUMENTALS[base].split(), 2))
    return small.get(int(digits)) or genitive(digits, "", base)


def polish_dative(digits: str) -> str:
    """Return a Polish cardinal in the dative: dwóm, pięciu."""
    words = genitive(digits, "", "pl").replace("dwóch", "dwóm")
    return re.sub(r"(trz|czter)ech\b", r"\1em", words)
