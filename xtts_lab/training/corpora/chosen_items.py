"""Which utterances of unseen speakers are said again, and what is heard of the speaker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xtts_lab.training.corpora.folder import Split
from xtts_lab.training.corpora.reader import Corpus

LEAST_S = 0.5


@dataclass(frozen=True)
class ChosenItem:
    """Item `number` of a corpus; references as (number, samples of its beginning)."""

    number: int
    references: tuple[tuple[int, int], ...]


def chosen_items(
    corpus: Corpus, split: Split, per_speaker: int, seconds: float
) -> list[ChosenItem]:
    """Return each speaker's first `per_speaker` utterances in each language, with references.

    References are of `seconds` in all, from the speaker's utterances that are no items, those in
    the item's language first; clips one after the other until they suffice, the last one cut.
    A rest of under `LEAST_S` is left out: no encoder finds a voice in it.
    """
    table = corpus.split(split)
    return [
        item
        for _, part in table.groupby("speaker")
        for item in of_speaker(list(part.itertuples()), corpus.sample_rate, per_speaker, seconds)
    ]


def of_speaker(spoken: list[Any], rate: int, count: int, seconds: float) -> list[ChosenItem]:
    """Return the items of one speaker, whose utterances are `spoken`."""
    by_language: dict[str, list[Any]] = {}
    for item in spoken:
        by_language.setdefault(str(item.language), []).append(item)
    chosen = [item for items in by_language.values() for item in items[:count]]
    targets = {item.Index for item in chosen}
    sizes = round(seconds * rate), round(LEAST_S * rate)
    return [ChosenItem(int(i.Index), _references(i, spoken, targets, *sizes)) for i in chosen]


def _references(
    item: Any, spoken: list[Any], targets: set[int], samples: int, least: int
) -> tuple[tuple[int, int], ...]:
    free = [other for other in spoken if other.Index not in targets]
    others = free or [other for other in spoken if other.Index != item.Index]
    others.sort(key=lambda other: other.language != item.language)
    chosen: list[tuple[int, int]] = []
    left = samples
    for other in others:
        if left <= 0 or (chosen and left < least):
            break
        chosen.append((int(other.Index), min(left, int(other.samples))))
        left -= int(other.samples)
    return tuple(chosen)
