"""Account numbers (IBAN): two letters, and what follows in groups of four, sign by sign."""

from __future__ import annotations

import re
from collections.abc import Callable

_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ",
    24: "AD CZ ES MD PK RO SA SE SK TN",
    25: "PT",
    26: "IS TR",
    27: "FR GR IT MC SM",
    28: "AL AZ BY CY DO GT HU LB PL",
    29: "BR EG QA UA",
    30: "JO KW",
    31: "MT",
    33: "RU",
}
"""Countries by how many signs their account numbers have."""

_CANDIDATE = re.compile(
    r"(?<![^\W_])[A-Z]{2}\d{2}(?:[ \u00a0]?[A-Z0-9]{4}){2,7}(?:[ \u00a0]?[A-Z0-9]{1,4})?(?![^\W_])"
)


def read_ibans(text: str, spell: Callable[[str], str], between: str = ", ") -> str:
    """Replace account numbers by letters and digits as words, `between` the groups of four.

    `spell` reads a run of digits one by one.
    """

    def read(match: re.Match[str]) -> str:
        signs = re.sub(r"\s", "", match[0])
        if signs[:2] not in _COUNTRIES.get(len(signs), "").split():
            return match[0]
        groups = [signs[at : at + 4] for at in range(0, len(signs), 4)]
        return between.join(_group(group, spell) for group in groups)

    return _CANDIDATE.sub(read, text)


def _group(signs: str, spell: Callable[[str], str]) -> str:
    parts = re.findall(r"\d+|[A-Z]", signs)
    return " ".join(spell(part) if part.isdigit() else part.lower() for part in parts)
