"""Which speaker says which sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xtts_lab.errors import UsageError
from xtts_lab.types import SpeakerAudio, Speakers, Utterance

MEANING = {
    "rotate": "speakers take turns over the texts",
    "cross": "every speaker says every text",
    "own": "each text is said from the references, or by the speaker, that its row names",
}
"""What each pairing does, for readers of a plan."""

MAX_ITEMS = 1_000_000
MAX_IMPOSTORS = 19  # speakers: with the speaker's own, a choice among 20
MAX_IMPOSTOR_CLIPS = 5  # of each: enough for a stable mean, and no growth with long enrolments


@dataclass(frozen=True)
class Item:
    """An utterance with what the bench knows beside it; `impostor_speakers` of `impostors`.

    `reference_text_source` says where the texts of the references come from, for an arm that needs
    them: see `reference_texts`.
    """

    utterance: Utterance
    reference_language: str | None
    impostor_group: str | None
    impostors: tuple[Path, ...] = ()
    impostor_speakers: tuple[str, ...] = ()
    reference_text_source: str | None = None


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
    `own`: each sentence is said by the speaker that its manifest names, from the clips that its
    row names, where it does.
    """
    items: list[Item] = []
    spoken = dict.fromkeys(s.language for s in sentences) if pairing != "own" else {}
    known = {language: speakers.ids(language) for language in spoken}
    turns = [
        _speakers_of(s, known.get(s.language, ()), pairing, i) for i, s in enumerate(sentences)
    ]
    count = sum(map(len, turns))
    if count > MAX_ITEMS:
        raise UsageError(
            f"{count:,} pairs of a sentence and a speaker, and at most {MAX_ITEMS:,} can be "
            "planned; ask for fewer texts or speakers, or `pairing: rotate`"
        )
    heard: dict[tuple[str, str, Path | None], SpeakerAudio] = {}  # clips are read to be checked
    for sentence, turn in zip(sentences, turns, strict=True):
        for speaker in turn:
            own = pairing == "own"
            audio = sentence.voice if own else None
            of = (speaker, sentence.language, sentence.target)
            if audio is None and of not in heard:
                with _said_of(sentence, own):
                    heard[of] = speakers.voice(
                        speaker, sentence.language, prompts=prompts, folder=folder,
                        exclude=sentence.target,
                    )  # fmt: skip
            audio = heard[of] if audio is None else audio
            items.append(_item(sentence, speaker, audio, own=own))
    if not items:
        raise UsageError("texts: no sentence is left; check languages, tags and split")
    return _with_impostors(items)


@contextmanager
def _said_of(sentence: Any, own: bool) -> Iterator[None]:
    """Name the sentence that has no references of its own, where others do."""
    try:
        yield
    except UsageError as error:
        if not own:
            raise
        raise UsageError(
            f"pairing own: '{sentence.id}' names no references, and no speaker who has any "
            f"({error}); fill them in, or set pairing to rotate or cross"
        ) from error


def _speakers_of(sentence: Any, known: tuple[str, ...], pairing: str, turn: int) -> tuple[str, ...]:
    if pairing == "own":
        if sentence.speaker is None:
            raise UsageError(
                f"pairing: own: sentence '{sentence.id}' names no speaker; use rotate or cross"
            )
        return (sentence.speaker,)
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
        audio=sentence.audio if own else None,
    )
    return Item(utterance, audio.reference_language, audio.impostor_group)


def _with_impostors(items: Sequence[Item]) -> tuple[Item, ...]:
    """Give each item the enrolment clips of the other speakers of its language and group."""
    clips: dict[tuple[str, str | None], dict[str, dict[Path, None]]] = {}
    for item in items:
        of = (item.utterance.language, item.impostor_group)
        own = clips.setdefault(of, {}).setdefault(item.utterance.speaker, {})
        own.update(dict.fromkeys(item.utterance.enrolment))
    chosen: dict[tuple[str, str | None, str], tuple[tuple[str, Path], ...]] = {}
    for item in items:
        said = item.utterance
        of = (said.language, item.impostor_group)
        if item.impostor_group is not None and (*of, said.speaker) not in chosen:
            chosen[*of, said.speaker] = _impostors(said.speaker, clips[of])
    found = [
        chosen.get((i.utterance.language, i.impostor_group, i.utterance.speaker), ()) for i in items
    ]
    return tuple(
        replace(
            item,
            impostors=tuple(path for _, path in pairs),
            impostor_speakers=tuple(speaker for speaker, _ in pairs),
        )
        for item, pairs in zip(items, found, strict=True)
    )


def _impostors(speaker: str, group: dict[str, dict[Path, None]]) -> tuple[tuple[str, Path], ...]:
    """Choose impostors and their clips, of each as many as of the speaker: as noisy a mean.

    Of more than `MAX_IMPOSTORS` every n-th is taken, from the speaker on, so that each serves about
    equally often.
    """
    names = sorted(group)  # whatever the order of the items
    own = names.index(speaker)
    others = [name for name in names[own + 1 :] + names[:own] if group[name]]
    count = min(MAX_IMPOSTORS, len(others))
    each = max(1, min(MAX_IMPOSTOR_CLIPS, len(group[speaker])))
    chosen = [others[i * len(others) // count] for i in range(count)]
    clips = {name: sorted(group[name], key=lambda path: (path.name, str(path))) for name in chosen}
    return tuple((name, path) for name in chosen for path in clips[name][:each])
