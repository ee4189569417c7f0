"""How an item's language relates to that of its references: never mixed in one row of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ALL = "all"
"""In a table of languages: the unweighted mean over them."""

MONOLINGUAL, CROSS_LINGUAL, NO_REFERENCE = "monolingual", "cross-lingual", "no reference"

IN_CLAIMS: Mapping[str, str] = {
    "same-language": MONOLINGUAL,
    "cross-lingual": CROSS_LINGUAL,
    "no-reference": NO_REFERENCE,
}
"""The word that a claim uses -> the condition."""


def condition_of(language: str, reference_language: str | None) -> str:
    """Return the condition of an item; without a reference's language there is no reference."""
    if not reference_language:
        return NO_REFERENCE
    return MONOLINGUAL if reference_language == language else CROSS_LINGUAL


def conditions_of(languages: Iterable[object], references: Iterable[object]) -> list[str]:
    """Return the conditions of columns of languages; what is no text is no reference."""
    return [
        condition_of(str(language), reference if isinstance(reference, str) else None)
        for language, reference in zip(languages, references, strict=True)
    ]
