"""Text to Kokoro's symbols, and the languages that come out intelligible."""

from __future__ import annotations

from collections.abc import Mapping

from xtts_lab.espeak.client import EspeakError
from xtts_lab.espeak.engine import Engine
from xtts_lab.espeak.engine import identity as espeak_identity
from xtts_lab.espeak.ipa import VERSION as IPA_VERSION
from xtts_lab.espeak.ipa import to_ipa
from xtts_lab.kokoro.symbols import VERSION as SYMBOLS_VERSION
from xtts_lab.kokoro.symbols import to_symbols

__all__ = ["LANGUAGES", "EspeakError", "FrontEnd", "identity", "written"]

LANGUAGES = ("en", "es", "de", "it", "pt", "ja")
"""Those that a recogniser reads about as well as human speech; see docs/kokoro.md."""


def identity() -> Mapping[str, str | int]:
    """Return what determines the symbols of a text."""
    return {**espeak_identity(), "ipa": IPA_VERSION, "symbols": SYMBOLS_VERSION}


def written(text: str, ipa: str, language: str) -> str:
    """Return the symbols of a text whose IPA (`espeak.ipa.to_ipa`) is known; empty for nothing.

    Japanese and Mandarin are read from the text, because espeak-ng's IPA lacks what Kokoro knows.
    """
    if language == "ja":
        from xtts_lab.espeak.japanese import to_kana
        from xtts_lab.kokoro.japanese import kana_to_symbols

        symbols = kana_to_symbols(to_kana(text))
    elif language == "zh-cn":
        from xtts_lab.kokoro.chinese import hanzi_to_symbols

        symbols = hanzi_to_symbols(text)
    else:
        symbols, _ = to_symbols(ipa, language)
    return symbols if any(symbol.isalpha() for symbol in symbols) else ""


class FrontEnd:
    """Reads text in any of the 16 languages; call it with a text and its language."""

    def __init__(self) -> None:
        self._engine = Engine()

    def __call__(self, text: str, language: str) -> str:
        """Return the symbols; raises `EspeakError` for text without anything to say."""
        symbols = written(text, to_ipa(self._engine, text, language), language)
        if not symbols:
            raise EspeakError(f"there is nothing to say in {text[:40]!r}")
        return symbols

    def close(self) -> None:
        self._engine.close()
