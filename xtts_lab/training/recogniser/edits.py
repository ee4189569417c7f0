"""Edits between sequences, for validation during training where jiwer need not be installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


def edits(reference: Sequence[object], hypothesis: Sequence[object]) -> int:
    """Return the fewest substitutions, deletions and insertions between two sequences."""
    previous = list(range(len(hypothesis) + 1))
    for row, wanted in enumerate(reference, 1):
        current = [row]
        for column, found in enumerate(hypothesis, 1):
            kept = previous[column - 1] + (wanted != found)
            current.append(min(kept, previous[column] + 1, current[-1] + 1))
        previous = current
    return previous[-1]


@dataclass
class Rates:
    """Edits and lengths by group (a language, say), summed."""

    sums: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, group: str, reference: Sequence[object], hypothesis: Sequence[object]) -> None:
        """Count one pair; a reference of nothing adds its edits alone."""
        wrong, length = self.sums.get(group, (0, 0))
        self.sums[group] = wrong + edits(reference, hypothesis), length + len(reference)

    @property
    def by_group(self) -> dict[str, float]:
        """Edits over length of each group that has a length."""
        return {group: wrong / length for group, (wrong, length) in self.sums.items() if length}

    @property
    def overall(self) -> float:
        """The mean over the groups, as error rates over languages are reported; 0 without any."""
        rates = self.by_group.values()
        return sum(rates) / len(rates) if rates else 0.0
