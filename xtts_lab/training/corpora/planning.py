"""From a seed to a table of all that is to be said: speakers, languages, texts, circumstances.

The same on every machine: it depends on the recipe, the code's versions, espeak-ng and wordfreq
alone. Speakers and texts of train, validation and test are disjoint.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from xtts_lab import files
from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown
from xtts_lab.training.corpora import folder as layout
from xtts_lab.training.corpora import nuisance
from xtts_lab.training.corpora.texts import draw_text
from xtts_lab.training.corpora.worlds import Track, World, silent

if TYPE_CHECKING:
    import pandas as pd

LANGUAGES_A_SPEAKER = 3
READINGS = 8
ENROLMENT = 3
"""Items of each validation and test speaker that are set aside to compare clones with."""


@dataclass(frozen=True)
class Recipe:
    """How much of a world to plan.

    `hours` of speech in all; `utterances` of each speaker, enrolment apart; `held_out`: speakers of
    validation, and as many of test; `languages`: those that the speakers share out.
    """

    hours: float
    seed: int
    languages: tuple[str, ...]
    utterances: int = 20
    held_out: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.hours <= 100_000:
            raise UsageError(f"--hours must be above 0, up to 100000, not {self.hours}")
        if not 2 <= self.utterances <= 10_000:
            raise UsageError(f"--utterances must be 2 to 10000, not {self.utterances}")
        if self.held_out is not None and self.held_out < 1:
            raise UsageError(f"--held-out must be at least 1, not {self.held_out}")

    def speakers(self, seconds: float) -> dict[layout.Split, int]:
        """Return how many speakers each split has, where an utterance lasts `seconds`."""
        items = self.hours * 3600 / seconds
        held = self.held_out or max(2, min(60, round(items / self.utterances * 0.02)))
        apart = 2 * held * (self.utterances + ENROLMENT)
        train = max(2, round((items - apart) / self.utterances))
        return {"test": held, "validation": held, "train": train}


def check_languages(world: World, languages: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the languages to plan, all of the world's by default; `UsageError` for another."""
    for language in languages or ():
        if language not in world.languages:
            raise UsageError(unknown(f"language of {world.name}", language, world.languages))
    return tuple(x for x in world.languages if languages is None or x in languages)


def plan(
    world: World,
    recipe: Recipe,
    folder: Path,
    *,
    readings: Mapping[str, Sequence[str]] = MappingProxyType({}),
    avoid: frozenset[str] = frozenset(),
    threads: int = 2,
    track: Track = silent,
) -> None:
    """Write plan.parquet, speakers.json and corpus.json.

    `avoid`: folded texts that no drawn text may be. `readings`: sentences of each language, of
    which test speakers read `READINGS` each, so that a recogniser has sense to judge by.
    """
    import pandas as pd

    people = list(_people(recipe, world))
    rows: list[dict[str, Any]] = []
    work = partial(_items, world, recipe, avoid, _prepared(world, readings))
    with ThreadPoolExecutor(threads) as pool:
        for items in track(pool.map(work, people), "planning, speakers", len(people)):
            rows += items
    table = pd.DataFrame(rows)
    table.insert(0, "shard", layout.shards(len(table)))
    speakers = {person.name: person.voice for person in people}
    layout.write_table(layout.plan_path(folder), table)
    files.write_json(layout.speakers_path(folder), speakers)
    files.write_json(layout.card_path(folder), _card(world, recipe, table, speakers))


@dataclass(frozen=True)
class _Person:
    name: str
    split: layout.Split
    voice: dict[str, Any]


def _people(recipe: Recipe, world: World) -> Iterator[_Person]:
    """Yield the speakers, held-out ones first: a corpus half rendered can be judged at once."""
    for split, count in recipe.speakers(world.seconds).items():
        for index in range(count):
            name = f"{world.name}-{recipe.seed}-{split}-{index:05d}"
            yield _Person(name, split, world.speaker(random.Random(f"{name} voice")))


_Texts: TypeAlias = list[dict[str, str]]


def _prepared(world: World, readings: Mapping[str, Sequence[str]]) -> dict[str, _Texts]:
    """Return the columns of each language's sentences that the world can say."""
    said = {language: world.prepare(texts, language) for language, texts in readings.items()}
    return {
        language: [
            {"text": text, **columns}
            for text, columns in zip(readings[language], prepared, strict=True)
            if columns is not None
        ]
        for language, prepared in said.items()
    }


def _items(
    world: World,
    recipe: Recipe,
    avoid: frozenset[str],
    readings: dict[str, _Texts],
    person: _Person,
) -> list[dict[str, Any]]:
    source = random.Random(f"{person.name} languages")
    left = list(recipe.languages)
    count = min(len(left), LANGUAGES_A_SPEAKER)
    spoken = [left.pop(int(source.random() * len(left))) for _ in range(count)]
    enrolment = 0 if person.split == "train" else ENROLMENT
    indices = range(recipe.utterances + enrolment)
    said = _readings(person, readings, spoken, min(READINGS, recipe.utterances))
    for place, language in enumerate(spoken):
        left_over = [index for index in indices[place::count] if index not in said]
        said |= _texts(world, avoid, person, language, left_over)
    return [
        _row(person, spoken[index % count], index, index >= recipe.utterances) | said[index]
        for index in indices
    ]


def _readings(
    person: _Person, readings: dict[str, _Texts], spoken: Sequence[str], most: int
) -> dict[int, dict[str, str]]:
    """Return the sentences that a test speaker reads, none twice: items `index` of the first."""
    if person.split != "test":
        return {}
    start = int(random.Random(f"{person.name} readings").random() * 1000)
    said = {}
    for index in range(most):
        texts = readings.get(spoken[index % len(spoken)], [])
        turn = index // len(spoken)
        if turn < len(texts):
            said[index] = texts[(start + turn) % len(texts)]
    return said


def _texts(
    world: World,
    avoid: frozenset[str],
    person: _Person,
    language: str,
    indices: Sequence[int],
) -> dict[int, dict[str, str]]:
    """Draw the texts of a speaker's items in a language: each from its own source, all at once."""
    sources = {index: random.Random(f"{_name(person, index)} text") for index in indices}
    done: dict[int, dict[str, str]] = {}
    while missing := [index for index in indices if index not in done]:
        texts = [draw_text(sources[i], language, person.split, avoid=avoid) for i in missing]
        prepared = world.prepare(texts, language)
        for index, text, columns in zip(missing, texts, prepared, strict=True):
            if columns is not None:
                done[index] = {"text": text, **columns}
    return done


def _row(person: _Person, language: str, index: int, enrolment: bool) -> dict[str, Any]:
    name = _name(person, index)
    circumstances = nuisance.draw(random.Random(f"{name} nuisance"))
    return {
        "id": name,
        "language": language,
        "speaker": person.name,
        "split": person.split,
        "role": "enrolment" if enrolment else "utterance",
        **nuisance.details(circumstances),
    }


def _name(person: _Person, index: int) -> str:
    return f"{person.name}-{index:03d}"


def _card(
    world: World, recipe: Recipe, table: pd.DataFrame, speakers: dict[str, Any]
) -> dict[str, Any]:
    text = table.to_csv(index=False, lineterminator="\n") + repr(sorted(speakers.items()))
    return {
        "name": world.name,
        "version": layout.VERSION,
        "world_version": world.version,
        "seed": recipe.seed,
        "recipe": asdict(recipe),
        "sample_rate": layout.SAMPLE_RATE,
        "languages": list(recipe.languages),
        "speakers": {
            str(split): int(part["speaker"].nunique()) for split, part in table.groupby("split")
        },
        "items": len(table),
        "plan_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
