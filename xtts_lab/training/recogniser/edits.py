"""Edits between sequences, for validation during training where jiwer need not be installed."""

from __future__ import annotations

from collections.abc import Sequence


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
