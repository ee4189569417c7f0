"""Every deliberate difference from the reference implementation's text front end.

A rule says why, and which texts it may touch; its rows are examples that tests hold on both sides.
docs/text.md shows the same table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from xtts_lab.text.characters import clean, without_strange_marks
from xtts_lab.text.greek import read_greek
from xtts_lab.text.markup import plain
from xtts_lab.text.numbers.lengths import read_lengths


@dataclass(frozen=True)
class Rule:
    """A kind of difference; `patterns` finds the texts that it may touch, by base language.

    The entry "*" serves the languages that have none of their own, but for Chinese and Japanese,
    whose front ends are theirs throughout.
    """

    name: str
    reason: str
    patterns: Mapping[str, str] = field(default_factory=dict)

    def touches(self, text: str, base: str) -> bool:
        """Return whether this rule may make `text` differ from the reference's reading."""
        others = None if base in ("zh", "ja") else self.patterns.get("*")
        pattern = self.patterns.get(base) or others
        return pattern is not None and _compiled(pattern).search(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile once: `re` keeps 512 patterns, and the front end has more."""
    return re.compile(pattern, re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """An example: what the BPE sees after the tag, the reference's way and ours."""

    rule: str
    language: str
    text: str
    reference: str
    ours: str


FAILS = "(fails)"
"""The reference's side of a row on which it raises an exception."""


def touching(text: str, base: str) -> Iterator[Rule]:
    """Yield the rules that may make `text` differ from the reference's reading."""
    from xtts_lab.text.coqui.rules import RULES

    changed = {
        "primes": read_lengths(text, base) != text,
        "greek": read_greek(clean(text), base) != clean(text),
    }
    text = text.replace('"', "")  # dropped on both sides before anything is read
    changed["characters"] = without_strange_marks(clean(text), base) != text
    changed["markup"] = plain(text) != text
    for rule in RULES:
        if rule.touches(text, base) or changed.get(rule.name):
            yield rule


def markdown_table() -> str:
    """Return the two tables of docs/text.md: the rules with their reasons, and the rows."""
    from xtts_lab.text.coqui.rules import RULES
    from xtts_lab.text.coqui.table import ROWS

    lines = ["| rule | languages | reason |", "| --- " * 3 + "|"]
    lines += [f"| {rule.name} | {_languages(rule)} | {_cell(rule.reason)} |" for rule in RULES]
    lines += ["", "| rule | language | text | reference | ours |", "| --- " * 5 + "|"]
    order = {rule.name: place for place, rule in enumerate(RULES)}
    for row in sorted(ROWS, key=lambda row: order[row.rule]):
        cells = (row.rule, row.language, row.text, row.reference, row.ours)
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines) + "\n"


def _languages(rule: Rule) -> str:
    named = sorted(base for base in rule.patterns if base != "*")
    return (
        ", ".join(named)
        if named and "*" not in rule.patterns
        else "all" + ("" if "zh" in rule.patterns or not rule.patterns else " but zh, ja")
    )


def _cell(text: str) -> str:
    visible = (
        text.encode("unicode_escape").decode() if "\u0301" in text or "\u200b" in text else text
    )
    return visible.replace("|", "\\|")
