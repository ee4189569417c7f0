"""Japanese text to kana, because espeak-ng reads kanji as the words "Chinese letter".

Readings come from MeCab's UniDic (`unidic-lite`, through `fugashi`): the pronunciation, so that
the particle は becomes ワ and long vowels are marked. Phrases are set apart by spaces: espeak-ng
has a limit of 160 bytes a word, and stress falls in better places.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Any

_ATTACHED = {"助詞", "助動詞", "接尾辞", "補助記号"}  # particle, auxiliary, suffix, symbol
_SYMBOLS = str.maketrans({"〜": "、", "・": " ", "ヵ": "カ", "ヶ": "ケ", "ヮ": "ワ", "々": ""})
# A small vowel that no kana before it combines with is a plain vowel.
_STRAY_VOWEL = re.compile(r"(?<![フテデトドウヴシジチツクグイキヒニミリ])[ァィゥェォ]")
# Without a space, espeak-ng loses the voicing mark of a kana that meets a Latin letter.
_SCRIPT_BORDER = re.compile(r"(?<=[ァ-ヺー])(?=[A-Za-z])|(?<=[A-Za-z])(?=[ァ-ヺー])")


def to_kana(text: str) -> str:
    """Return the katakana of a Japanese text; punctuation, digits and Latin letters stay."""
    previous: Any = None
    parts: list[str] = []
    for word in _tagger()(unicodedata.normalize("NFKC", text).replace("~", "〜")):
        if previous is not None and (word.white_space or _starts_phrase(previous, word)):
            parts.append(word.white_space or " ")
        parts.append(_reading(word))
        previous = word
    kana = "".join(parts).translate(_SYMBOLS)
    kana = _STRAY_VOWEL.sub(lambda match: chr(ord(match.group()) + 1), kana)
    return _SCRIPT_BORDER.sub(" ", kana).strip()


def _reading(word: Any) -> str:
    reading = word.feature.pron  # empty for symbols, None for what the dictionary lacks
    return str(word.surface if reading in {None, "", "*"} else reading)


def _starts_phrase(previous: Any, word: Any) -> bool:
    if previous.surface.isdigit() or previous.feature.pos1 in {"接頭辞", "補助記号"}:
        return False  # a counter belongs to its number, a stem to its prefix
    return word.feature.pos1 not in _ATTACHED


@functools.cache
def _tagger() -> Any:
    import fugashi
    import unidic_lite

    # Named, or fugashi would prefer a full UniDic where one happens to be installed.
    folder = unidic_lite.DICDIR
    return fugashi.Tagger(f'-r "{folder}/mecabrc" -d "{folder}"')
