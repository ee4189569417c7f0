"""Japanese kana in Kokoro's symbols, as the misaki front end writes them.

Kokoro was trained with sounds that espeak-ng does not tell apart: a palatal for each consonant
before i and y, ɴ and its like before other sounds, ʔ for a doubled consonant.
"""

from __future__ import annotations

import re

_ROWS = {
    "アイウエオ": "a i ɯ e o",
    "カキクケコ": "ka kʲi kɯ ke ko",
    "ガギグゲゴ": "ɡa ɡʲi ɡɯ ɡe ɡo",
    "サシスセソ": "sa ɕi sɨ se so",
    "ザジズゼゾ": "ʣa ʥi zɨ ʣe ʣo",
    "タチツテト": "ta ʨi ʦɨ te to",
    "ダヂヅデド": "da ʥi zɨ de do",
    "ナニヌネノ": "na ɲi nɯ ne no",
    "ハヒフヘホ": "ha çi ɸɯ he ho",
    "バビブベボ": "ba bʲi bɯ be bo",
    "パピプペポ": "pa pʲi pɯ pe po",
    "マミムメモ": "ma mʲi mɯ me mo",
    "ヤユヨワヲ": "ja jɯ jo βa o",
    "ラリルレロ": "ɾa ɾʲi ɾɯ ɾe ɾo",
    "ァィゥェォ": "a i ɯ e o",
    "ャュョヮヴ": "ja jɯ jo βa vɯ",
    "、。？！ー": ", . ? ! ː",
}
_KANA = {
    kana: sound
    for row, sounds in _ROWS.items()
    for kana, sound in zip(row, sounds.split(), strict=True)
}
_SMALL = dict(zip("ャュョァィゥェォ", "aɯoaiɯeo", strict=True))
_FOREIGN = {
    "ウ": "β",
    "フ": "ɸ",
    "ツ": "ʦ",
    "ヴ": "v",
    "テ": "tʲ",
    "デ": "dʲ",
    "ト": "t",
    "ド": "d",
}
_NASALS = (("m", "pbm"), ("ɲ", "ɲʨʥ"), ("n", "tdnzʦʣɾ"), ("ŋ", "kɡ"))
_SYLLABLE = re.compile("[ァ-ヴ][ャュョァィゥェォ]?|.")


def kana_to_symbols(kana: str) -> str:
    """Return the symbols of katakana with spaces between phrases; other characters fall away."""
    sounds = [_sound(syllable) for syllable in _SYLLABLE.findall(kana)]
    written = (
        _nasal(sounds[place + 1 :]) if sound == "ン" else f"{sound} " if sound in ",.?!" else sound
        for place, sound in enumerate(sounds)
    )
    return " ".join("".join(written).split())


def _sound(syllable: str) -> str:
    first, small = syllable[0], _SMALL.get(syllable[1:])
    if syllable in {"ン", " "}:
        return syllable
    if first == "ッ":
        return "ʔ" + (_KANA.get(syllable[1:], "") if small else "")
    if small is None or first not in _KANA:
        return _KANA.get(first, "")
    if first in _FOREIGN:
        return _FOREIGN[first] + small
    if _KANA[first].endswith("i") and len(_KANA[first]) > 1:
        return _KANA[first][:-1] + small
    return _KANA[first] + small


def _nasal(following: list[str]) -> str:
    """Return the n that suits what comes next."""
    start = next((sound[0] for sound in following if sound), " ")
    return next((nasal for nasal, before in _NASALS if start in before), "ɴ")
