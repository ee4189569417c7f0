"""Test sets and speakers from a manifest; `data.formats` has one file per format.

Columns of CSV, and keys of JSONL: `id`, `text`, `spoken` (the text as read aloud), `language`,
`speaker`; `path`, a natural recording of the text; `audio`, what another program made of it;
`references`, several separated by `;` or as a list, with `reference_text` and `reference_language`;
`enrolment`, held-out clips of the speaker; `split`, `source` and `speaker_basis` (`clip` means that
nobody knows who speaks: such a clip has no enrolment and serves as nobody's impostor). Names that
are usual elsewhere do as well (`formats.records.COLUMNS`): `sentence`, `locale`, `speaker_id`,
`ref_audio`. Other columns are notes; `plan` names them.

Every clip but `audio` has to be there. Relative paths start at the manifest's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from xtts_lab import registry
from xtts_lab.data.formats import Format, read
from xtts_lab.data.formats.records import Source
from xtts_lab.data.formats.rows import Row
from xtts_lab.data.sentences import Sentence
from xtts_lab.errors import UsageError
from xtts_lab.types import LANGUAGES, Reference, SpeakerAudio


def _select(source: Source) -> tuple[Row, ...]:
    rows = read(source)
    if source.split is None:
        return rows
    chosen = tuple(row for row in rows if row.split == source.split)
    if not chosen:
        splits = {row.split for row in rows if row.split}
        raise UsageError(f"{source.path}: {registry.unknown('split', source.split, splits)}")
    return chosen


class ManifestTexts:
    """The sentences of a manifest, each with its speaker, its recording and its own clips.

    `format` is known by the name (*.csv, *.tsv, *.jsonl, *.lst, LJSpeech's metadata.csv beside
    wavs/, hf:owner/name), and coqui's by its header. `language` and `speaker` stand in for rows
    that do not say. `root` is the folder that no path may leave, the manifest's own unless said
    otherwise. Clips over `max_clip_s` are refused. `transcribed_only` leaves out rows without text;
    `per_language` keeps the first ones.
    """

    def __init__(
        self,
        *,
        path: Path,
        format: Format = "auto",
        language: str | None = None,
        speaker: str | None = None,
        root: Path | None = None,
        max_clip_s: float = 600.0,
        languages: Literal["all"] | tuple[str, ...] = "all",
        per_language: int | None = None,
        split: str | None = None,
        transcribed_only: bool = False,
    ) -> None:
        rows = _select(Source(path, format, language, speaker, split, root, max_clip_s))
        present = {row.language for row in rows}
        for code in [] if languages == "all" else languages:
            if code not in present:
                raise UsageError(f"{path}: {registry.unknown('language', code, present)}")
        if per_language is not None and per_language < 1:
            raise UsageError(f"per_language: must be at least 1, not {per_language}")
        wanted = present if languages == "all" else set(languages)
        self._rows = [
            row for row in rows if row.language in wanted and (row.text or not transcribed_only)
        ]
        self._per_language = per_language
        self.unread = _unread(rows)

    @property
    def own_references(self) -> bool:
        """Whether rows name references of their own."""
        return any(row.references for row in self._rows)

    def sentences(self) -> tuple[Sentence, ...]:
        """Return the sentences, in the order of `LANGUAGES`, then of the manifest."""
        chosen: list[Sentence] = []
        for language in LANGUAGES:
            rows = [row for row in self._rows if row.language == language]
            chosen += [_sentence(row) for row in rows[: self._per_language]]
        return tuple(chosen)


def _unread(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row.unread))


def _sentence(row: Row) -> Sentence:
    voice = None
    if row.references or row.enrolment:
        voice = SpeakerAudio(
            references=row.references,
            enrolment=row.enrolment,
            reference_language=row.reference_language if row.references else None,
            impostor_group=row.source if row.known_speaker else None,
        )
    return Sentence(
        row.id,
        row.text,
        row.language,
        spoken=row.spoken,
        speaker=row.speaker,
        target=row.path,
        voice=voice,
        audio=row.audio,
    )


@dataclass
class _Clips:
    """What a manifest holds of one speaker in one language, each file once, in its order."""

    source: str
    known: bool
    named: dict[Path, Reference] = field(default_factory=dict)
    recorded: dict[Path, Reference] = field(default_factory=dict)
    enrolment: dict[Path, None] = field(default_factory=dict)

    def divide(
        self, count: int, most: int, exclude: Path | None
    ) -> tuple[list[Reference], list[Path]]:
        """Return `count` references, named ones first, and up to `most` others to judge by."""
        usable = self._usable(exclude)
        references = list(islice(usable, count))
        others = chain((p for p in self.enrolment if p != exclude), (r.audio for r in usable))
        return references, list(islice(others, most))

    def _usable(self, exclude: Path | None) -> Iterator[Reference]:
        for path, reference in self.named.items():
            if path != exclude and path not in self.enrolment:
                yield reference
        for path, reference in self.recorded.items():
            if path != exclude and path not in self.enrolment and path not in self.named:
                yield reference


class ManifestSpeakers:
    """The speakers of a manifest: the first clips to clone from, the others to judge by.

    `reference_language` is `same` (speakers of the text's language), or the language whose
    speakers serve every text. `references: 0` leaves every clip for enrolment, of which the first
    `enrolment` are used. The other settings are those of the manifest's texts.
    """

    def __init__(
        self,
        *,
        path: Path,
        format: Format = "auto",
        language: str | None = None,
        speaker: str | None = None,
        root: Path | None = None,
        max_clip_s: float = 600.0,
        split: str | None = None,
        references: int = 1,
        enrolment: int = 100,
        reference_language: str = "same",
    ) -> None:
        if references < 0:
            raise UsageError(f"references: must not be negative, not {references}")
        if enrolment < 0:
            raise UsageError(f"enrolment: must not be negative, not {enrolment}")
        if reference_language not in ("same", *LANGUAGES):
            raise UsageError(
                registry.unknown("reference_language", reference_language, ("same", *LANGUAGES))
            )
        self._rows = _select(Source(path, format, language, speaker, split, root, max_clip_s))
        self.unread = _unread(self._rows)
        self._references = references
        self._enrolment = enrolment
        self._language = reference_language

    @cached_property
    def _clips(self) -> dict[tuple[str, str], _Clips]:
        return _clips_of(self._rows)

    def _spoken(self, language: str) -> str:
        return language if self._language == "same" else self._language

    def ids(self, language: str) -> tuple[str, ...]:
        """Return the speakers with enough clips to clone from and one to judge by."""
        spoken = self._spoken(language)
        return tuple(
            speaker
            for (of, speaker), clips in self._clips.items()
            if of == spoken and clips.known and self._suffices(clips)
        )

    def _suffices(self, clips: _Clips) -> bool:
        references, held_out = clips.divide(self._references, 1, None)
        return len(references) == self._references and bool(held_out)

    def voice(
        self,
        speaker: str,
        language: str,
        *,
        prompts: Callable[[str], Sequence[str]],  # noqa: ARG002  recordings need no prompts
        folder: Path,  # noqa: ARG002
        exclude: Path | None = None,
    ) -> SpeakerAudio:
        """Return a speaker's clips, but for `exclude`."""
        spoken = self._spoken(language)
        clips = self._clips.get((spoken, speaker), _Clips("", known=False))
        chosen, held_out = clips.divide(self._references, self._enrolment, exclude)
        known = clips.known and bool(chosen or held_out)
        return SpeakerAudio(
            references=tuple(chosen),
            enrolment=tuple(held_out) if known else (),
            reference_language=spoken if chosen else None,
            impostor_group=clips.source if known else None,
        )


def _clips_of(rows: Iterable[Row]) -> dict[tuple[str, str], _Clips]:
    found: dict[tuple[str, str], _Clips] = {}
    for row in rows:
        fresh = partial(_Clips, row.source, row.known_speaker)
        if row.path is not None:
            clips = found.setdefault((row.language, row.speaker), fresh())
            clips.recorded[row.path] = Reference(row.path, row.text or None, row.language)
        if row.references or row.enrolment:
            clips = found.setdefault((row.reference_language, row.speaker), fresh())
            clips.named.update((reference.audio, reference) for reference in row.references)
            clips.enrolment.update(dict.fromkeys(row.enrolment))
    return found
