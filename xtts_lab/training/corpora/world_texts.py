"""Built-in sentences, each recorded by a speaker of a synthetic world: a test set from a seed.

No corpus has these speakers, so models that were trained on the world clone somebody unseen. Each
sentence has the natural recording of its text (`target`), which gives every judge its floor.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

from xtts_lab.cache import cache_dir
from xtts_lab.data.sentences import Sentence, builtin, prompts
from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown
from xtts_lab.training.corpora.world_clips import Recorder, Spoken, enough
from xtts_lab.training.corpora.worlds import world as world_named
from xtts_lab.types import Reference, SpeakerAudio

PROMPTS_FOR_REFERENCES = 5
"""The first prompts of a language are for references, those after them for enrolment."""


class WorldTexts:
    """The first `per_language` built-in sentences that the world can say, in turn by `speakers`.

    `speakers_each`: each sentence is an item of so many speakers, the next ones in turn.
    Each comes with so many `references` of its speaker in its language (drawn texts follow where
    the built-in prompts end) and `enrolment` clips, and with its recording. `cross_lingual` adds
    each sentence once more, cloned from references in the next of the `languages`.
    `sentences_each` joins so many sentences to a passage, each passage beginning with another
    sentence; nobody has recorded it. With `couples` an item has two speakers: a reference of each,
    and of the enrolment clips the first half is the first speaker's.

    Clips are made when a plan first asks for them, and kept in the cache.
    """

    own_references = True

    def __init__(
        self,
        *,
        world: str = "neural16",
        languages: tuple[str, ...] = ("en",),
        per_language: int = 20,
        speakers: int = 10,
        speakers_each: int = 1,
        references: int = 1,
        enrolment: int = 2,
        cross_lingual: bool = False,
        sentences_each: int = 1,
        couples: bool = False,
        seed: int = 0,
    ) -> None:
        self._world = world_named(world)
        for language in languages:
            if language not in self._world.languages:
                known = self._world.languages
                raise UsageError(unknown(f"language of {world}", language, known))
        _check("per_language", per_language, 1, 100)
        _check("speakers", speakers, 2 if couples else 1, 100_000)
        _check("speakers_each", speakers_each, 1, speakers)
        _check("references", references, 1, 64)
        _check("enrolment", enrolment, 1, 3)
        _check("sentences_each", sentences_each, 1, 200)
        _check("seed", seed, 0, 2**40)
        if cross_lingual and len(languages) < 2:
            raise UsageError("texts.world: cross_lingual takes two languages at least")
        if couples and references != 1:
            raise UsageError("texts.world: couples have one reference of each; leave references 1")
        self._languages, self._per_language = languages, per_language
        self._speakers, self._speakers_each, self._seed = speakers, speakers_each, seed
        self._references, self._enrolment = references, enrolment
        self._cross_lingual, self._each, self._couples = cross_lingual, sentences_each, couples

    def sentences(self) -> tuple[Sentence, ...]:
        """Return the sentences with their clips, recorded where the cache lacks them."""
        made: list[Sentence] = []
        turns = count()
        for place, language in enumerate(self._languages):
            following = self._languages[(place + 1) % len(self._languages)]
            texts = [t for t in self._texts(language) for _ in range(self._speakers_each)]
            for text in texts:
                speaker = next(turns) % self._speakers
                made.append(self._item(text, speaker, language))
                if self._cross_lingual:
                    again = self._item(text, speaker, following)
                    made.append(replace(again, id=f"{again.id}-from-{following}"))
        self._recorder.record()
        return tuple(made)

    def _item(self, text: _Text, speaker: int, reference_language: str) -> Sentence:
        other = (speaker + 1) % self._speakers
        people = [speaker, other] if self._couples else [speaker]
        name = "+".join(self._recorder.name(person) for person in people)
        alone = not self._couples and text.said is not None
        own = text.sentence
        return replace(
            own,
            id=f"{own.id}+{name}",
            speaker=name,
            target=self._recorder.clip(speaker, text.said) if alone and text.said else None,
            voice=SpeakerAudio(
                references=tuple(r for p in people for r in self._prompts(p, reference_language)),
                enrolment=tuple(
                    self._recorder.clip(p, said)
                    for p in people
                    for said in self._held_out(reference_language)
                ),
                reference_language=reference_language,
                # Of couples nobody is the impostor: any other may share one of the two.
                impostor_group=None if self._couples else self._world.name,
            ),
        )

    def _texts(self, language: str) -> list[_Text]:
        known = builtin(language)
        sayable = self._recorder.sayable([s.text for s in known], language)
        both = [_Text(s, said) for s, said in zip(known, sayable, strict=True) if said]
        if self._each > 1:
            return [self._passage([t.sentence for t in both], i) for i in range(self._per_language)]
        enough(sayable, self._per_language, f"sentences of '{language}'")
        return both[: self._per_language]

    def _passage(self, sentences: list[Sentence], start: int) -> _Text:
        chosen = [sentences[(start + i) % len(sentences)] for i in range(self._each)]
        text = " ".join(s.text for s in chosen)
        spoken = " ".join(s.spoken or s.text for s in chosen)
        name = f"{chosen[0].language}-passage-{start:02d}"
        return _Text(Sentence(name, text, chosen[0].language, spoken if spoken != text else None))

    def _prompts(self, speaker: int, language: str) -> list[Reference]:
        fixed = self._recorder.sayable(prompts(language)[:PROMPTS_FOR_REFERENCES], language)
        said = [one for one in fixed if one is not None][: self._references]
        source = random.Random(f"{self._recorder.name(speaker)} {language} references")
        said += [
            self._recorder.drawn(source, language) for _ in range(self._references - len(said))
        ]
        return [Reference(self._recorder.clip(speaker, one), one.text, language) for one in said]

    def _held_out(self, language: str) -> list[Spoken]:
        fixed = self._recorder.sayable(prompts(language)[PROMPTS_FOR_REFERENCES:], language)
        return enough(fixed, self._enrolment, f"enrolment clips in '{language}'")

    @cached_property
    def _recorder(self) -> Recorder:
        return Recorder(self._world, self._seed, cache_dir() / "speakers")


@dataclass(frozen=True)
class _Text:
    """What is to be said, and how the world says it where somebody recorded it."""

    sentence: Sentence
    said: Spoken | None = None


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UsageError(f"texts.world: {name} must be {low} to {high}, not {value}")
