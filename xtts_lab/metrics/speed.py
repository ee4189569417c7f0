"""How long a whole utterance takes, for systems that stream and those that cannot alike.

A system that needs the whole utterance before it can be heard has its first audio when it has its
last. Times are those of the trial's own synthesis, one request after another; a request that was
served in a batch has none, and neither has audio that came from the cache (`--no-cache` makes it
anew). `latency` says how soon a stream is heard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xtts_lab.metrics.base import POSITIVE, BaseMetric, Bounds
from xtts_lab.types import Direction, Evidence


class Speed(BaseMetric):
    """Mean time to speak an utterance.

    `utterance_ms`: until its last sample is there, cloning apart; `rtf`: of all utterances, time by
    duration of the audio. Components: `utterance_ms`, `audio_ms`, `trials`.
    """

    of_speech = False
    directions: Mapping[str, Direction] = {"utterance_ms": "lower", "rtf": "lower"}
    units: Mapping[str, str] = {"utterance_ms": "ms", "rtf": "1"}
    bounds: Mapping[str, Bounds] = dict.fromkeys(["utterance_ms", "rtf"], POSITIVE)
    ratios: Mapping[str, tuple[str, str]] = {
        "utterance_ms": ("utterance_ms", "trials"),
        "rtf": ("utterance_ms", "audio_ms"),
    }

    def __init__(self) -> None:
        """No settings."""

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return sums over the trials whose time is known; empty without any."""
        timed = [
            (trial.timings.total_ms - (trial.timings.condition_ms or 0.0), trial.duration_s)
            for trial in trials
            if trial.timings.total_ms is not None
        ]
        if not timed:
            return {}
        return {
            "utterance_ms": sum(ms for ms, _ in timed),
            "audio_ms": 1e3 * sum(seconds for _, seconds in timed),
            "trials": float(len(timed)),
        }

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the mean time and the real-time factor."""
        return {q: sums[above] / sums[below] for q, (above, below) in self.ratios.items()}
