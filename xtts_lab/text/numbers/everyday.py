"""What people write in figures and say as a phrase: 24/7, lakhs and crores, feet and inches."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers import currencies
from xtts_lab.text.numbers.nouns import gender
from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.written import DIGIT

ALWAYS: Mapping[str, str] = {
    "en": "24 7", "es": "24 7", "fr": "24 heures sur 24, 7 jours sur 7", "de": "24 7",
    "it": "24 ore su 24, 7 giorni su 7", "pt": "24 horas por dia, 7 dias por semana",
    "pl": "24 na 7", "tr": "7 24", "ru": "24 на 7", "nl": "24 7", "cs": "24 7",
    "ar": "24 ساعة طوال الأسبوع", "hu": "24 7", "ko": "24시간 연중무휴", "zh": "7天24小时",
    "ja": "24時間年中無休",
}  # fmt: skip
"""How "24/7" is said, the figures still as such."""
_ALWAYS = re.compile(r"(?<![A-Za-z\d/.,])(?:24\s?/\s?7(?:/365)?|7\s?/\s?24)(?![A-Za-z\d/]|[.,]\d)")
_ALL_DAY = {
    "fr": (r"(?<!\d)24\s?h(?:eures)?\s?[/sur]+\s?24(?:\s?h\b)?", "24 heures sur 24"),
    "it": (r"(?<!\d)24\s?(?:h|ore)\s?(?:/|su)\s?24(?:\s?h\b)?", "24 ore su 24"),
    "es": (r"(?<!\d)24\s?h\s?/\s?24(?:\s?h\b)?", "24 horas al día"),
}
_ALL_WEEK = {
    "fr": (r"(?<![\d/])7\s?j(?:ours)?\s?/\s?7(?:\s?j\b)?", "7 jours sur 7"),
    "it": (r"(?<![\d/])7\s?g(?:g|iorni)?\s?/\s?7(?:\s?g\b)?", "7 giorni su 7"),
}


def read_always(text: str, base: str) -> str:
    """Replace "24/7", and "7/24" in Turkish, by what is said for it."""
    for table in (_ALL_DAY, _ALL_WEEK):
        if base in table:
            text = re.sub(table[base][0], table[base][1], text)
    return _ALWAYS.sub(
        lambda match: ALWAYS[base] if match[0][0] == "2" or base == "tr" else match[0], text
    )


_ONE_IN = {"es": r"de cada", "pt": r"(?:em|de) cada", "it": r"su", "fr": r"sur"}
_ONE = {"es": "una", "pt": "uma", "it": "una", "fr": "une"}


def read_one_in(text: str, base: str) -> str:
    """Read "1 de cada 3 mujeres", whose one has the gender of what stands behind both."""
    if base not in _ONE_IN:
        return text
    return re.sub(
        rf"(?<![\w.,/-])1(?= {_ONE_IN[base]} \d+ ([^\W\d_]+))",
        lambda match: _ONE[base] if gender(_singular(match[1], base), base) == "f" else "1",
        text,
    )


def _singular(noun: str, base: str) -> str:
    noun = noun.lower()
    return re.sub("e$", "a", noun) if base == "it" else noun


_INDIAN = re.compile(
    rf"(?P<sign>(?:{currencies.pattern('en')})\s?)?(?<![\d.,])"
    r"(?P<number>\d{1,2}(?:,\d\d)+,\d{3})(?!,?\d)(?P<part>\.\d\d?(?!\d))?"
)
_LAKHS = re.compile(
    rf"(?P<sign>{currencies.pattern('en')})\s?(?P<number>\d+(?:[.,]\d+)*)\s?"
    r"(?P<scale>(?i:la(?:kh|c)s?\s(?:crores?|cr)|la(?:kh|c)s?|crores?|cr\b)|L\b)",
)


def read_indian(text: str) -> str:
    """Read English lakhs and crores: "₹5 lakh", and figures in Indian groups (1,00,000)."""
    if not DIGIT.search(text):
        return text
    text = _LAKHS.sub(_lakhs, re.sub(r"(?<=\d)/-(?!\w)", "", text))
    return _INDIAN.sub(_grouped, text) if "," in text else text


def _lakhs(match: re.Match[str]) -> str:
    if match["scale"] == "L" and currencies.signs("en")[match["sign"]] not in ("INR", "PKR"):
        return match[0]
    scale = " ".join(
        "crore" if word.lower().startswith("cr") else "lakh" for word in match["scale"].split()
    )
    return f"{match['number']} {scale} {_currency(match['sign'], 5)}"


def _grouped(match: re.Match[str]) -> str:
    digits = match["number"].replace(",", "")
    crore, lakh, rest = int(digits[:-7] or 0), int(digits[-7:-5] or 0), int(digits[-5:])
    words = [
        f"{cardinal(str(n), 'en')} {name}" for n, name in ((crore, "crore"), (lakh, "lakh")) if n
    ]
    joined = ", ".join(words)
    if rest:
        joined += (" and " if rest < 100 else ", ") + cardinal(str(rest), "en")
    part = match["part"] or ""
    if not match["sign"]:
        return joined + (f" point {' '.join(cardinal(d, 'en') for d in part[1:])}" if part else "")
    code = currencies.signs("en")[match["sign"].strip()]
    cents = int(part[1:].ljust(2, "0")) if part else 0
    hundredths = currencies.hundredth(code, cents, "en") if cents else ""
    more = f", {cardinal(str(cents), 'en')} {hundredths}" if hundredths else ""
    return f"{joined} {_currency(match['sign'], 5)}{more}"


def _currency(sign: str, number: int) -> str:
    return currencies.name(currencies.signs("en")[sign.strip()], number, "en")
