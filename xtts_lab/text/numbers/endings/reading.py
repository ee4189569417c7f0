"""Figures with the endings of their language: 50%-os, 5%ige, 90er, 10%-ный, 5-ty, 3x."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers.endings import (
    czech,
    german,
    hungarian,
    polish,
    russian,
    turkish,
    western,
)
from xtts_lab.text.numbers.endings.common import Rules

_RULES: Mapping[str, Rules] = {
    "de": german.RULES, "hu": hungarian.RULES, "tr": turkish.RULES, "ru": russian.RULES,
    "pl": polish.RULES, "cs": czech.RULES, "nl": western.DUTCH, "en": western.ENGLISH,
    "it": western.ITALIAN,
}  # fmt: skip


def read_endings(text: str, base: str) -> str:
    """Replace figures with the endings of a language, and the endings with them."""
    for pattern, read in _RULES.get(base, ()):
        text = re.sub(pattern, read, text)
    return text
