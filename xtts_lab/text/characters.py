"""One form for each character: composed, visible, with decimal digits 0 to 9.

What the reference leaves here is silent or unknown to the vocabulary.
"""

from __future__ import annotations

import re
import unicodedata

_KEPT_SYMBOLS = frozenset("°№℃℉")
_SILENT = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Me", "So", "Sk"))
_TO_SPACE = dict.fromkeys(map(ord, "[]{}<>|\\^~*"), " ")
"""Not in the vocabulary, and square brackets would let a text spell the vocabulary's own tags."""

_QUOTES = str.maketrans({
    "‟": "", "❝": "", "❞": "", "‹": "", "›": "", "‚": "", "〝": "", "〞": "", "＂": "",
    "‛": "'", "`": "'", "ʼ": "'", "＇": "'", "\u2011": "-", "\u2010": "-",
})  # fmt: skip
_QUARTERS = {"¼": "25", "½": "5", "¾": "75"}
_MIXED = re.compile(rf"(?<!\d)(\d*)([{''.join(_QUARTERS)}])")
_LETTER_ACUTE = re.compile(r"(?<=\w)´(?=\w)")


def clean(text: str) -> str:
    """Compose letters, drop what is invisible, and write every digit as 0 to 9."""
    text = unicodedata.normalize("NFC", text).translate(_QUOTES)
    text = _MIXED.sub(lambda match: f"{match[1] or 0}.{_QUARTERS[match[2]]}", text)
    text = "".join(map(_one, text)).translate(_TO_SPACE)
    # The lower case of "İ" is two characters but in Turkish, and one letter everywhere.
    return _LETTER_ACUTE.sub("'", text).replace("İ", "i")


def brackets_to_spaces(text: str) -> str:
    """Remove square brackets, so that no tag of the vocabulary can stand in a text."""
    return text.replace("[", " ").replace("]", " ")


def _one(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() or character.isspace() else ""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "No":  # superscripts, fractions, circled numbers
        return " " + unicodedata.normalize("NFKC", character).replace("\u2044", "/")
    if "\uff21" <= character <= "\uff5a" and character.isalpha():  # full-width Latin
        return unicodedata.normalize("NFKC", character)
    if "\ufe00" <= character <= "\ufe0f":  # variation selectors
        return ""
    return "" if category in _SILENT and character not in _KEPT_SYMBOLS else character
