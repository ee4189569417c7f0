"""Speaker similarity: cosines between a speaker encoder's embeddings (SECS).

A trial's similarity to several clips is the mean of its cosines with each of them, not the cosine
with their mean: the latter rises with the number of clips alone, since a mean is freer of noise
than a clip, and utterances with one and with five clips could not stand in one table.

Quantities: `enrolment`, against held-out audio of the speaker, is the primary one; `prompt`,
against the references that the system heard, is flattered by copying the prompt; `impostor`,
against other speakers of the same language, is the anchor that a system with no idea of the
speaker would reach. Similarities of different encoders cannot be compared, so the encoder stands in
the metric's id.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence

from xtts_lab.metrics.base import COSINE, BaseMetric, Bounds
from xtts_lab.metrics.cosines import Cosines
from xtts_lab.types import Direction, Evidence

QUANTITIES: Mapping[str, str] = {
    "enrolment": "enrolment",
    "prompt": "references",
    "impostor": "impostors",
}
"""Quantity -> the role of the clips that it compares with."""


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors [E].

    Raises `ValueError` for vectors of different or of zero length: no encoder may yield those.
    """
    if len(a) != len(b):
        raise ValueError(f"embeddings of {len(a)} and of {len(b)} numbers")
    product = math.fsum(map(operator.mul, a, b))
    lengths = math.hypot(*a) * math.hypot(*b)
    if lengths == 0.0:
        raise ValueError("an embedding of zeros has no direction")
    return product / lengths


class Secs(BaseMetric):
    """Speaker encoder cosine similarity, by any instrument whose output has an `embedding`.

    Components: for each quantity that an utterance has clips for, the trial's mean cosine under
    the quantity's name, and `<quantity>_n` = 1.
    """

    directions: Mapping[str, Direction] = {
        "enrolment": "higher",
        "prompt": "higher",
        "impostor": "none",
    }
    units: Mapping[str, str] = dict.fromkeys(QUANTITIES, "cosine")
    bounds: Mapping[str, Bounds] = dict.fromkeys(QUANTITIES, COSINE)
    ratios: Mapping[str, tuple[str, str]] = {q: (q, f"{q}_n") for q in QUANTITIES}

    def __init__(self, *, encoder: str = "resemblyzer") -> None:
        self.instrument: str = encoder
        self._cosines = Cosines()
        self.needs = (encoder, *(f"{encoder}:{role}" for role in QUANTITIES.values()))

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return sums of mean cosines; empty where no role has a clip."""
        sums: dict[str, float] = {}
        for trial in trials:
            own = trial.outputs[self.instrument]["embedding"]
            clips = {
                q: trial.outputs[f"{self.instrument}:{role}"] for q, role in QUANTITIES.items()
            }
            others = [other["embedding"] for heard in clips.values() for other in heard]
            cosines = iter(self._cosines(own, others))  # of all roles in one go
            for quantity, heard in clips.items():
                if heard:
                    mean = sum(next(cosines) for _ in heard) / len(heard)
                    sums[quantity] = sums.get(quantity, 0.0) + mean
                    sums[f"{quantity}_n"] = sums.get(f"{quantity}_n", 0.0) + 1.0
        return sums

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the mean of each quantity that some trial had clips for."""
        return {q: sums[q] / sums[n] for q, (_, n) in self.ratios.items() if sums.get(n)}
