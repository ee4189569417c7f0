"""Bring a reference text and a recogniser's text to the same form before edits are counted.

Both sides go through the same function. What it does, and why:

- Unicode NFKC (full-width and half-width forms, ligatures, superscripts), lower case with Turkish
  dotted and dotless i told apart in Turkish; decimal digits of any script become 0-9.
- Apostrophes of every kind, and accents typed for them, are deleted, so "don't" and "dont", "l'eau"
  and "leau" are the same word; every other punctuation mark and symbol becomes a space, so
  "well-known" and "well known" agree. The XTTS paper's companion code
  (Edresson/ZS-TTS-Evaluation, `normalize_text`) deletes punctuation of both kinds and keeps
  symbols; the two differ on hyphenated words and on symbols only. Whisper's
  `BasicTextNormalizer` splits at apostrophes as well and drops bracketed text; we drop nothing that
  might have been said.
- Accents stay: they are letters of their languages. German ß stays. Combining marks without a base
  letter, format characters (zero-width, soft hyphen) and controls go.
- Arabic: short vowels and other tashkeel go, as does tatweel, and alef with hamza, madda or wasla
  becomes a bare alef, since texts write these at will. Teh marbuta and alef maksura stay.
- Thousands are closed up: "1.250", "1,250", "1 250" and "1250" are the same number, as is every
  number whose last groups have three digits, and the Indian "12,34,567". Fractions and exponents
  stand apart from the digits before them, so that "1½" and "1 1/2" agree, and neither
  is eleven halves.
- Russian: ё becomes е, since texts write either; "№5" and "№ 5" are the same number.
- Chinese, Japanese, Korean: all white space goes; they are scored by character.
- Chinese: traditional characters become simplified ones, since recognisers write either.
- Numbers are not spelled out, and spelling variants are not unified.

A change that can alter any score raises the version of the rules that changed: the general ones, or
those of one language. Scores carry `normaliser_version` of their language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from xtts_lab.languages import BY_CODE
from xtts_lab.text.simplified import to_simplified

CHARACTER_LANGUAGES = frozenset(code for code, row in BY_CODE.items() if row.by_character)
"""Languages scored by character alone: WER does not apply, and white space does not count."""

# Apostrophe, the single quotes and accents that are typed for it, the modifier letters used for it.
_APOSTROPHES = dict.fromkeys(
    map(
        ord,
        "'\u2019\u2018\u201b\u02bc\u02bb\u02b9\u02bd\u02be\u02bf\u0060\u00b4\u055a\ua78c\uff07\uff40",
    )
)
_PRIME = re.compile(r"(?<=[^\W\d_])[\u2032\u2035](?=[^\W\d_])")
_RAISED = re.compile(
    r"(?<=\d)(?=[\u00b2\u00b3\u00b9\u2070-\u2089\u00bc-\u00be\u2150-\u215f\u2189])"
)
_THOUSANDS = re.compile(r"(?<!\d)([1-9]\d{0,2})((?: \d{3})+)(?!\d)")
_INDIAN = re.compile(r"(?<![\d,])\d{1,2}(?:,\d\d)+,\d{3}(?![\d,])")
_ARABIC_DROPPED = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
_ARABIC_ALEFS = str.maketrans(dict.fromkeys("\u0622\u0623\u0625\u0671", "\u0627"))
_NUMBER_SIGN = re.compile(r"\bno(?=\d)")  # what NFKC makes of "№"
# A dot above that Unicode lower-casing leaves on "i" (from U+0130): the letter has its dot already.
_SECOND_DOT = re.compile("i\u0307+")


@lru_cache(4096)  # a text is asked for by every metric, arm and repeat
def normalise(text: str, language: str) -> str:
    """Return the form of `text` that error rates compare; empty where nothing can be compared.

    Idempotent; never raises. A language without rules of its own gets the general ones.
    """
    text = _PRIME.sub("", _RAISED.sub(" ", text.translate(_APOSTROPHES)))
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)
    text = _INDIAN.sub(lambda match: match[0].replace(",", ""), text)
    text = unicodedata.normalize("NFKC", _lower(text, language))
    rule = _LANGUAGE_RULES.get(language)
    text = "".join(map(_clean, text))
    text = text if rule is None else rule.apply(text)
    words = filter(None, map(_without_leading_marks, _SECOND_DOT.sub("i", text).split()))
    joined = _THOUSANDS.sub(_closed, " ".join(words))
    joined = joined.replace(" ", "") if language in CHARACTER_LANGUAGES else joined
    # What was apart may compose now: a vowel and its accent, two Hangul jamo.
    return unicodedata.normalize("NFKC", joined)


def _lower(text: str, language: str) -> str:
    if language == "tr":
        text = text.replace("\u0130", "i").replace("I", "\u0131")
    return text.lower()


def _clean(character: str) -> str:
    """Keep letters, marks and numbers; white space for what separates; nothing for the rest."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category[0] in "LMN":
        return character
    return " " if category[0] in "ZPS" or character.isspace() else ""


def _without_leading_marks(word: str) -> str:
    start = next((i for i, c in enumerate(word) if unicodedata.category(c)[0] != "M"), len(word))
    return word[start:]


def _arabic(text: str) -> str:
    return _ARABIC_DROPPED.sub("", text).translate(_ARABIC_ALEFS)


def _closed(match: re.Match[str]) -> str:
    return match[0].replace(" ", "")


def _russian(text: str) -> str:
    return _NUMBER_SIGN.sub("no ", text.replace("\u0451", "\u0435"))


def _unchanged(text: str) -> str:
    return text


@dataclass(frozen=True)
class _Rule:
    """What one language adds to the general rules."""

    version: int
    apply: Callable[[str], str]


_GENERAL_VERSION = 3
_LANGUAGE_RULES: Mapping[str, _Rule] = {
    "ar": _Rule(1, _arabic),
    "ru": _Rule(2, _russian),
    "tr": _Rule(1, _unchanged),  # its lower case
    "zh-cn": _Rule(2, to_simplified),
}

NORMALISER_VERSION = "+".join(
    [f"general.{_GENERAL_VERSION}", *(f"{k}.{rule.version}" for k, rule in _LANGUAGE_RULES.items())]
)
"""The versions of all rules."""


def normaliser_version(language: str) -> str:
    """Return the versions of the rules that a language's texts go through."""
    rule = _LANGUAGE_RULES.get(language)
    general = f"general.{_GENERAL_VERSION}"
    return general if rule is None else f"{general}+{language}.{rule.version}"
