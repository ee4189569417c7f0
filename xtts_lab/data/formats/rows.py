"""Rows of a manifest, checked: what every format ends in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtts_lab import registry
from xtts_lab.data.formats.paths import Paths
from xtts_lab.data.formats.records import Record, Source
from xtts_lab.errors import UsageError
from xtts_lab.languages import canonical
from xtts_lab.types import LANGUAGES, Reference

MAX_ID = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Row:
    """One test item.

    `path` is a natural recording of the text, `audio` what another program made of it; `text` is
    empty where nobody wrote down what is said. `references` and `enrolment` are those that the
    row names itself; `unread` are its filled columns that mean nothing here.
    """

    id: str
    line: int
    language: str
    speaker: str
    text: str
    spoken: str | None
    path: Path | None
    audio: Path | None
    references: tuple[Reference, ...]
    reference_language: str
    enrolment: tuple[Path, ...]
    split: str
    source: str
    known_speaker: bool
    unread: tuple[str, ...] = ()


def checked(source: Source, records: Iterable[Record]) -> tuple[Row, ...]:
    """Check records into rows. Raises `UsageError`, naming file and line, for the first mistake."""
    if source.language is not None and source.language not in LANGUAGES:
        raise UsageError(registry.unknown("language", source.language, LANGUAGES))
    paths = Paths(source.path, source.root, source.max_clip_s)
    maker = _Maker(source, paths)
    lines: dict[str, int] = {}
    rows: list[Row] = []
    for record in records:
        row = maker.row(record)
        if row.id in lines:
            raise UsageError(
                f"{source.path}:{row.line}: id '{row.id}' stands twice (first in line "
                f"{lines[row.id]}); keep one"
            )
        lines[row.id] = row.line
        rows.append(row)
    if not rows:
        raise UsageError(f"{source.path}: holds no clip; add rows")
    return tuple(rows)


class _Maker:
    """Turn records into rows, with what the user said about all of them."""

    def __init__(self, source: Source, paths: Paths) -> None:
        self._source = source
        self._paths = paths

    def row(self, record: Record) -> Row:
        value = record.values
        language = self._language(record, "language", self._source.language)
        path, audio = self._recording(record), self._audio(record)
        reference_language = self._language(record, "reference_language", language)
        references = self._references(record, reference_language)
        speaker, known = self._speaker(record, references)
        return Row(
            id=self._id(record),
            line=record.line,
            language=language,
            speaker=speaker,
            text=value.get("text", ""),
            spoken=value.get("spoken") or None,
            path=path,
            audio=audio,
            references=references,
            reference_language=references[0].language or language if references else language,
            enrolment=self._enrolment(record, references),
            split=value.get("split", ""),
            source=value.get("source", ""),
            known_speaker=known,
            unread=record.unread,
        )

    def _fail(self, record: Record, message: str) -> UsageError:
        return UsageError(f"{self._source.path}:{record.line}: {message}")

    def _language(self, record: Record, column: str, otherwise: str | None) -> str:
        language = record.values.get(column) or otherwise
        if language is None:
            raise self._fail(
                record,
                f"{column} is not given; fill it in, or set language (--language) for all rows",
            )
        return self._known(record, str(language))

    def _known(self, record: Record, language: str) -> str:
        """Return the code of a language that may be written as a locale, `pt_BR`."""
        code = canonical(language)
        if code is None:
            raise self._fail(record, registry.unknown("language", language, LANGUAGES))
        return code

    def _recording(self, record: Record) -> Path | None:
        value = record.values
        if not any(value.get(column) for column in ("path", "text", "audio")):
            raise self._fail(record, "column path, text or audio is empty; fill one in")
        return self._clip(record, "path", value["path"]) if value.get("path") else None

    def _clip(self, record: Record, column: str, text: str) -> Path:
        if column in record.trusted:
            return Path(text)
        return self._paths.clip(text, record.line, column)

    def _audio(self, record: Record) -> Path | None:
        text = record.values.get("audio")
        return self._paths.allowed(text, record.line) if text else None

    def _references(self, record: Record, language: str) -> tuple[Reference, ...]:
        named: list[Any] = record.values.get("references", [])
        text = record.values.get("reference_text")
        if text and len(named) != 1:
            raise self._fail(
                record,
                f"reference_text goes with one reference, not {len(named)}; write "
                'JSONL with {"audio": ..., "text": ...} for several',
            )
        found = []
        for item in named:
            each = item if isinstance(item, Mapping) else {"audio": item, "text": text}
            clip = self._clip(record, "references", each["audio"])
            own = self._known(record, str(each.get("language") or language))
            found.append(Reference(clip, each.get("text") or None, own))
        return tuple(found)

    def _enrolment(self, record: Record, references: tuple[Reference, ...]) -> tuple[Path, ...]:
        heard = {reference.audio for reference in references}
        clips = [self._clip(record, "enrolment", t) for t in record.values.get("enrolment", [])]
        for clip in clips:
            if clip in heard:
                raise self._fail(
                    record,
                    f"'{clip.name}' is reference and enrolment at once; similarity to a "
                    "reference is not held out, so give other audio",
                )
        return tuple(clips)

    def _speaker(self, record: Record, references: tuple[Reference, ...]) -> tuple[str, bool]:
        """Return who speaks, and whether that is known beyond the clip.

        Rows that name nobody are told apart by their reference, else by themselves.
        """
        value = record.values
        named = value.get("speaker") or self._source.speaker
        if named:
            return str(named), value.get("speaker_basis") != "clip"
        if references:
            return references[0].audio.stem, False
        if value.get("path") and not value.get("audio"):
            raise self._fail(record, "column speaker is empty or missing; fill it in")
        return self._id(record), False

    def _id(self, record: Record) -> str:
        value = record.values
        given = value.get("id")
        file = value.get("path") or value.get("audio") or ""
        if not given and not file:
            raise self._fail(record, "column id is empty or missing; name the row")
        name = given or Path(file).with_suffix("").as_posix().strip("/").replace("/", "-")
        if len(name) > MAX_ID or _CONTROL.search(name):
            raise self._fail(record, f"the id must be one line of at most {MAX_ID} characters")
        if name.startswith("/") or ".." in Path(name).parts:
            raise self._fail(record, f"the id '{name}' leads out of a folder; rename it")
        return str(name)
