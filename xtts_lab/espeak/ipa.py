"""Text to one plain string of IPA: what our corpora carry and models with phonemes read.

The symbols are espeak-ng's own, clauses end with their punctuation, and nothing else is added:
`Hello, world!` in English is `həlˈoʊ, wˈɜːld!`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from xtts_lab.espeak.client import EspeakError
from xtts_lab.espeak.engine import Engine

VERSION = 1
"""Raised whenever the same text comes to mean other symbols."""

# espeak-ng marks the words that it reads in another language, as in "(en)kəmpjˈuːtə(de)".
_LANGUAGE_SWITCH = re.compile(r"\([a-z]{2,3}(?:-[a-z0-9-]+)?\)")


def to_ipa(engine: Engine, text: str, language: str) -> str:
    """Return the IPA of a text, NFC, on one line, with the punctuation of its clauses.

    Raises `EspeakError` for an unknown language and for text without anything to say.
    """
    (ipa,) = to_ipa_each(engine, [text], language)
    if not ipa:
        raise EspeakError(f"there is nothing to say in {text[:40]!r}")
    return ipa


def to_ipa_each(engine: Engine, texts: Sequence[str], language: str) -> list[str]:
    """Return `to_ipa` of each text, in one round; empty where there is nothing to say in it."""
    return [_joined(clauses) for clauses in engine.phonemes_of(texts, language, punctuation=True)]


def _joined(clauses: str) -> str:
    plain = _LANGUAGE_SWITCH.sub("", clauses)
    ipa = " ".join(unicodedata.normalize("NFC", plain).split())
    return ipa if any(character.isalpha() for character in ipa) else ""
