"""Codes and limits of the languages that the text front end knows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown
from xtts_lab.types import LANGUAGES

CHAR_LIMITS: Mapping[str, int] = MappingProxyType({
    "en": 250, "es": 239, "fr": 273, "de": 253, "it": 213, "pt": 203, "pl": 224, "tr": 226,
    "ru": 182, "nl": 251, "cs": 186, "ar": 166, "zh": 82, "hu": 224, "ko": 95, "ja": 71,
})  # fmt: skip
"""Characters that XTTS-v2 speaks reliably in one go, by base language (the reference's figures)."""


def base_language(language: str) -> str:
    """Return the code without its region: "zh-cn" is "zh". Raises `UsageError` if not known."""
    base = language.split("-", 1)[0]
    if base not in CHAR_LIMITS:
        raise UsageError(unknown("language", language, LANGUAGES))
    return base


def tag_of(language: str) -> str:
    """Return the vocabulary's tag of a language: "[zh-cn]" for both "zh" and "zh-cn"."""
    base = base_language(language)
    return "[zh-cn]" if base == "zh" else f"[{base}]"


def char_limit(language: str) -> int:
    """Return the characters that one piece of text may have."""
    return CHAR_LIMITS[base_language(language)]
