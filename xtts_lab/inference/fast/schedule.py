"""When a stream speaks: sizes of its pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xtts_lab.errors import UsageError


@dataclass(frozen=True)
class Schedule:
    """How many codes a piece waits for: `first`, then `growth` times more, up to `most`."""

    first: int = 6
    growth: float = 2.0
    most: int = 40

    def __post_init__(self) -> None:
        if self.first < 1 or self.most < self.first or not 1.0 <= self.growth <= 100.0:
            raise UsageError(
                f"chunks: first {self.first}, growth {self.growth}, most {self.most} do not work; "
                "first is at least 1, growth at least 1, most at least first"
            )

    def sizes(self) -> Iterator[int]:
        """The sizes of pieces, without end."""
        size = float(self.first)
        while True:
            yield int(size)
            size = min(size * self.growth, float(self.most))
