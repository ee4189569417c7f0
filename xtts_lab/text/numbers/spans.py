"""Spans of time, written so that only the words beside them tell: 9.00 bis 17.00 Uhr, 5-7pm."""

from __future__ import annotations

import re

from xtts_lab.text.symbols import RANGE_WORDS

_TIME = r"([01]?\d|2[0-4])\.([0-5]\d)"
_BOTH_DOTTED = re.compile(
    rf"(?<![\d.,:/]){_TIME}(\s?(?:bis|tot|do|до|[-–—])\s?){_TIME}(?=\s?(?:Uhr|uur|hod|час))",
    re.IGNORECASE,
)
_AMOUNTS = (
    r"[\d.:/-]|,\d|\s?[%€$₽°]|\s?(?:руб|р|кг|км|[мглт]|млн|тыс|долл|балл|kg|km|[mlgt]|mil|kč)\b"
)
_AFTER_PREPOSITIONS = {
    base: re.compile(
        rf"\b((?:{words})\s)([01]?\d|2[0-4])\.(00|1[3-9]|[2-5]\d)(?!{_AMOUNTS})", re.IGNORECASE
    )
    for base, words in (("ru", "в|с|до|к|после|около"), ("cs", "v|ve|od|do|po|před|kolem|mezi|na"))
}
"""Decimals have a comma there; what ends in 01 to 12 may be a date."""
_HALF_MERIDIEM = re.compile(
    r"(?<![\w.,:/$£€-])(\d{1,2}(?::\d\d)?)\s?[-–—]\s?(?=\d{1,2}(?::\d\d)?\s?[ap]\.?m\b)",
    re.IGNORECASE,
)


def read_spans(text: str, base: str) -> str:
    """Write a colon where a dot stands between hours and minutes; the figures stay for `clock`."""
    text = _BOTH_DOTTED.sub(r"\1:\2\3\4:\5", text)
    if base in _AFTER_PREPOSITIONS:
        text = _AFTER_PREPOSITIONS[base].sub(r"\1\2:\3", text)
    return _HALF_MERIDIEM.sub(rf"\1 {RANGE_WORDS['en']} ", text) if base == "en" else text
