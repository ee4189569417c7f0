"""Text as it is spoken: lower case, numbers and symbols as words, one space between words.

Equal to the reference implementation's `multilingual_cleaners` wherever that is right; every
deliberate difference stands in `coqui/differences.py` and in docs/text.md.
"""

from __future__ import annotations

import re

from xtts_lab.text import abbreviations, romanise, symbols, turkish
from xtts_lab.text.characters import brackets_to_spaces, clean
from xtts_lab.text.chinese import reading as chinese
from xtts_lab.text.coqui import front_end as coqui
from xtts_lab.text.japanese import reading as japanese
from xtts_lab.text.languages import base_language
from xtts_lab.text.markup import plain
from xtts_lab.text.numbers import reading as numbers

_STRAY = re.compile("[<>~]")
"""Marks that no rule read, and that no vocabulary holds."""


def normalise(text: str, language: str, coqui_compat: bool = False) -> str:
    """Return `text` as it is spoken in `language`, in its own script.

    Never fails on a text of a known language. `coqui_compat` restores the reference's behaviour,
    which does fail on some (`UsageError`), and does nothing at all to Japanese.
    """
    base = base_language(language)
    if coqui_compat:
        return text if base == "ja" else coqui.guarded(coqui.normalise, text, base)
    text = clean(plain(text))
    return _spoken(text if base == "ja" else text.replace('"', ""), base)


def prepare(text: str, language: str, coqui_compat: bool = False) -> str:
    """Normalise and romanise: what the BPE sees after the language's tag."""
    base = base_language(language)
    if coqui_compat:
        return coqui.guarded(coqui.prepare, text, base)
    if base == "ja":
        read = japanese.read_numbers(clean(plain(text)), romanise.hiragana)
        romanised = romanise.romanise(_collapse(_STRAY.sub(" ", read)), base)
        # cutlet's own spaces stay as they are: the reference does not collapse them.
        return brackets_to_spaces(romanised).strip()
    return _collapse(brackets_to_spaces(romanise.romanise(normalise(text, language), base)))


def _spoken(text: str, base: str) -> str:
    if base == "zh":
        return _collapse(_STRAY.sub(" ", chinese.read_numbers(text)).lower())
    if base == "ja":
        return _collapse(_STRAY.sub(" ", japanese.read_numbers(text)))
    text = abbreviations.expand(text, base)
    text = symbols.speak(numbers.read_numbers(text, base), base)
    if base == "tr":
        text = turkish.lower(text)
    return _collapse(_STRAY.sub(" ", text).lower())


def _collapse(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
