"""How long the speech is, and how fast: the cheapest look at a system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xtts_lab.metrics.base import POSITIVE, BaseMetric, Bounds
from xtts_lab.types import Direction, Evidence


class Duration(BaseMetric):
    """Seconds of audio per utterance, and characters of text per second of audio (pooled).

    Characters are those of the text without white space; a recording whose text nobody knows has
    no rate. Neither is better high or low.
    """

    directions: Mapping[str, Direction] = {"seconds": "none", "characters_per_s": "none"}
    units: Mapping[str, str] = {"seconds": "s", "characters_per_s": "1/s"}
    bounds: Mapping[str, Bounds] = dict.fromkeys(directions, POSITIVE)
    ratios: Mapping[str, tuple[str, str]] = {
        "seconds": ("seconds", "utterances"),
        "characters_per_s": ("characters", "read_s"),
    }

    def __init__(self) -> None:
        """No settings."""

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return seconds and the count of one trial; where its text is known, also the rate's."""
        (trial,) = trials
        characters = len("".join(trial.utterance.text.split()))
        parts = {"seconds": trial.duration_s, "utterances": 1.0}
        if characters:
            parts |= {"characters": float(characters), "read_s": trial.duration_s}
        return parts

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the pooled quantities."""
        return {
            name: sums[above] / sums[below]
            for name, (above, below) in self.ratios.items()
            if below in sums
        }
