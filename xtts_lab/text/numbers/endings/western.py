"""Dutch, Italian and English endings on figures: 5-jarig, 20er, 20enne, 3x."""

from __future__ import annotations

import re

from xtts_lab.text.numbers.endings.common import LETTER, START, Rules
from xtts_lab.text.numbers.numerals import cardinal

DUTCH: Rules = (
    (rf"{START}(\d{{1,4}})-?(jarig\w*|daags\w*|voudig\w*|maal|procents|persoons\w*|delig\w*|urig\w*)\b",
     lambda m: cardinal(m[1], "nl").replace("é", "e") + m[2]),
    (rf"{START}(\d0)(?:['’]?er|['’]er)(s?)\b", lambda m: cardinal(m[1], "nl") + "er" + m[2]),
    (rf"{START}(\d{{1,3}})\s?[x×]\s(?={LETTER})", lambda m: f"{cardinal(m[1], 'nl')} keer "),
)  # fmt: skip
ITALIAN: Rules = (
    (rf"{START}(\d{{1,3}})[-']?(enn[ei]s?)\b",
     lambda m: re.sub("[aeioé]$", "", cardinal(m[1], "it")) + m[2]),
)  # fmt: skip
ENGLISH: Rules = (
    (
        rf"{START}(\d{{1,3}})\s?[x×](?=\s{LETTER}|[.,;!?)]|$)",
        lambda m: f"{cardinal(m[1], 'en')} times",
    ),
)
