"""Text as espeak-ng can read it: plain, without control characters, Japanese in kana.

Markup needs no escaping, because the server never asks espeak-ng to interpret any; `<break/>` is
read as characters. Control characters do: Ctrl-A starts an embedded command, NUL ends the text.
"""

from __future__ import annotations

import unicodedata

_PAUSES = {"\n": "\n", "\x85": "\n", "\x0b": "\n", "\x0c": "\n", "\r": "\n"}


def readable(text: str, language: str) -> str:
    """Return what is handed to espeak-ng: NFC, no control or format characters, kana for ja."""
    plain = "".join(_plain(character) for character in unicodedata.normalize("NFC", text)).strip()
    if language == "ja":
        from xtts_lab.espeak.japanese import to_kana

        return to_kana(plain)
    return plain


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cc":
        return _PAUSES.get(character, " ")
    # Format characters (bidi marks, zero-width joiners, soft hyphens) are read out by name, and
    # lone surrogates cannot be encoded.
    return "" if category in {"Cf", "Cs"} else character
