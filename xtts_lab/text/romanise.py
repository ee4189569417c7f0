"""Romanisation of Chinese (pinyin), Japanese (Hepburn) and Korean, as XTTS was trained."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_INITIALS = "g kk n d tt l m b pp s ss  j jj ch k t p h".split(" ")  # noqa: SIM905
_VOWELS = "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i".split(" ")  # noqa: SIM905
_FINALS = " g kk gs n nj nh d l lg lm lb ls lt lp lh m b bs s ss ng j ch k t p h".split(" ")  # noqa: SIM905
_FIRST, _LAST = 0xAC00, 0xD7A3


def romanise(text: str, base: str) -> str:
    """Romanise normalised text of a base language; others come back as they are."""
    if base == "zh":
        return chinese(text)
    if base == "ko":
        return korean(text)
    return _without_bars(japanese_or_less(text).lower()) if base == "ja" else text


def chinese(text: str) -> str:
    """Pinyin with tone digits, 5 for the neutral: 好吗 is hao3ma5 (pypinyin's first reading)."""
    from pypinyin import Style, pinyin

    readings = pinyin(text, style=Style.TONE3, heteronym=False, neutral_tone_with_five=True)
    return "".join(reading[0] for reading in readings)


def japanese(text: str) -> str:
    """Hepburn romaji in words, foreign words in their own spelling (cutlet with its defaults)."""
    return str(_cutlet().romaji(text))


def hiragana(parts: list[str]) -> str:
    """Hepburn romaji of words in hiragana, between bars that cutlet keeps apart from other words.

    `romanise` takes the bars away again; no text has any, since `clean` removes them.
    """
    return f"|{' '.join(map(_romaji_of_kana, parts))}|"


@cache
def _romaji_of_kana(kana: str) -> str:
    return str(_cutlet().map_kana(kana))


def _without_bars(text: str) -> str:
    text = re.sub(r"""(?<=["'(])\|\s?|\s?\|(?=["',.!?)…:;])""", "", text)
    return re.sub(r"(?:\s*\|)+\s*", " ", text)


def japanese_or_less(text: str) -> str:
    """Like `japanese`, but where cutlet fails on a kana, without the characters it fails on."""
    try:
        return japanese(text)
    except (AttributeError, LookupError, TypeError):
        return "".join(filter(None, map(_romaji_of_one, text)))


def _romaji_of_one(character: str) -> str:
    try:
        return " " if character.isspace() else japanese(character)
    except (AttributeError, LookupError, TypeError):
        return ""


@cache
def _cutlet() -> Any:
    import cutlet

    return cutlet.Cutlet()


def korean(text: str) -> str:
    """Transliterate Hangul letter by letter (Revised Romanisation, its academic form, article 8).

    A hyphen stands before a syllable that begins with a vowel, and where the letters could be
    divided otherwise. Behaviour of the package hangul-romanize, rule "academic".
    """
    return "".join(
        _syllable(previous, current) for previous, current in zip(" " + text, text, strict=False)
    )


def _syllable(previous: str, current: str) -> str:
    if not _is_syllable(current):
        return current
    initial, rest = divmod(ord(current) - _FIRST, 21 * 28)
    vowel, final = divmod(rest, 28)
    letters = _INITIALS[initial] + _VOWELS[vowel] + _FINALS[final]
    if not _is_syllable(previous):
        return letters
    border = _FINALS[(ord(previous) - _FIRST) % 28] + _INITIALS[initial]
    return "-" + letters if not _INITIALS[initial] or border in _ambiguous() else letters


def _is_syllable(character: str) -> bool:
    return _FIRST <= ord(character) <= _LAST


@cache
def _ambiguous() -> frozenset[str]:
    # The reference also counts the divisions of pairs with an empty final or initial, but never
    # the one that leaves no initial.
    borders = {final + initial for final in _FINALS for initial in _INITIALS}
    return frozenset(border for border in borders if _divisions(border) > 1)


def _divisions(border: str) -> int:
    return sum(border[:at] in _FINALS and border[at:] in _INITIALS for at in range(len(border)))
