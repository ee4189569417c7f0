"""When a stream speaks: sizes of its pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from xtts_lab.errors import UsageError

_WRITTEN = re.compile(r"(\d+)(?::(\d+(?:\.\d+)?):(\d+))?")


@dataclass(frozen=True)
class Schedule:
    """How many codes a piece waits for: `first`, then `growth` times more, up to `most`.

    A small first piece is heard soon; larger ones after it waste less on what pieces share.
    """

    first: int = 6
    growth: float = 2.0
    most: int = 40

    def __post_init__(self) -> None:
        if self.first < 1 or self.most < self.first or not 1.0 <= self.growth <= 100.0:
            raise UsageError(
                f"chunks: first {self.first}, growth {self.growth}, most {self.most} do not work; "
                "first is at least 1, growth at least 1, most at least first"
            )

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read `20` (all pieces alike) or `6:2:40` (first, growth, most)."""
        found = _WRITTEN.fullmatch(text.strip())
        if found is None:
            raise UsageError(
                f"chunks: '{text}' is neither CODES (20) nor FIRST:GROWTH:MOST (6:2:40)"
            )
        first, growth, most = found.groups()
        return cls(int(first), float(growth or 1.0), int(most or first))

    def __str__(self) -> str:
        if self.most == self.first:
            return str(self.first)
        return f"{self.first}:{self.growth:g}:{self.most}"

    def sizes(self) -> Iterator[int]:
        """The sizes of pieces, without end."""
        size = float(self.first)
        while True:
            yield int(size)
            size = min(size * self.growth, float(self.most))
