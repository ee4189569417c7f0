"""Days of a month after a preposition that asks for another case than a date has: к первому мая."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers.ordinals import czech, ordinal, russian_instrumental

_RUSSIAN: Mapping[str, str] = {
    **dict.fromkeys(("к", "ко"), "-му"),
    **dict.fromkeys(("на", "по", "за", "про"), "-ое"),
    **dict.fromkeys(("о", "об"), "-м"),
    **dict.fromkeys(("перед", "между", "над"), "instrumental"),
}
_POLISH = frozenset(("przed", "po", "między", "nad", "o", "pomiędzy"))
_CZECH_MONTHS = {
    "dative": "lednu|únoru|březnu|dubnu|květnu|červnu|červenci|srpnu|září|říjnu|listopadu|prosinci",
    "instrumental": "lednem|únorem|březnem|dubnem|květnem|červnem|červencem|srpnem|zářím|říjnem"
    "|listopadem|prosincem",
}
_CZECH: tuple[tuple[str, str, str, str], ...] = (
    ("k|ke|kvůli|vůči", "dative", "ému", "ímu"),
    ("po|o|při", "dative", "ém", "ím"),  # their case sounds like the dative in a month
    ("před|mezi|nad", "instrumental", "ým", "ím"),
)


def governed_day(digits: str, before: str, base: str) -> str:
    """Return a day after the word `before` it; empty where it is the genitive of any date."""
    if base == "pl":
        if before not in _POLISH:
            return ""
        return re.sub(r"([iy])\b", r"\1m", ordinal(digits, "pl"))
    ending = _RUSSIAN.get(before, "")
    if ending == "instrumental":
        return russian_instrumental(ordinal(digits, "ru", "-м"))
    return ordinal(digits, "ru", ending) if ending else ""


def read_czech_days(text: str) -> str:
    """Read "k 1. lednu", "před 5. květnem", "po 3. září", whose months are declined too."""
    for words, case, hard, soft in _CZECH:
        text = re.sub(
            rf"\b({words}) (\d{{1,2}})\.(?= (?:{_CZECH_MONTHS[case]})\b)",
            lambda match, hard=hard, soft=soft: (  # type: ignore[misc]
                f"{match[1]} " + re.sub(r"ý\b", hard, re.sub(r"í\b", soft, czech(int(match[2]))))
            ),
            text,
            flags=re.IGNORECASE,
        )
    return text
