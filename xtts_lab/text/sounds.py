"""What can be heard of a string of IPA: its sounds, without stress, spaces and punctuation."""

from __future__ import annotations

import unicodedata

_STRESS = frozenset("\u02c8\u02cc")


def sounds(ipa: str) -> str:
    """Return letters, length marks, diacritics and tone numbers of IPA (NFC), and nothing else.

    A recogniser cannot hear a comma, stress is heard differently from language to language, and
    words are not apart in speech.
    """
    return "".join(c for c in ipa if c not in _STRESS and unicodedata.category(c)[0] in "LMN")
