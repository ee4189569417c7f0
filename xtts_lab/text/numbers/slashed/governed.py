"""Fractions after a preposition: до одной двенадцатой, o jedną trzecią, zu einem Drittel."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from xtts_lab.text.numbers import slavic
from xtts_lab.text.numbers.numerals import cardinal

_OBLIQUE: Mapping[str, str] = {
    "ru": "до|от|с|со|из|около|более|менее|больше|меньше|в|во|к|ко|о|об|при|после|без|свыше"
    "|порядка",
    "pl": "do|od|z|ze|około|ok|bez|w|we|po|przy|powyżej|poniżej",
    "cs": "do|od|z|ze|kolem|okolo|bez|v|ve|po|při|k|ke",
    "de": "mit|zu|von|bei|aus|nach",
}
"""Prepositions before which a feminine one, and any German one, shows its case."""
_ACCUSATIVE: Mapping[str, str] = {
    "ru": "на|за|через|про",
    "pl": "o|na|za|przez",
    "cs": "o|na|za|přes",
}
_GENITIVE_OF_MANY: Mapping[str, str] = {
    "ru": "до|от|с|со|из|около|более|менее|больше|меньше|после|без|свыше|порядка",
    "pl": "do|od|z|ze|około|ok|bez|w|we|po|przy|powyżej|poniżej",
    "cs": "do|od|z|ze|kolem|okolo|bez",
    "de": _OBLIQUE["de"],
}
"""Prepositions whose case two and more show in one way."""
_INTO = re.compile(
    r"(?:выш|выход|вых|проб|прош|пройд|прох|попа|попад|путёвк)\w*\s(?:\w+\s)?$", re.I
)
"""Verbs that make the Russian "в" one of direction: вышли в одну восьмую финала."""
_CZECH_COUNTS = {2: "dvou", 3: "tří", 4: "čtyř"}
_GERMAN_PART_OF = re.compile(r"\s?(?:$|[.,;:!?)]|(?:der|des|von|aller|und|bis|oder)\b)")
_GERMAN_HOUR = re.compile(r"\s?Stunde", re.I)


def governed(over: int, under: int, base: str, before: str, after: str) -> str:
    """Read a fraction below one after a preposition that it agrees with; empty after no such."""
    word = (re.search(r"([^\W\d_]+)\.?\s$", before[-20:]) or ["", ""])[1].lower()
    if base not in _OBLIQUE or not word:
        return ""
    if base == "de" and (under == 2 or _GERMAN_HOUR.match(after)):
        return ""  # zur Hälfte, nach einer Viertelstunde
    directed = base == "ru" and word in ("в", "во") and _INTO.search(before.rstrip()[:-1][-40:])
    accusative = directed or word in _ACCUSATIVE.get(base, "").split("|")
    if over == 1:
        known = accusative or word in _OBLIQUE[base].split("|")
        return _ONE[base](under, bool(accusative)) if known else ""
    if accusative or word not in _GENITIVE_OF_MANY[base].split("|"):
        return ""
    if base == "de" and not _GERMAN_PART_OF.match(after):
        return ""
    return _MANY[base](over, under)


def _plain(over: int, under: int, base: str) -> str:
    from xtts_lab.text.numbers.slashed.fractions import fraction

    return fraction(over, under, base)


def _russian_one(under: int, accusative: bool) -> str:
    words = _plain(1, under, "ru").removeprefix("одна ")
    if under in (3, 4):  # треть, четверть
        return f"одну {words}" if accusative else f"одной {words[:-1]}и"
    return f"одну {words[:-2]}ую" if accusative else f"одной {words[:-2]}ой"


def _polish_one(under: int, accusative: bool) -> str:
    words = _plain(1, under, "pl").removeprefix("jedna ")
    ending = "ą" if accusative else "ej"
    return f"jedn{ending} " + re.sub(r"a\b", ending, words).replace("gej", "giej")


def _czech_one(under: int, accusative: bool) -> str:
    words = _plain(1, under, "cs").removeprefix("jedna ")
    return f"jednu {words[:-1]}u" if accusative else f"jedné {words[:-1]}y"


def _german_one(under: int, _accusative: bool) -> str:
    return _plain(1, under, "de").replace("ein ", "einem ", 1)


def _russian_many(over: int, under: int) -> str:
    number = slavic.russian(str(over), "g")
    if under in (3, 4):
        return f"{number} {'третей' if under == 3 else 'четвертей'}"
    return f"{number} {_plain(5, under, 'ru').partition(' ')[2]}"


def _polish_many(over: int, under: int) -> str:
    number = slavic.polish_genitive(cardinal(str(over), "pl"))
    return f"{number} {_plain(5, under, 'pl').partition(' ')[2]}"


def _czech_many(over: int, under: int) -> str:
    number = _CZECH_COUNTS.get(over) or slavic.czech_dative(cardinal(str(over), "cs"))
    return f"{number} {_plain(5, under, 'cs').partition(' ')[2]}"


def _german_many(over: int, under: int) -> str:
    return _plain(over, under, "de") + "n"


_ONE: Mapping[str, Callable[[int, bool], str]] = {
    "ru": _russian_one, "pl": _polish_one, "cs": _czech_one, "de": _german_one,
}  # fmt: skip
_MANY: Mapping[str, Callable[[int, int], str]] = {
    "ru": _russian_many, "pl": _polish_many, "cs": _czech_many, "de": _german_many,
}  # fmt: skip
