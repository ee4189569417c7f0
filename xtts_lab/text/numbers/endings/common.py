"""What the rules of all languages' endings are made of."""

from __future__ import annotations

import re
from collections.abc import Callable

from xtts_lab.text.numbers.numerals import cardinal, decimal
from xtts_lab.text.numbers.written import Parts, parse

LETTER = r"[^\W\d_]"
START = r"(?<![\d.,:/])"
Rules = tuple[tuple[str, Callable[[re.Match[str]], str]], ...]


def number(written: str, base: str) -> str:
    """Read a written number, whole or decimal; a list of parts stays as it is."""
    value = parse(written, base)
    if isinstance(value, Parts):
        return written
    if value.fraction:
        return decimal(value.whole, value.fraction, base)
    return cardinal(value.whole, base)
