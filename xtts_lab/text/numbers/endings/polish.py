"""Polish endings on figures: 5-ty, 10-letni, 20%-owy, lata 90."""

from __future__ import annotations

import re

from xtts_lab.text.numbers.endings.common import START, Rules
from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.ordinals import ordinal
from xtts_lab.text.numbers.slavic import polish_genitive


def polish_stem(digits: str) -> str:
    """The number as it begins a compound: pięcio, dwudziesto, stu."""
    number = int(digits)
    special = {
        1: "jedno",
        2: "dwu",
        3: "trzy",
        4: "cztero",
        100: "stu",
        200: "dwustu",
        1000: "tysiąc",
    }
    if number in special:
        return special[number]
    words = [polish_genitive(word) for word in cardinal(digits, "pl").split()]
    last = {"dwóch": "dwu", "trzech": "trzy", "czterech": "cztero", "jednego": "jedno"}
    stems = [re.sub("u$", "o", last.get(word, word)) if word != "stu" else word for word in words]
    stems = ["dwu" if word == "dwo" else word for word in stems]
    return "".join(stems)


_POLISH_ORDINAL = (
    "ty|ta|te|go|tego|tej|tą|tym|tych|szy|sza|sze|gi|ga|gie|ci|cia|cie|my|ma|me|mej|mego|szego|szej"
    "|ciego|giej|ej|ego|y|a|e|ym|ą"
)
RULES: Rules = (
    (rf"{START}(\d{{1,4}})\s?%-?(ow\w+)", lambda m: f"{polish_stem(m[1])}procent{m[2]}"),
    (rf"{START}(\d{{1,4}})-?(procentow\w+|letni\w*|leci\w+|dniow\w+|godzinn\w+|minutow\w+"
     r"|osobow\w+|piętrow\w+|metrow\w+|krotn\w+|tysięczn\w+|pokojow\w+|stronicow\w+|kilometrow\w+|litrow\w+|latek\w*|latk\w+)",
     lambda m: polish_stem(m[1]) + m[2]),
    (rf"{START}(\d{{1,4}})-({_POLISH_ORDINAL})\b", lambda m: polish_ordinal(m[1], m[2])),
    (r"\b([Ll]ata|[Ll]at|[Ll]atach)\s'?(\d0)\.(?=\s|$|[,;)])",
     lambda m: f"{m[1]} {_polish_decade(m[2], m[1])}"),
)  # fmt: skip


def polish_ordinal(digits: str, ending: str) -> str:
    """Return an ordinal in the gender and case that its written ending shows."""
    words = ordinal(digits, "pl")
    last = ending[-1]
    if ending.endswith(("go", "ego")):
        new = "ego"
    elif ending.endswith("ej"):
        new = "ej"
    elif ending.endswith(("ym", "im")):
        new = "ym"
    elif ending.endswith(("ych", "ich")):
        new = "ych"
    else:
        new = {"a": "a", "e": "e", "ą": "ą"}.get(last, "")
    if not new:
        return words
    soft = {"ego": "iego", "ej": "iej", "ym": "im", "ych": "ich", "a": "a", "e": "ie", "ą": "ą"}
    words = re.sub(r"(?<=[kg])i\b", soft[new], words)
    words = re.sub(r"(?<=c)i\b", {"a": "ia", "ą": "ią"}.get(new, soft[new]), words)
    return re.sub(r"y\b", new, words)


def _polish_decade(digits: str, noun: str) -> str:
    words = ordinal(digits, "pl")
    return re.sub("y$", "e" if noun.lower() == "lata" else "ych", words)
