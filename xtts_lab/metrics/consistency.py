"""How far a system's repeats of one request differ: in speaker, length, pitch and errors.

The unit is all repeats, at least two, of one (speaker, sentence) by one arm. Standard deviations
are those of a sample (n - 1) within a unit; figures average units. A system that always says the
same has nothing to measure here, and is left out.

Consistency is not similarity: a constant wrong voice is perfectly consistent, and repeats of one
text are more alike than the speaker is between texts. Read `speaker` beside SECS, the natural
same-speaker anchor (SECS of recordings), `speaker_cross_text`, and the sampling settings.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from xtts_lab.errors import UsageError
from xtts_lab.metrics.base import COSINE, POSITIVE, SHARE, BaseMetric, Bounds
from xtts_lab.metrics.error_rate import Cer
from xtts_lab.metrics.secs import cosine
from xtts_lab.types import Direction, Evidence, Json

Vector = list[float]

NATURAL_EER_THRESHOLDS: Mapping[str, float] = {"resemblyzer": 0.70}
"""Encoder -> the cosine at which natural speech of one speaker is missed as often as another's is
accepted, clip against clip, for clips as long as a spoken sentence.

Resemblyzer, on 10 LibriSpeech test-other speakers in pieces of 3 s and 4 s: 0.68 and 0.71 (EER
0.3 % at both). It falls with length, to 0.59 at 2 s (EER 4 %): clips that short are lost easily.
"""


class Consistency(BaseMetric):
    """Spread over the repeats of a (speaker, sentence).

    - `speaker`: mean cosine over pairs of repeats, the same text on both sides;
    - `speaker_cross_text`: mean cosine between these repeats and those of the speaker's other
      sentences in the language; absent where there are none;
    - `duration_sd`: standard deviation of the natural logarithm of the duration: .05 is some 5 %;
    - `f0_sd`: of the median F0, in semitones, over the repeats with voiced speech;
    - `cer_sd`: of the character error rate, over the repeats that the recogniser heard;
    - `speaker_lost`: share of repeats whose mean cosine with the enrolment is below `lost_below`.

    `lost_below: natural` takes the encoder's natural EER threshold where one was measured (see
    `NATURAL_EER_THRESHOLDS`); without a threshold, or with None, the quantity is absent. `pitch`
    and `recognizer` name instruments, or None to do without.

    Components: each quantity's value for the unit and `<quantity>_n` = 1; `speaker_lost` counts
    repeats. Repeats without an embedding fail the unit; a repeat that the pitch tracker or the
    recogniser cannot use is left out of that quantity.
    """

    level = "repeats"
    skips_deterministic = True
    compares_texts = True
    directions: Mapping[str, Direction] = {
        "speaker": "higher",
        "speaker_cross_text": "higher",
        "duration_sd": "lower",
        "f0_sd": "lower",
        "cer_sd": "lower",
        "speaker_lost": "lower",
    }
    units: Mapping[str, str] = {
        "speaker": "cosine",
        "speaker_cross_text": "cosine",
        "duration_sd": "log s",
        "f0_sd": "semitones",
        "cer_sd": "ratio",
        "speaker_lost": "ratio",
    }
    bounds: Mapping[str, Bounds] = {
        **dict.fromkeys(["speaker", "speaker_cross_text"], COSINE),
        **dict.fromkeys(["duration_sd", "f0_sd", "cer_sd"], POSITIVE),
        "speaker_lost": SHARE,
    }
    ratios: Mapping[str, tuple[str, str]] = {q: (q, f"{q}_n") for q in directions}

    def __init__(
        self,
        *,
        encoder: str = "resemblyzer",
        pitch: str | None = "pitch",
        recognizer: str | None = "whisper",
        lost_below: float | Literal["natural"] | None = "natural",
    ) -> None:
        if isinstance(lost_below, float) and not -1.0 <= lost_below <= 1.0:
            raise UsageError(f"lost_below: a cosine is within -1 and 1, not {lost_below}")
        self._encoder, self._pitch = encoder, pitch
        self._cer = Cer(recognizer=recognizer) if recognizer is not None else None
        self.optional = tuple(name for name in (pitch, recognizer) if name is not None)
        self.needs = (encoder, f"{encoder}:enrolment", *self.optional)
        natural = NATURAL_EER_THRESHOLDS.get(encoder)
        self._lost_below = natural if lost_below == "natural" else lost_below

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return the sums of one unit; empty with fewer than two repeats."""
        if len(trials) < 2:
            return {}
        directions = [self._direction(trial) for trial in trials]
        sums = {"speaker": mean_pairwise_cosine(directions), "speaker_n": 1.0}
        for quantity, values in (
            ("duration_sd", [math.log(t.duration_s) for t in trials]),
            ("f0_sd", self._known(trials, self._semitones)),
            ("cer_sd", self._known(trials, self._error_rate)),
        ):
            if len(values) >= 2:
                sums[quantity] = statistics.stdev(values)
                sums[f"{quantity}_n"] = 1.0
        return {**sums, **self._lost(trials)}

    def cross_text(self, units: Sequence[Sequence[Evidence]]) -> Sequence[Mapping[str, float]]:
        """Return each unit's sums of `speaker_cross_text`; empty where nothing else was said.

        Time is linear in the trials: what a unit is compared with is everything less its own text.
        """
        own = [total([self._direction(trial) for trial in unit]) for unit in units]
        by_text: dict[str, list[Total]] = {}
        for i, (unit, known) in enumerate(zip(units, own, strict=True)):
            by_text.setdefault(_text_of(unit, i), []).append(known)
        texts = {text: joined(known) for text, known in by_text.items()}
        everything = joined(list(texts.values())) if texts else None
        return [
            self._beside(known, everything, texts[_text_of(unit, i)])
            for i, (unit, known) in enumerate(zip(units, own, strict=True))
        ]

    def _beside(self, own: Total, everything: Total | None, text: Total) -> Mapping[str, float]:
        if everything is None or everything.count == text.count:
            return {}
        return {"speaker_cross_text": own.cosine(everything, text), "speaker_cross_text_n": 1.0}

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the mean of each quantity that some unit has."""
        return {q: sums[above] / sums[n] for q, (above, n) in self.ratios.items() if sums.get(n)}

    def detail(self, trials: Sequence[Evidence]) -> Mapping[str, Json]:
        """Return how many repeats there were, and the threshold of `speaker_lost`."""
        return {"repeats": len(trials), "lost_below": self._lost_below}

    def _direction(self, trial: Evidence) -> Vector:
        """Return the trial's embedding [E] at unit length."""
        return unit(trial.outputs[self._encoder]["embedding"])

    def _lost(self, trials: Sequence[Evidence]) -> dict[str, float]:
        role = f"{self._encoder}:enrolment"
        judged = [trial for trial in trials if trial.outputs[role]]
        if self._lost_below is None or not judged:
            return {}
        lost = 0
        for trial in judged:
            own = trial.outputs[self._encoder]["embedding"]
            cosines = [cosine(own, clip["embedding"]) for clip in trial.outputs[role]]
            lost += statistics.fmean(cosines) < self._lost_below
        return {"speaker_lost": float(lost), "speaker_lost_n": float(len(judged))}

    def _known(
        self, trials: Sequence[Evidence], value: Callable[[Evidence], float | None]
    ) -> list[float]:
        return [found for trial in trials if (found := value(trial)) is not None]

    def _semitones(self, trial: Evidence) -> float | None:
        output = trial.outputs[self._pitch] if self._pitch is not None else None
        hertz = output["f0_median_hz"] if output is not None else None
        return 12.0 * math.log2(hertz) if hertz else None

    def _error_rate(self, trial: Evidence) -> float | None:
        if self._cer is None or trial.outputs[self._cer.needs[0]] is None:
            return None
        return self._cer.components([trial]).get("rate")


def unit(vector: Sequence[float]) -> Vector:
    """Return a vector [E] at length 1; `ValueError` for one of length 0."""
    length = math.hypot(*vector)
    if length == 0.0:
        raise ValueError("an embedding of zeros has no direction")
    return [value / length for value in vector]


def mean_pairwise_cosine(units: Sequence[Vector]) -> float:
    """Return the mean cosine over the pairs of n unit vectors [E].

    The squared length of their sum is n plus twice the sum over pairs, so no pair need be formed.
    """
    n = len(units)
    squared = math.fsum(math.fsum(column) ** 2 for column in zip(*units, strict=True))
    return min(1.0, (squared - n) / (n * (n - 1)))


@dataclass(frozen=True)
class Total:
    """The sum [E] of `count` unit vectors."""

    vector: Vector
    count: int

    def cosine(self, everything: Total, but: Total) -> float:
        """Return the mean cosine over all pairs of a vector of these and one of the rest.

        The rest is `everything` less `but`. A mean of products is the product of the sums.
        """
        columns = zip(self.vector, everything.vector, but.vector, strict=True)
        product = math.fsum(a * (b - c) for a, b, c in columns)
        mean = product / (self.count * (everything.count - but.count))
        return max(-1.0, min(1.0, mean))


def total(units: Sequence[Vector]) -> Total:
    """Return the sum of unit vectors [E], exact whatever their order."""
    return Total([math.fsum(column) for column in zip(*units, strict=True)], len(units))


def joined(totals: Sequence[Total]) -> Total:
    """Return the sum of sums."""
    columns = zip(*(one.vector for one in totals), strict=True)
    return Total([math.fsum(column) for column in columns], sum(one.count for one in totals))


def _text_of(unit: Sequence[Evidence], place: int) -> str:
    """Return what is said: a text of its own (its place) where nobody knows it."""
    return unit[0].utterance.text or f"\0{place}"
