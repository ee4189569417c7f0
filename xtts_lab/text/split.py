"""Splitting of long text at sentence and clause borders, with no lost character.

Borders are found by punctuation of all scripts. A wrongly placed border costs a pause, a lost
character costs a word: joined and without white space, the pieces always equal the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

from xtts_lab.text.abbreviations import OURS, REFERENCE
from xtts_lab.text.languages import base_language, char_limit

_CLOSERS = "\"'”’»›)\\]」』）】》"
# Full-width marks end a sentence at once; "." and its like need white space after them.
_SENTENCE = re.compile(rf"(?:[。！？｡]+[{_CLOSERS}]*|[.!?…؟۔।॥]+[{_CLOSERS}]*(?=\s)|\n+)")
_CLAUSE = re.compile(
    rf"(?:(?:(?<!\d)[、，；：]+|[、，；：]+(?!\d))[{_CLOSERS}]*|[,;:،؛)»”]+(?=\s)|\s[-–—]+(?=\s)|[—–]+)"
)
_WORD = re.compile(r"(?<!\d)\s+|\s+(?!\d)")
_NUMBER = re.compile(
    r"\d+(?:(?:[.．:：/／~〜～'’‑–-]|[,，](?=\d{3}(?!\d))|[ \u00a0\u202f](?=\d{2,4}(?!\d)))\d+)*"
    "[%％‰]?"
)
"""A number with its thousands, a time, a date, a range, a telephone number."""
_INSIDE = re.compile(r"\D+")
_ADDRESSES = {
    "de": ("hr",), "fr": ("av",), "pl": ("ul", "al"), "ru": ("ул", "им", "стр"), "cs": ("ul",),
    "it": ("sig",), "nl": ("str",), "hu": ("u",),
}  # fmt: skip
"""Abbreviations that are read as they are, and have a name after them."""


def split_text(text: str, language: str, limit: int | None = None) -> list[str]:
    """Return pieces of at most `limit` characters (default: the language's), none of them empty.

    Whole sentences are packed together while they fit. A sentence over the limit is cut at clause
    borders, a clause over it between words, and a word over it where the limit falls, but not
    within a number or before a combining mark if that can be helped. The pieces are stripped of
    outer white space.
    """
    limit = char_limit(language) if limit is None else limit
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    pieces = _pack(_sentences(text, base_language(language)), limit, (_CLAUSE, _WORD))
    return [piece for piece in map(str.strip, pieces) if piece]


def _sentences(text: str, base: str) -> list[str]:
    sentences = [""]
    for part in _cut(text, _SENTENCE):
        goes_on = _no_end(base).search(sentences[-1]) or part.lstrip()[:1].islower()
        if sentences[-1] and not goes_on:
            sentences.append("")
        sentences[-1] += part
    return sentences


@cache
def _no_end(base: str) -> re.Pattern[str]:
    """After "Dr.", "J." and "3." a sentence goes on."""
    known = (*REFERENCE.get(base, {}), *OURS.get(base, {}), *_ADDRESSES.get(base, ()))
    words = "|".join(re.escape(word).replace(r"\ ", r"\s?") for word in known)
    return re.compile(rf"(?:^|[\s(])(?:[^\W\d_]|\d{{1,3}}|{words or '-'})\.$", re.IGNORECASE)


def _cut(text: str, border: re.Pattern[str]) -> Iterator[str]:
    """Yield the parts of `text`, each with its border at the end; joined they are `text`."""
    start = 0
    for match in border.finditer(text):
        yield text[start : match.end()]
        start = match.end()
    yield text[start:]


def _pack(parts: Sequence[str], limit: int, finer: Sequence[re.Pattern[str]]) -> list[str]:
    """Join neighbouring parts up to the limit; cut a part over it at the next finer borders."""
    pieces = [""]
    for part in parts:
        if len((pieces[-1] + part).strip()) <= limit:
            pieces[-1] += part
        elif len(part.strip()) <= limit:
            pieces.append(part)
        elif finer:
            pieces.extend(_pack(list(_cut(part, finer[0])), limit, finer[1:]))
        else:
            pieces.extend(_hard(part.strip(), limit))
    return pieces


def _hard(word: str, limit: int) -> Iterator[str]:
    numbers = [match.span() for match in _NUMBER.finditer(word)]
    start = 0
    while len(word) - start > limit:
        at = _before_number(word, start, start + limit, numbers)
        while at > start + 1 and unicodedata.combining(word[at]):
            at -= 1
        at = at if not unicodedata.combining(word[at]) else start + limit
        yield word[start:at].strip()
        start = at
    yield word[start:].strip()


def _before_number(word: str, start: int, at: int, numbers: Sequence[tuple[int, int]]) -> int:
    """Return a place at or before `at` that is not within a number.

    Where one fills the piece, it is cut between its groups, and else where the limit falls.
    """
    first = next((first for first, last in numbers if first < at < last), at)
    if first > start:
        return first
    inside = [match.end() for match in _INSIDE.finditer(word, start, at)]
    return inside[-1] if inside and inside[-1] > start else at
