"""Whether a voice blended of two speakers lies between them, and is neither.

The enrolment of such an item is held-out audio of both parents: the first half of the clips is the
first one's, the second half the second one's (`texts: {name: world, couples: true}`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from xtts_lab.errors import UsageError
from xtts_lab.metrics.base import COSINE, SHARE, BaseMetric, Bounds
from xtts_lab.metrics.consistency import NATURAL_EER_THRESHOLDS
from xtts_lab.metrics.secs import cosine
from xtts_lab.types import Direction, Evidence, Utterance


class Blend(BaseMetric):
    """How a blended voice stands to its parents, by the speaker encoder `encoder`.

    - `nearer`, `farther`: mean cosine with the parent it is more, and less, similar to; `first`:
      with the first parent;
    - `parents`: of the parents with each other;
    - `between`: share of trials that are more similar to each parent than the parents are to each
      other;
    - `apart`: share of trials below `same_from` to both parents: a listener such as the encoder
      would take the voice for neither. `same_from: natural` is the cosine at which natural speech
      of one speaker is missed as often as another's is accepted, where it was measured
      (`metrics.consistency`); without it the quantity is absent.

    Applies to utterances with an even number of enrolment clips, and two speakers in their name
    (`a+b`). Components: each quantity's sum, and `trials`.
    """

    directions: Mapping[str, Direction] = {
        **dict.fromkeys(["nearer", "farther", "first", "parents"], "none"),
        "between": "higher",
        "apart": "higher",
    }
    units: Mapping[str, str] = {
        **dict.fromkeys(["nearer", "farther", "first", "parents"], "cosine"),
        **dict.fromkeys(["between", "apart"], "ratio"),
    }
    bounds: Mapping[str, Bounds] = {
        **dict.fromkeys(["nearer", "farther", "first", "parents"], COSINE),
        **dict.fromkeys(["between", "apart"], SHARE),
    }
    ratios: Mapping[str, tuple[str, str]] = {q: (q, "trials") for q in directions}

    def __init__(
        self,
        *,
        encoder: str = "resemblyzer",
        same_from: float | Literal["natural"] = "natural",
    ) -> None:
        if isinstance(same_from, float) and not -1.0 <= same_from <= 1.0:
            raise UsageError(f"same_from: a cosine is within -1 and 1, not {same_from}")
        self.instrument: str = encoder
        self.needs = (encoder, f"{encoder}:enrolment")
        natural = NATURAL_EER_THRESHOLDS.get(encoder)
        self._same_from = natural if same_from == "natural" else same_from

    def applies(self, utterance: Utterance) -> bool:
        """Say whether it has two parents."""
        clips = len(utterance.enrolment)
        return "+" in utterance.speaker and clips > 0 and clips % 2 == 0

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return sums over the trials."""
        sums: dict[str, float] = {}
        for trial in trials:
            held_out = [one["embedding"] for one in trial.outputs[f"{self.instrument}:enrolment"]]
            half = len(held_out) // 2
            found = self._stands(
                trial.outputs[self.instrument]["embedding"], held_out[:half], held_out[half:]
            )
            sums = {name: sums.get(name, 0.0) + value for name, value in found.items()}
        return sums

    def _stands(self, own: Any, first: Sequence[Any], second: Sequence[Any]) -> dict[str, float]:
        a, b = _mean_cosine([own], first), _mean_cosine([own], second)
        parents = _mean_cosine(first, second)
        found = {
            "nearer": max(a, b),
            "farther": min(a, b),
            "first": a,
            "parents": parents,
            "between": float(min(a, b) > parents),
            "trials": 1.0,
        }
        if self._same_from is not None:
            found["apart"] = float(max(a, b) < self._same_from)
        return found

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return means and shares over trials."""
        return {q: sums[q] / sums["trials"] for q in self.directions if q in sums}


def _mean_cosine(some: Sequence[Any], others: Sequence[Any]) -> float:
    return sum(cosine(a, b) for a in some for b in others) / (len(some) * len(others))
