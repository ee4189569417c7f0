"""Which speaker says which sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtts_lab.errors import UsageError
from xtts_lab.types import SpeakerAudio, Speakers, Utterance

MAX_IMPOSTORS = 50  # clips: enough for a stable mean, and no growth with the square of speakers


@dataclass(frozen=True)
class Item:
    """An utterance with what the bench knows beside it."""

    utterance: Utterance
    reference_language: str | None
    impostor_group: str | None
    impostors: tuple[Path, ...] = ()


def pair(
    sentences: Sequence[Any],
    speakers: Speakers,
    *,
    pairing: str,
    prompts: Callable[[str], Sequence[str]],
    folder: Path,
) -> tuple[Item, ...]:
    """Return the test items, in the order of the sentences.

    `rotate`: speakers take turns over all sentences. `cross`: every speaker says every sentence.
    `own`: each sentence is said by the speaker that its manifest names.
    """
    items: list[Item] = []
    for turn, sentence in enumerate(sentences):
        for speaker in _speakers_of(sentence, speakers, pairing, turn):
            audio = speakers.voice(
                speaker, sentence.language, prompts=prompts, folder=folder, exclude=sentence.target
            )
            items.append(_item(sentence, speaker, audio, own=pairing == "own"))
    if not items:
        raise UsageError("texts: no sentence is left; check languages, tags and split")
    return _with_impostors(items)


def _speakers_of(sentence: Any, speakers: Speakers, pairing: str, turn: int) -> tuple[str, ...]:
    if pairing == "own":
        if sentence.speaker is None:
            raise UsageError(
                f"pairing: own: sentence '{sentence.id}' names no speaker; use rotate or cross"
            )
        return (sentence.speaker,)
    known = speakers.ids(sentence.language)
    if not known:
        raise UsageError(
            f"speakers: none can be used for '{sentence.language}'; leave the language out of "
            "texts.languages, or ask for fewer references"
        )
    return known if pairing == "cross" else (known[turn % len(known)],)


def _item(sentence: Any, speaker: str, audio: SpeakerAudio, *, own: bool) -> Item:
    utterance = Utterance(
        id=sentence.id if own else f"{sentence.id}+{speaker}",
        text=sentence.text,
        language=sentence.language,
        speaker=speaker,
        references=audio.references,
        enrolment=audio.enrolment,
        target=sentence.target if own or sentence.speaker == speaker else None,
        spoken=sentence.spoken,
    )
    return Item(utterance, audio.reference_language, audio.impostor_group)


def _with_impostors(items: Sequence[Item]) -> tuple[Item, ...]:
    """Give each item the enrolment clips of the other speakers of its language and group."""
    clips: dict[tuple[str, str | None], dict[str, dict[Path, None]]] = {}
    for item in items:
        of = (item.utterance.language, item.impostor_group)
        own = clips.setdefault(of, {}).setdefault(item.utterance.speaker, {})
        own.update(dict.fromkeys(item.utterance.enrolment))
    return tuple(_impostors(item, clips) for item in items)


def _impostors(
    item: Item, clips: dict[tuple[str, str | None], dict[str, dict[Path, None]]]
) -> Item:
    if item.impostor_group is None:
        return item
    group = clips[item.utterance.language, item.impostor_group]
    others = [p for s, own in group.items() if s != item.utterance.speaker for p in own]
    step = max(1, -(-len(others) // MAX_IMPOSTORS))
    return Item(item.utterance, item.reference_language, item.impostor_group, tuple(others[::step]))
