"""The reference implementation's text front end, its mistakes included.

Behaviour of `VoiceBpeTokenizer.preprocess_text` in coqui-tts 0.28.0. It serves comparisons; speech
should use `normalise.py`. What it gets wrong, with examples, stands in `differences.py`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

from xtts_lab.errors import UsageError
from xtts_lab.text import romanise
from xtts_lab.text.abbreviations import expand_reference
from xtts_lab.text.coqui import chinese
from xtts_lab.text.symbols import speak_reference

_ORDINAL_SUFFIXES = {
    "en": "st nd rd th",
    "es": "º ª er o a os as",
    "fr": "º ª er re e ème",
    "de": r"st nd rd th º ª \.(?=\s|$)",
    "pt": "º ª o a os as",
    "it": "º ° ª o a i e",
    "pl": "º ª st nd rd th",
    "ar": "ون ين ث ر ى",
    "cs": r"\.(?=\s|$)",
    "ru": "-й -я -е -ое -ье -го",
    "nl": "de ste e",
    "tr": r"\. inci nci uncu üncü",
    "hu": r"\. adik edik odik ödik ödike ik",
    "ko": "번째 번 차 째",
}
_CURRENCIES = (("GBP", "£"), ("USD", r"\$"), ("EUR", "€"))  # in the order tried
_BEFORE_CENTS = {"es": " con ", "fr": " et ", "de": " und ", "pt": " e ", "it": " e "}
_DECIMAL = re.compile(r"[0-9]+[.,][0-9]+")
_COMMA_GROUPS = re.compile(r"\b\d{1,3}(?:,\d{3})*(?:\.\d+)?\b")
_DOT_GROUPS = re.compile(r"\b\d{1,3}(?:.\d{3})*(?:,\d+)?\b")  # "." is any character there


def prepare(text: str, base: str) -> str:
    """Normalise and romanise as the reference does, ready for the BPE."""
    if base == "ja":
        return romanise.japanese(text).lower()
    return romanise.romanise(normalise(text, base), base)


def guarded(step: Callable[[str, str], str], text: str, base: str) -> str:
    """Run one of this file's steps; `UsageError` where the reference fails.

    It does on a Czech ordinal, a very large number, a Korean ordinal from a hundred up.
    """
    try:
        return step(text, base)
    except (ArithmeticError, AssertionError, LookupError, NotImplementedError, ValueError) as error:
        raise UsageError(
            f"the reference implementation cannot read this {base} text"
            f" ({type(error).__name__}); leave out coqui_compat"
        ) from error


def normalise(text: str, base: str) -> str:
    """Lower case, numbers, abbreviations, symbols and white space, in this order."""
    text = text.replace('"', "")
    if base == "tr":
        text = text.translate(str.maketrans("İÖÜ", "iöü"))
    text = text.lower()
    text = chinese.normalise_numbers(text) if base == "zh" else _numbers(text, base)
    text = expand_reference(text, base)
    text = speak_reference(text, base)
    return re.sub(r"\s+", " ", text).strip()


def _numbers(text: str, base: str) -> str:
    if base in ("en", "ru"):
        text = _COMMA_GROUPS.sub(lambda match: match[0].replace(",", ""), text)
    else:
        text = _DOT_GROUPS.sub(lambda match: match[0].replace(".", ""), text)
    text = _currencies(text, base)
    if base != "tr":
        text = _DECIMAL.sub(lambda match: _words(float(match[0].replace(",", ".")), base), text)
    suffixes = _ORDINAL_SUFFIXES[base].replace(" ", "|")
    text = re.sub(
        f"([0-9]+)(?:{suffixes})", lambda match: _words(int(match[1]), base, to="ordinal"), text
    )
    return re.sub("[0-9]+", lambda match: _words(int(match[0]), base), text)


def _currencies(text: str, base: str) -> str:
    # The first amount that num2words cannot read ends the whole step, as in the reference.
    with contextlib.suppress(Exception):
        for code, sign in _CURRENCIES:
            text = re.sub(
                rf"{sign}[0-9.,]*[0-9]+|[0-9.,]*[0-9]+{sign}",
                lambda match, code=code: _money(match[0], base, code),  # type: ignore[misc]
                text,
            )
    return text


def _money(text: str, base: str, code: str) -> str:
    amount = float(re.sub(r"[^\d.]", "", text.replace(",", ".")))
    words = _words(amount, base, to="currency", currency=code)
    if amount.is_integer():
        # Cuts "und null Cent"; in Portuguese, which says no zero cents, it cuts into the number.
        cut = words.rfind(_BEFORE_CENTS.get(base, ", "))
        words = words[:cut] if cut != -1 else words
    return words


def _words(number: float, base: str, **options: Any) -> str:
    from num2words import num2words

    return str(num2words(number, lang=base, **options))
