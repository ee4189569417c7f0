"""Codes and limits of the languages that the text front end knows."""

from __future__ import annotations

from collections.abc import Mapping

from xtts_lab.errors import UsageError
from xtts_lab.languages import BY_CODE, Language
from xtts_lab.registry import unknown
from xtts_lab.types import LANGUAGES

_BASES: Mapping[str, Language] = {code.split("-")[0]: row for code, row in BY_CODE.items()}


def base_language(language: str) -> str:
    """Return the code without its region: "zh-cn" is "zh". Raises `UsageError` if not known."""
    base = language.split("-", 1)[0]
    if base not in _BASES:
        raise UsageError(unknown("language", language, LANGUAGES))
    return base


def tag_of(language: str) -> str:
    """Return the vocabulary's tag of a language: "[zh-cn]" for both "zh" and "zh-cn"."""
    return f"[{_BASES[base_language(language)].code}]"


def char_limit(language: str) -> int:
    """Return the characters that one piece of text may have."""
    return _BASES[base_language(language)].char_limit
