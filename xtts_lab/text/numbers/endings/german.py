"""German endings on figures: 5%ige, 90er, 3-jährig, 5-mal."""

from __future__ import annotations

import re

from xtts_lab.text.numbers.endings.common import LETTER, START, Rules, number
from xtts_lab.text.numbers.gender import agree
from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.ordinals import ordinal
from xtts_lab.text.numbers.written import NUMBER, Parts, parse


def _compound(digits: str) -> str:
    """The number as it begins a compound: ein, hundert, zweihundert."""
    words = agree(cardinal(digits, "de"), "m", "de")
    return re.sub("^ein(?=hundert|tausend)", "", words) if digits in ("100", "1000") else words


def _decade(digits: str) -> str:
    if len(digits) == 4 and digits[1] != "0" and digits[3] == "0":
        tens = "" if digits[2:] == "00" else cardinal(digits[2:], "de")
        return f"{cardinal(digits[:2], 'de')}hundert{tens}er"
    return _compound(digits) + "er"


RULES: Rules = (
    (rf"{START}(\d{{1,3}})-?er([ns]?)\b(?!-)", lambda m: _decade(m[1]) + m[2]),
    (rf"{START}(\d{{4}})-?er([ns]?)\b", lambda m: _decade(m[1]) + m[2]),
    (rf"{START}(\d{{1,4}})er-(?={LETTER})", lambda m: _decade(m[1]) + "-"),
    (rf"{START}({NUMBER})\s?-?%-?(ig\w*)", lambda m: f"{_words_or(m[1])}prozent{m[2]}"),
    (rf"{START}({NUMBER})-(prozent\w*|[jJ]ährig\w*|mal\w*|fach\w*|stündig\w*|minütig\w*|tägig\w*"
     r"|wöchig\w*|monatig\w*|seitig\w*|teilig\w*|stellig\w*|köpfig\w*|stöckig\w*|gradig\w*"
     r"|zeilig\w*|türig\w*|sprachig\w*|malig\w*|sitzer\w*|zimmer\w*|bändig\w*)\b",
     lambda m: f"{_words_or(m[1])}{m[2].lower()}"),
    (rf"{START}(\d{{1,4}})(mal|fach\w*|jährig\w*)\b", lambda m: _compound(m[1]) + m[2]),
    (rf"{START}(\d{{1,4}})-?(te[nrsm]?|ste[nrsm]?)\b", lambda m: _german_ordinal(m[1], m[2])),
    (rf"{START}(\d{{1,3}})\s?[x×]\s(?={LETTER})", lambda m: f"{_compound(m[1])}mal "),
    (rf"{START}(\d{{1,3}})[x×](?!\w|\s?\d)", lambda m: f"{_compound(m[1])}mal"),
)  # fmt: skip


def _words_or(written: str) -> str:
    value = parse(written, "de")
    if isinstance(value, Parts):
        return written
    return _compound(value.whole) if not value.fraction else number(written, "de").replace(" ", "")


def _german_ordinal(digits: str, ending: str) -> str:
    return ordinal(digits, "de") + ending.removeprefix("s").removeprefix("te")
