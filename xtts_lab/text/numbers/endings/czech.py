"""Czech endings on figures: 5krát, 20letý, 5tý, 10%ní."""

from __future__ import annotations

import re

from xtts_lab.text.numbers.endings.common import START, Rules
from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.ordinals import ordinal


def czech_stem(digits: str) -> str:
    """The number as it begins a compound: pěti, dvaceti, sto."""
    number = int(digits)
    special = {
        1: "jedno",
        2: "dvou",
        3: "tří",
        4: "čtyř",
        9: "devíti",
        10: "deseti",
        100: "sto",
        1000: "tisíci",
    }
    if number in special:
        return special[number]
    parts = []
    for word in cardinal(digits, "cs").split():
        one = {
            "jedna": "jedno",
            "dva": "dvou",
            "tři": "tří",
            "čtyři": "čtyř",
            "devět": "devíti",
            "deset": "deseti",
        }
        parts.append(
            one.get(word)
            or (word + "i" if re.search("[tm]$", word) and not word.endswith("set") else word)
        )
    return "".join(parts)


RULES: Rules = (
    (rf"{START}(\d{{1,4}})%(?=\s+slev)", lambda m: f"{czech_stem(m[1])}procentní"),
    (rf"{START}(\d{{1,4}})-?\s?%-?(n\w+)", lambda m: f"{czech_stem(m[1])}procent{m[2]}"),
    (rf"{START}(\d{{1,4}})-?(procentní\w*|let\w*|denní\w*|hodinov\w+|minutov\w+|členn\w+"
     r"|patrov\w+|metrov\w+|násobn\w+|stránkov\w+|kilometrov\w+|litrov\w+|měsíční\w*|týdenní\w*"
     r"|místn\w+)\b", lambda m: czech_stem(m[1]) + m[2]),
    (rf"{START}(\d{{1,4}})-?(krát|x)\b",
     lambda m: cardinal(m[1], "cs").replace("jedna", "jeden") + "krát"),
    (rf"{START}(\d{{1,4}})-?(tý|tá|té|tého|tému|tém|tou|ho)\b",
     lambda m: _czech_ordinal(m[1], m[2])),
)  # fmt: skip


def _czech_ordinal(digits: str, ending: str) -> str:
    new = {"á": "á", "é": "é", "o": "ého", "u": "ému" if ending == "tému" else "ou", "m": "ém"}.get(
        ending[-1], ""
    )
    words = ordinal(digits, "cs")
    return re.sub(r"ý\b", new, words) if new else words
