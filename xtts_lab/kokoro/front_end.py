"""Text to Kokoro's symbols, and the languages that come out intelligible."""

from __future__ import annotations

from xtts_lab.espeak.client import EspeakError
from xtts_lab.espeak.engine import Engine
from xtts_lab.espeak.ipa import to_ipa
from xtts_lab.kokoro.symbols import to_symbols

VERSION = 1
"""Raised whenever the same text comes to mean other symbols."""

LANGUAGES = ("en", "es", "de", "it", "pt")
"""Those that a recogniser reads about as well as human speech; see docs/kokoro.md."""


def symbols_of(engine: Engine, text: str, language: str) -> str:
    """Return the symbols of a text in any of the 16 languages.

    Raises `EspeakError` for text without anything to say.
    """
    return from_ipa(to_ipa(engine, text, language), language)


def from_ipa(ipa: str, language: str) -> str:
    """Return the symbols of what `espeak.ipa.to_ipa` returned; raises `EspeakError` for none."""
    symbols, _ = to_symbols(ipa, language)
    if not any(symbol.isalpha() for symbol in symbols):
        raise EspeakError(f"there is nothing to say in {ipa[:40]!r}")
    return symbols
