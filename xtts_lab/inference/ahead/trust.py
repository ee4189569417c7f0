"""How many codes to guess ahead: as many as the share of right guesses makes worth their time."""

from __future__ import annotations

from dataclasses import dataclass

BEGUN = 0.85
"""The share of right guesses that a prompt begins with, as if measured."""

WEIGHT, FORGOTTEN = 1 / 6, 1 / 100
"""What one guess weighs in the share, and how fast the share, unused, returns to `BEGUN`."""


@dataclass(frozen=True)
class Costs:
    """What a guess, and each further code of a reading, cost, in readings of one code."""

    guess: float
    further: float
    most: int

    def gain(self, together: int, share: float) -> float:
        """Codes that a reading of so many gives for its time, where a guess is right so often."""
        codes = sum(share**number for number in range(together))
        return codes / (1 + (together - 1) * (self.guess + self.further))


class Trust:
    """The running share of right guesses of one prompt; nothing else but its own codes enters."""

    def __init__(self, costs: Costs) -> None:
        self._costs, self.share = costs, BEGUN

    def judge(self, right: bool) -> None:
        """A guess has met its code."""
        self.share += WEIGHT * (right - self.share)

    def together(self) -> int:
        """How many codes to read next: the known one, and guesses."""
        choices = range(1, self._costs.most + 1)
        best = max(choices, key=lambda count: self._costs.gain(count, self.share))
        if best == 1:  # or nothing would ever be judged again
            self.share += FORGOTTEN * (BEGUN - self.share)
        return best
