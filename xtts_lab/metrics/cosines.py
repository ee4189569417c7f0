"""Cosines of one vector with many: each as `math.fsum` would have it, in a tenth of its time.

n vectors, E embedding.

Scores must not depend on who computes them, so sums of products are rounded once, as if they had
been exact. Sums in a tree keep what each addition rounds off (Knuth's TwoSum); where that leaves
any doubt of the last digit, `math.fsum` decides.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_DOUBT = 2.0**-88
"""Of the sum of magnitudes: over what is lost of the sum of what was rounded off, up to 2^12 terms
(some 2^-106 x terms x levels)."""
MOST_TERMS = 1 << 12
MOST_KEPT = 1024
"""Vectors kept as arrays: clips that many trials are compared with."""


class Cosines:
    """Cosines with clips that come again and again."""

    def __init__(self) -> None:
        # The list is held as well: while it is, its id is no other's.
        self._known: dict[int, tuple[Sequence[float], Floats, float]] = {}

    def __call__(self, own: Sequence[float], others: Sequence[Sequence[float]]) -> list[float]:
        """Return the cosine of `own` [E] with each of `others` [n][E].

        Raises `ValueError` for vectors of different or of zero length.
        """
        import numpy as np

        if not others:
            return []
        ours, length = _array(own), math.hypot(*own)
        found = [self._of(other) for other in others]
        if any(len(vector) != len(ours) for vector, _ in found):
            raise ValueError("embeddings of different sizes have no angle")
        if not all(length * other for _, other in found):
            raise ValueError("an embedding of zeros has no direction")
        sums = exact_sums(np.stack([vector for vector, _ in found]) * ours)
        return [top / (length * other) for top, (_, other) in zip(sums, found, strict=True)]

    def _of(self, vector: Sequence[float]) -> tuple[Floats, float]:
        known = self._known.get(id(vector))
        if known is None:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            known = vector, _array(vector), math.hypot(*vector)
            self._known[id(vector)] = known
        return known[1:]


def exact_sums(terms: Floats) -> list[float]:
    """Return `math.fsum` of each row of [n, E]."""
    import numpy as np

    if terms.shape[1] > MOST_TERMS:
        return [math.fsum(row) for row in terms.tolist()]
    with np.errstate(all="ignore"):  # what is not finite leaves doubt
        total, lost = terms, np.zeros(len(terms))
        while (width := total.shape[1]) > 1:
            half = width // 2
            one, two, odd = total[:, :half], total[:, half : 2 * half], total[:, 2 * half :]
            added = one + two
            back = added - one
            lost += ((one - (added - back)) + (two - back)).sum(axis=1)
            total = added if odd.shape[1] == 0 else np.concatenate([added, odd], axis=1)
        top = total[:, 0] if terms.shape[1] else lost
        doubt = _DOUBT * np.abs(terms).sum(axis=1)
        sure = ((top + (lost - doubt)) == (top + (lost + doubt))) & (top != 0.0)
        sums: list[float] = (top + lost).tolist()
    for row in np.flatnonzero(~sure):
        sums[row] = math.fsum(terms[row].tolist())
    return sums


def _array(vector: Sequence[float]) -> Floats:
    import numpy as np

    return np.frombuffer(array("d", vector))
