"""What a written number means: thousands, decimals, or parts such as a date or a version.

The sign between thousands differs between languages, but the digits often tell: "1.234,56",
"1,234.56" and "1.234.567" are clear anywhere. Only a single sign before three digits needs the
language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBER = r"(?<!\d)(?<!\d[.,])\d+(?:[.,]\d+)*"
"""A whole written number: never begins inside one, which also keeps long runs of digits quick."""

DIGIT = re.compile(r"\d")
"""Where it finds none, no number is to be looked for."""

_COMMA_GROUPS = frozenset({"en", "zh", "ja", "ko"})
_EITHER_GROUPS = frozenset({"ar"})
_NO_GROUPS = frozenset({"ru"})  # thousands are apart by spaces; a comma is always decimal
_SPACED_GROUPS = frozenset(
    {"fr", "pl", "cs", "hu", "ru", "de", "es", "it", "pt", "nl", "tr", "en", "ar"}
)
_SPACES = "\u00a0\u2009\u202f"
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_NOT_A_GROUP = re.compile(rf"\b(?:{_MONTHS}|No\.|page|room|chapter)\s$", re.IGNORECASE)


@dataclass(frozen=True)
class Decimal:
    """A number: its whole digits and its fraction's digits, empty where there is none."""

    whole: str
    fraction: str = ""


@dataclass(frozen=True)
class Parts:
    """Digits that are no single number: ("12", "05", "2023") with the signs between."""

    digits: tuple[str, ...]
    signs: tuple[str, ...]


def join_groups(text: str, base: str) -> str:
    """Close the gaps in "12 345" and "1'000": after no-break spaces always, after plain ones where
    the language writes so."""
    spaces = _SPACES + ("  " if base in _SPACED_GROUPS else "")
    text = re.sub(
        rf"(?<![\d.,/:])(?<!\d[{spaces}])[1-9]\d{{0,2}}(?:[{spaces}]\d{{3}})+(?!\d|[{spaces}]\d)",
        lambda match: _joined(match, spaces, base),
        text,
    )
    # Indian groups, "12,34,567", are pairs before the thousands.
    text = re.sub(
        r"(?<![\d.,])\d{1,2}(?:,\d\d)+,\d{3}(?![\d,])",
        lambda match: match[0].replace(",", ""),
        text,
    )
    if base == "ar":
        text = text.replace("٫", ".").replace("٬", "")
    return re.sub(
        r"(?<![\d.,])\d{1,3}(?:['’]\d{3})+(?!\d)", lambda match: re.sub("['’]", "", match[0]), text
    )


def _joined(match: re.Match[str], spaces: str, base: str) -> str:
    if base == "en" and _NOT_A_GROUP.search(match.string[: match.start()][-12:]):
        return match[0]
    return re.sub(f"[{spaces}]", "", match[0])


def parse(written: str, base: str) -> Decimal | Parts:
    """Interpret digits with dots and commas as the language does."""
    digits = tuple(re.split("[.,]", written))
    signs = tuple(re.findall("[.,]", written))
    if not signs:
        return Decimal(written)
    if len(set(signs)) == 2 and signs[-1] not in signs[:-1] and _grouped(digits[:-1]):
        return Decimal("".join(digits[:-1]), digits[-1])
    clear = len(signs) > 1 or _is_group_sign(signs[0], base)
    if len(set(signs)) == 1 and _grouped(digits) and clear:
        return Decimal("".join(digits))
    return Decimal(*digits) if len(signs) == 1 else Parts(digits, signs)


def _grouped(digits: tuple[str, ...]) -> bool:
    first, *rest = digits
    return len(first) <= 3 and all(len(group) == 3 for group in rest) and not first.startswith("0")


def _is_group_sign(sign: str, base: str) -> bool:
    if base in _EITHER_GROUPS:
        return True
    if base in _NO_GROUPS:
        return False
    return sign == ("," if base in _COMMA_GROUPS else ".")
