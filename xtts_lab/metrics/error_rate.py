"""Word and character error rate of a recogniser's text against the text that was asked for.

An edit is a substitution, deletion or insertion (Levenshtein, counted by jiwer); a rate is edits
over the reference's length. It is not clipped: it exceeds 1 where the recogniser heard more than
there was to say, and is 1 where it heard nothing. `micro` pools edits and lengths, so long texts
weigh more; `macro` is the mean of the trials' rates, which the XTTS paper prints
(arXiv 2406.04904). Both texts go through `xtts_lab.text.scoring` first; `detail` keeps the results,
so that anyone can count again.

An utterance that is read aloud otherwise than it is written ("3 km" and "three kilometres") has two
references, since recognisers write either. The one with the lower rate counts, the written one
where they tie; a text that mixes both forms still costs edits.

A recogniser that writes sounds (its output says `alphabet: ipa`) is compared with the sounds of the
text as espeak-ng says it; such rates have ids of their own and are never mixed with the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from xtts_lab.errors import UsageError
from xtts_lab.metrics.base import POSITIVE, BaseMetric, Bounds
from xtts_lab.metrics.sounds import VERSION, Speller
from xtts_lab.text.scoring import (
    CHARACTER_LANGUAGES,
    NORMALISER_VERSION,
    normalise,
    normaliser_version,
)
from xtts_lab.text.sounds import sounds
from xtts_lab.types import Direction, Evidence, Json, Utterance

WRITES_SOUNDS = frozenset({"world_ctc"})
"""Recognisers that write sounds: what they say stands in ids of its own."""
_COUNTED = 1024
"""Pairs of texts whose edits are kept: a trial's components and its detail ask for the same."""


@dataclass(frozen=True)
class Edits:
    """Edits between two texts, and the reference's length, in words or in characters."""

    edits: int
    length: int


@lru_cache(_COUNTED)
def word_edits(reference: str, hypothesis: str) -> Edits:
    """Count edits between white-space separated words; the reference must have some."""
    import jiwer

    return _edits(jiwer.process_words(reference, hypothesis))


@lru_cache(_COUNTED)
def character_edits(reference: str, hypothesis: str) -> Edits:
    """Count edits between characters, spaces included; the reference must have some."""
    import jiwer

    return _edits(jiwer.process_characters(reference, hypothesis))


class _ErrorRate(BaseMetric):
    """What the two rates share; they differ in what they count and what they apply to.

    Components: `edits` and `length` in words or characters, `rate` = edits / length, `n` = 1.
    """

    directions: Mapping[str, Direction] = {"micro": "lower", "macro": "lower"}
    units: Mapping[str, str] = {"micro": "ratio", "macro": "ratio"}
    bounds: Mapping[str, Bounds] = dict.fromkeys(directions, POSITIVE)
    ratios: Mapping[str, tuple[str, str]] = {"micro": ("edits", "length"), "macro": ("rate", "n")}

    def __init__(self, *, recognizer: str = "whisper") -> None:
        self.needs = (recognizer,)

    @property
    def identity(self) -> Mapping[str, Json]:
        """What determines a score beside the recogniser's text."""
        return {"normaliser": NORMALISER_VERSION}

    def applies(self, utterance: Utterance) -> bool:
        """Say whether the utterance has a known text with something to compare."""
        return bool(normalise(utterance.text, utterance.language))

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return the sums over the trials that the rate applies to; empty without any."""
        known = [trial for trial in trials if self.applies(trial.utterance)]
        counted = [self._compare(trial)[0] for trial in known]
        if not counted:
            return {}
        return {
            "edits": float(sum(one.edits for one in counted)),
            "length": float(sum(one.length for one in counted)),
            "rate": sum(one.edits / one.length for one in counted),
            "n": float(len(counted)),
        }

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the pooled rate and the mean rate."""
        return {name: sums[above] / sums[below] for name, (above, below) in self.ratios.items()}

    def detail(self, trials: Sequence[Evidence]) -> Mapping[str, Json]:
        """Return both texts of one trial as they were compared, and by which rules."""
        (trial,) = trials
        _, reference, hypothesis = self._compare(trial)
        rules = normaliser_version(trial.utterance.language)
        return {"reference": reference, "hypothesis": hypothesis, "normaliser": rules}

    def _compare(self, trial: Evidence) -> tuple[Edits, str, str]:
        """Return the edits against the nearer reference, that reference, and what was heard."""
        said = trial.utterance
        heard = normalise(str(trial.outputs[self.needs[0]]["text"]), said.language)
        written = normalise(said.text, said.language)
        spoken = normalise(said.spoken or "", said.language)
        references = [written, *([spoken] if spoken and spoken != written else [])]
        counted = [(self._count(reference, heard), reference, heard) for reference in references]
        return min(counted, key=lambda one: one[0].edits / one[0].length)

    def _count(self, reference: str, hypothesis: str) -> Edits:
        raise NotImplementedError


class Wer(_ErrorRate):
    """Word error rate. Does not apply to Chinese, Japanese, Korean, nor where no text is known.

    Raises `UsageError` for a recogniser that writes sounds, which has no words.
    """

    def __init__(self, *, recognizer: str = "whisper") -> None:
        if recognizer in WRITES_SOUNDS:
            raise UsageError(f"recognizer: {recognizer} writes sounds, not words; use `cer`")
        super().__init__(recognizer=recognizer)

    def applies(self, utterance: Utterance) -> bool:
        """Say whether the language writes words apart, and the text is known."""
        return utterance.language not in CHARACTER_LANGUAGES and super().applies(utterance)

    def _count(self, reference: str, hypothesis: str) -> Edits:
        return word_edits(reference, hypothesis)


class Cer(_ErrorRate):
    """Character error rate. Does not apply where no text is known.

    A space between words is a character (as in jiwer and in the XTTS paper's code), so a word run
    into its neighbour is one edit; Chinese, Japanese and Korean are compared without spaces. With
    the recogniser `world_ctc` the characters are those of IPA, without stress and spaces.
    """

    def __init__(self, *, recognizer: str = "whisper") -> None:
        super().__init__(recognizer=recognizer)
        self.instrument = recognizer if recognizer in WRITES_SOUNDS else None
        self._spell = Speller()

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"normaliser": VERSION if self.instrument else NORMALISER_VERSION}

    def detail(self, trials: Sequence[Evidence]) -> Mapping[str, Json]:
        """Return both texts of one trial as they were compared, and by which rules."""
        (trial,) = trials
        rules = {"normaliser": VERSION} if self._by_sounds(trial) else {}
        return {**super().detail(trials), **rules}

    def _by_sounds(self, trial: Evidence) -> bool:
        return bool(trial.outputs[self.needs[0]].get("alphabet") == "ipa")

    def _compare(self, trial: Evidence) -> tuple[Edits, str, str]:
        if not self._by_sounds(trial):
            return super()._compare(trial)
        reference = self._spell(trial.utterance.text, trial.utterance.language)
        heard = sounds(str(trial.outputs[self.needs[0]]["text"]), trial.utterance.language)
        return character_edits(reference, heard), reference, heard

    def _count(self, reference: str, hypothesis: str) -> Edits:
        return character_edits(reference, hypothesis)


def _edits(output: Any) -> Edits:
    edits = output.substitutions + output.deletions + output.insertions
    return Edits(edits, output.hits + output.substitutions + output.deletions)
