"""One form for each character: composed, visible, with decimal digits 0 to 9.

What the reference leaves here is silent or unknown to the vocabulary.
"""

from __future__ import annotations

import re
import unicodedata

_KEPT_SYMBOLS = frozenset("°№℃℉〒")
_INVISIBLE = frozenset(("Cc", "Cf", "Cn", "Cs", "Me", "Sk"))
_DROPPED = frozenset(("Co", "So"))
_TO_SPACE = dict.fromkeys(map(ord, "[]{}|\\"), " ")
"""Not in the vocabulary, and square brackets would let a text spell the vocabulary's own tags."""

_QUOTES = str.maketrans({
    "‟": "", "❝": "", "❞": "", "‹": "", "›": "", "‚": "", "〝": "", "〞": "", "＂": "",
    "‛": "'", "`": "'", "ʼ": "'", "＇": "'", "\u2011": "-", "\u2010": "-", "⁄": "/", "∕": "/",
    "⩽": "≤", "⩾": "≥", "≦": "≤", "≧": "≥", "≅": "≈", "≃": "≈", "∶": ":", "∼": "~", "µ": "μ",
    "﹣": "-", "﹩": "$", "﹪": "%", "﹟": "#", "﹫": "@", "﹢": "+", "﹦": "=", "∗": "*", "⋅": "·",
    "∙": "·", "﹤": "<", "﹥": ">", "➖": "−", "➕": "+", "➗": "÷", "✖": "×",
    "✕": "×", "٪": "%",
})  # fmt: skip
_FULL_WIDTH_SIGNS = str.maketrans(
    {sign: unicodedata.normalize("NFKC", sign) for sign in "％＋＝＠＃＄￡￥￦￠＆＊＜＞～＿＾｜"}
)
_BETWEEN_DIGITS = re.compile(r"(?<=\d)([．：／－＼])(?=\d)")
_BEFORE_DIGIT = re.compile(r"－(?=\d)")
_GROUPED = re.compile("(?<![０-９.,，])[０-９]{1,3}(?:，[０-９]{3})+(?![０-９，])")
_RAISED = re.compile("(?<=[^\\W_])(?:[⁰¹²³⁴-⁹]{2,}|[⁰⁴-⁹]|⁻[⁰¹²³⁴-⁹]+)")
_LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_HELD_MARKS = frozenset("¡«·»¿،؛؟‑–—‘’“”„‧…、。〈〉《》「」『』・！（），－／：；？।॥॰•")
"""Marks of punctuation beyond ASCII that the vocabulary of XTTS-v2 has."""
_LETTER_ACUTE = re.compile(r"(?<=\w)´(?=\w)")
_STRAY = (
    (re.compile(r"([#=+@&%_$£°])\1{2,}"), " "),  # a line, not words
    (re.compile(r"(?<=\d)\s?\*\s?(?=\d)"), " × "),
    (
        re.compile(
            r"(?<!\w)\^|\^(?![-−\d])|[<>](?!\s?[-−$£€¥₽]?[-−.]?\d)|[~](?!\s?[-−–]?[$£€¥]?\d)|\*"
        ),
        " ",
    ),
)


def clean(text: str) -> str:
    """Compose letters, drop what is invisible, and write every digit as 0 to 9."""
    text = unicodedata.normalize("NFC", text).translate(_QUOTES).translate(_FULL_WIDTH_SIGNS)
    text = _GROUPED.sub(lambda match: match[0].replace("，", ","), text)
    text = _RAISED.sub(lambda match: "^" + match[0].translate(_LOWERED), text)
    text = re.sub(r"\^([23])(?!\d)", lambda match: "²³"[int(match[1]) - 2], text)
    text = "".join(map(_one, text, " " + text)).translate(_TO_SPACE)
    text = _BETWEEN_DIGITS.sub(lambda match: unicodedata.normalize("NFKC", match[1]), text)
    text = _BEFORE_DIGIT.sub("-", text)
    for pattern, kept in _STRAY:
        text = pattern.sub(kept, text)
    # The lower case of "İ" is two characters but in Turkish, and one letter everywhere.
    return _LETTER_ACUTE.sub("'", text).replace("İ", "i")


def without_strange_marks(text: str, base: str) -> str:
    """Put a space for every mark that no published vocabulary holds: <, ~, †, ¶ and the like.

    Japanese brackets and marks stay, since romanisation has others for them.
    """
    return "".join(" " if _is_strange(c, base) else c for c in text)


def _is_strange(character: str, base: str) -> bool:
    if character.isascii():
        return character in "<>~"
    if base == "ja" and ("\u3000" <= character <= "\u303f" or character >= "\ufe30"):
        return False
    return unicodedata.category(character)[0] == "P" and character not in _HELD_MARKS


def dropped(text: str) -> str:
    """Return the symbols, such as emoji, that `clean` leaves out; each once, in order."""
    found = (c for c in text if unicodedata.category(c) in _DROPPED and not _one(c))
    return "".join(dict.fromkeys(found))


def brackets_to_spaces(text: str) -> str:
    """Remove square brackets, so that no tag of the vocabulary can stand in a text."""
    return text.replace("[", " ").replace("]", " ")


def _one(character: str, previous: str = " ") -> str:
    """Return what stands for a character; a fraction or exponent is apart from what is before."""
    if character.isascii():
        return character if character.isprintable() or character.isspace() else ""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Nl" and "\u2160" <= character <= "\u217f":  # Roman numerals
        return f"{unicodedata.numeric(character):.0f}"
    if category == "No":  # superscripts, fractions, circled numbers
        if character in "²³":
            return character
        gap = " " if previous.isalnum() else ""
        return gap + unicodedata.normalize("NFKC", character).replace("\u2044", "/")
    if "\uff21" <= character <= "\uff5a" and character.isalpha():  # full-width Latin
        return unicodedata.normalize("NFKC", character)
    if "\ufb00" <= character <= "\ufb06" or "\U0001d400" <= character <= "\U0001d7ff":
        return unicodedata.normalize("NFKC", character)  # ligatures, mathematical letters
    if "\u3300" <= character <= "\u33ff":  # units in a square: ㎏, ㎡, ㌔
        written = unicodedata.normalize("NFKC", character)
        return re.sub("(?<=m)[23]$", lambda match: "²³"[int(match[0]) - 2], written)
    if "\ufe00" <= character <= "\ufe0f":  # variation selectors
        return ""
    hidden = category in _INVISIBLE or category in _DROPPED
    return "" if hidden and character not in _KEPT_SYMBOLS else character
