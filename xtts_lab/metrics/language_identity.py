"""Whether speech is heard as the language that was asked for: no accent of another one, no drift.

Of the recogniser that transcribes anyway: it is told the language for the text, and says here, from
the same encoding of the sound, which one it would have guessed. A recogniser is surer of a language
that it heard much of; compare systems within a language, not languages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xtts_lab.metrics.base import SHARE, BaseMetric, Bounds
from xtts_lab.types import Direction, Evidence, Json


class LanguageIdentity(BaseMetric):
    """What a recogniser with `detect_language: true` makes of the language of a clip.

    `probability`: mean probability of the language that was asked for; `likeliest`: share of clips
    of which that language is the first guess. Components: `probability`, `likeliest`, `n`. Fails
    for a recogniser that was not asked to say.
    """

    directions: Mapping[str, Direction] = {"probability": "higher", "likeliest": "higher"}
    units: Mapping[str, str] = {"probability": "ratio", "likeliest": "ratio"}
    bounds: Mapping[str, Bounds] = dict.fromkeys(directions, SHARE)
    ratios: Mapping[str, tuple[str, str]] = {
        "probability": ("probability", "n"),
        "likeliest": ("likeliest", "n"),
    }

    def __init__(self, *, recognizer: str = "whisper") -> None:
        self.needs = (recognizer,)

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return the sums over trials; empty without any."""
        heard = [(self._heard(trial), _base(trial.utterance.language)) for trial in trials]
        if not heard:
            return {}
        first = [max(known, key=known.__getitem__) == asked for known, asked in heard]
        return {
            "probability": float(sum(known.get(asked, 0.0) for known, asked in heard)),
            "likeliest": float(sum(first)),
            "n": float(len(heard)),
        }

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the mean probability and the share."""
        return {name: sums[above] / sums[below] for name, (above, below) in self.ratios.items()}

    def detail(self, trials: Sequence[Evidence]) -> Mapping[str, Json]:
        """Return the languages that one trial was heard as."""
        (trial,) = trials
        return {"languages": dict(self._heard(trial))}

    def _heard(self, trial: Evidence) -> Mapping[str, float]:
        known = trial.outputs[self.needs[0]].get("languages")
        if not known:
            raise ValueError(
                f"{self.needs[0]} says nothing of languages: set detect_language: true under "
                f"instruments.{self.needs[0]} (a Whisper that knows several)"
            )
        return {str(code): float(p) for code, p in known.items()}


def _base(language: str) -> str:
    return language.partition("-")[0]
