"""Text as it is spoken: lower case, numbers and symbols as words, one space between words.

Equal to the reference implementation's `multilingual_cleaners` wherever that is right; every
deliberate difference stands in `coqui/differences.py` and in docs/text.md.
"""

from __future__ import annotations

import re
import unicodedata

from xtts_lab.text import abbreviations, romanise, symbols, turkish
from xtts_lab.text.characters import brackets_to_spaces, clean, without_strange_marks
from xtts_lab.text.chinese import reading as chinese
from xtts_lab.text.coqui import front_end as coqui
from xtts_lab.text.greek import read_greek
from xtts_lab.text.japanese import reading as japanese
from xtts_lab.text.languages import base_language
from xtts_lab.text.markup import plain
from xtts_lab.text.numbers import reading as numbers
from xtts_lab.text.numbers.lengths import read_lengths

_FOREIGN = re.compile(r"[\u0400-\u1cff\u3130-\u318f\uac00-\ud7a3\ufb1d-\ufdff\ufe70-\ufefc]")


def normalise(text: str, language: str, coqui_compat: bool = False) -> str:
    """Return `text` as it is spoken in `language`, in its own script.

    Never fails on a text of a known language. `coqui_compat` restores the reference's behaviour,
    which does fail on some (`UsageError`), and does nothing at all to Japanese.
    """
    base = base_language(language)
    if coqui_compat:
        return text if base == "ja" else coqui.guarded(coqui.normalise, text, base)
    text = _primed(text, base)
    return _spoken(text if base == "ja" else text.replace('"', ""), base)


def prepare(text: str, language: str, coqui_compat: bool = False) -> str:
    """Normalise and romanise: what the BPE sees after the language's tag."""
    base = base_language(language)
    if coqui_compat:
        return coqui.guarded(coqui.prepare, text, base)
    if base == "ja":
        read = japanese.read_numbers(_primed(text, base), romanise.hiragana)
        kept = "".join("" if _is_foreign(c) else c for c in without_strange_marks(read, base))
        romanised = romanise.romanise(_collapse(kept), base)
        # cutlet's own spaces stay as they are: the reference does not collapse them.
        return brackets_to_spaces(romanised).strip()
    return _collapse(brackets_to_spaces(romanise.romanise(normalise(text, language), base)))


def foreign(text: str, language: str) -> str:
    """Return what Japanese romanisation would make question marks of, each character once."""
    if base_language(language) != "ja":
        return ""
    read = japanese.read_numbers(_primed(text, "ja"))
    return "".join(dict.fromkeys(filter(_is_foreign, read)))


def _primed(text: str, base: str) -> str:
    """Clean a text and read what only its signs tell: primes after figures, Greek letters."""
    return read_greek(read_lengths(clean(plain(text)), base), base)


def _is_foreign(character: str) -> bool:
    """Letters that are neither kana, kanji, Latin nor Greek, and symbols that no rule read."""
    symbol = unicodedata.category(character)[0] == "S" and not character.isascii()
    return symbol or bool(_FOREIGN.match(character))


def _spoken(text: str, base: str) -> str:
    if base == "zh":
        return _collapse(without_strange_marks(chinese.read_numbers(text), base).lower())
    if base == "ja":
        return _collapse(without_strange_marks(japanese.read_numbers(text), base))
    text = abbreviations.expand(text, base)
    text = symbols.speak(numbers.read_numbers(text, base), base)
    if base == "tr":
        text = turkish.lower(text)
    return _collapse(without_strange_marks(text, base).lower())


def _collapse(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
