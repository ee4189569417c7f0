"""Faults that make other numbers about a trial suspect: silence, clipping, loops, absurd speed.

Rates of trials with the fault:

- `silent`: more than `max_silent` of the 10 ms frames lie below the silence level of the `levels`
  instrument (-50 dBFS);
- `clipped`: more than `max_clipped` of the samples are at full scale (|x| >= 0.999);
- `rate_impossible`: characters to be said per second of speech (first to last frame within 40 dB
  of the loudest) are outside the `rate` of the language: something was left out, or added. Where no
  text is known, the trial does not count here;
- `looped`: the recogniser wrote some phrase `LOOP` times in a row, and at least twice more often
  than the text has it. It says that the recogniser's text loops, whether the speech does or the
  recogniser invents it (Whisper does, on silence and noise): either way the error rate of the trial
  is not to be trusted. Trials that the recogniser failed on do not count here;
- `any`: at least one of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xtts_lab.errors import UsageError
from xtts_lab.languages import ALPHABET_RATE, BY_CODE
from xtts_lab.metrics.base import SHARE, BaseMetric, Bounds
from xtts_lab.metrics.prosody import spoken_characters
from xtts_lab.text.scoring import CHARACTER_LANGUAGES, normalise
from xtts_lab.types import Direction, Evidence, Json, Utterance

LOOP = 4
LONGEST_PHRASE = 20
"""Words, or characters where those are scored, of the longest phrase that is looked for."""


def most_repeats(units: Sequence[str], *, shortest: int = 1) -> int:
    """Return how often in a row the most repeated phrase of `shortest` units or more stands."""
    most = min(1, len(units))
    for size in range(shortest, min(LONGEST_PHRASE, len(units) // 2) + 1):
        run = 0
        for a, b in zip(units, units[size:], strict=False):
            run = run + 1 if a == b else 0
            most = max(most, run // size + 1)
    return most


def is_looped(text: str, heard: str, language: str) -> bool:
    """Say whether a recogniser's text repeats itself as the text that was asked for does not."""
    by_character = language in CHARACTER_LANGUAGES
    said, found = (
        most_repeats(list(t) if by_character else t.split(), shortest=2 if by_character else 1)
        for t in (normalise(text, language), normalise(heard, language))
    )
    return found >= LOOP and found >= said + 2


def rate_is_impossible(utterance: Utterance, speech_s: float) -> bool | None:
    """Say whether nobody speaks so slowly or so fast; None where no text is known."""
    characters = spoken_characters(utterance)
    if not characters:
        return None
    known = BY_CODE.get(utterance.language)
    low, high = ALPHABET_RATE if known is None else known.rate
    return not low * speech_s <= characters <= high * speech_s


class Sanity(BaseMetric):
    """Rates of trials with a fault; see the module. `recognizer: null` leaves `looped` out.

    Components: `<fault>`, how many trials have it, and `<fault>_n`, of how many that could be said.
    """

    def __init__(
        self,
        *,
        recognizer: str | None = "whisper",
        max_silent: float = 0.8,
        max_clipped: float = 0.001,
    ) -> None:
        for name, value in (("max_silent", max_silent), ("max_clipped", max_clipped)):
            if not 0.0 <= value <= 1.0:
                raise UsageError(f"{name} is {value}; it is a share, from 0 to 1")
        self._recognizer = recognizer
        self._max_silent, self._max_clipped = max_silent, max_clipped
        heard = () if recognizer is None else (recognizer,)
        self.needs: tuple[str, ...] = ("levels", *heard)
        self.optional: tuple[str, ...] = heard
        faults = ["silent", "clipped", "rate_impossible", *(["looped"] if heard else []), "any"]
        self.directions: Mapping[str, Direction] = dict.fromkeys(faults, "lower")
        self.units: Mapping[str, str] = dict.fromkeys(faults, "ratio")
        self.bounds: Mapping[str, Bounds] = dict.fromkeys(faults, SHARE)
        self.ratios: Mapping[str, tuple[str, str]] = {f: (f, f"{f}_n") for f in faults}

    def faults(self, trial: Evidence) -> dict[str, bool]:
        """Return whether one trial has each fault, as far as that can be said."""
        levels, utterance = trial.outputs["levels"], trial.utterance
        found: dict[str, bool | None] = {
            "silent": levels["silent"] > self._max_silent,
            "clipped": levels["clipped"] > self._max_clipped,
            "rate_impossible": rate_is_impossible(utterance, levels["speech_s"]),
        }
        heard = trial.outputs.get(self._recognizer) if self._recognizer else None
        if heard is not None and heard.get("alphabet") != "ipa":  # sounds are not of its length
            text = utterance.spoken or utterance.text
            found["looped"] = is_looped(text, str(heard["text"]), utterance.language)
        known = {name: value for name, value in found.items() if value is not None}
        return {**known, "any": any(known.values())}

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return counts of faults, and of trials in which they could be found."""
        sums: dict[str, float] = {}
        for trial in trials:
            for fault, present in self.faults(trial).items():
                sums[fault] = sums.get(fault, 0.0) + float(present)
                sums[f"{fault}_n"] = sums.get(f"{fault}_n", 0.0) + 1.0
        return sums

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the rates that are known."""
        return {fault: sums[a] / sums[b] for fault, (a, b) in self.ratios.items() if sums.get(b)}

    def detail(self, trials: Sequence[Evidence]) -> Mapping[str, Json]:
        """Return the faults of one trial by name."""
        (trial,) = trials
        faults = self.faults(trial)
        return {"faults": [name for name in faults if faults[name] and name != "any"]}
