"""Test sets and speakers from a CSV manifest of recorded speech.

Columns: `path` (relative to the manifest's folder), `language`, `speaker`; where they are known
also `transcript`, `split`, `source` and `speaker_basis` (`clip` means that nobody knows who speaks:
such a clip has no enrolment and serves as nobody's impostor).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from xtts_lab import registry
from xtts_lab.data.sentences import Sentence
from xtts_lab.errors import UsageError
from xtts_lab.types import LANGUAGES, Reference, SpeakerAudio

REQUIRED = ("path", "language", "speaker")


@dataclass(frozen=True)
class Row:
    """One recording of a manifest; `text` is empty where nobody wrote down what is said."""

    id: str
    path: Path
    language: str
    speaker: str
    text: str
    split: str
    source: str
    known_speaker: bool


def read_csv(path: Path) -> tuple[Row, ...]:
    """Read a manifest. Raises `UsageError`, naming file and line, for what cannot be used."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            absent = [c for c in REQUIRED if c not in (reader.fieldnames or [])]
            if absent:
                raise UsageError(f"{path}: column {', '.join(absent)} is missing; add it")
            rows = tuple(_row(path, reader.line_num, record) for record in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: cannot be read as CSV ({reason}); check the path") from error
    if not rows:
        raise UsageError(f"{path}: holds no clip; add rows below the header")
    _refuse_duplicates(path, rows)
    return rows


def _row(manifest: Path, line: int, record: dict[str, str | None]) -> Row:
    value = {key: (text or "").strip() for key, text in record.items() if isinstance(key, str)}
    for column in REQUIRED:
        if not value[column]:
            raise UsageError(f"{manifest}:{line}: column {column} is empty; fill it in")
    relative = Path(value["path"])
    if ".." in relative.parts:
        raise UsageError(f"{manifest}:{line}: path '{relative}' leaves the manifest's folder")
    if value["language"] not in LANGUAGES:
        raise UsageError(
            f"{manifest}:{line}: {registry.unknown('language', value['language'], LANGUAGES)}"
        )
    clip = manifest.parent / relative
    if not clip.is_file():
        raise UsageError(f"{manifest}:{line}: no file '{relative}' beside the manifest")
    return Row(
        id=relative.with_suffix("").as_posix().replace("/", "-"),
        path=clip,
        language=value["language"],
        speaker=value["speaker"],
        text=value.get("transcript", ""),
        split=value.get("split", ""),
        source=value.get("source", ""),
        known_speaker=value.get("speaker_basis", "") != "clip",
    )


def _refuse_duplicates(path: Path, rows: Sequence[Row]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise UsageError(f"{path}: clip '{row.id}' stands twice; keep one")
        seen.add(row.id)


def _select(path: Path, split: str | None) -> tuple[Row, ...]:
    rows = read_csv(path)
    if split is None:
        return rows
    chosen = tuple(row for row in rows if row.split == split)
    if not chosen:
        raise UsageError(registry.unknown("split", split, {row.split for row in rows}))
    return chosen


class ManifestTexts:
    """The sentences of a manifest, each with its speaker and its natural recording.

    `transcribed_only` leaves out clips without a transcript; `per_language` keeps the first ones.
    """

    def __init__(
        self,
        *,
        path: Path,
        languages: Literal["all"] | tuple[str, ...] = "all",
        per_language: int | None = None,
        split: str | None = None,
        transcribed_only: bool = False,
    ) -> None:
        rows = _select(path, split)
        present = {row.language for row in rows}
        for language in [] if languages == "all" else languages:
            if language not in present:
                raise UsageError(f"{path}: {registry.unknown('language', language, present)}")
        if per_language is not None and per_language < 1:
            raise UsageError(f"per_language: must be at least 1, not {per_language}")
        wanted = present if languages == "all" else set(languages)
        self._rows = [
            row for row in rows if row.language in wanted and (row.text or not transcribed_only)
        ]
        self._per_language = per_language

    def sentences(self) -> tuple[Sentence, ...]:
        """Return the sentences, in the order of `LANGUAGES`, then of the manifest."""
        chosen: list[Sentence] = []
        for language in LANGUAGES:
            rows = [row for row in self._rows if row.language == language]
            chosen += [
                Sentence(row.id, row.text, language, speaker=row.speaker, target=row.path)
                for row in rows[: self._per_language]
            ]
        return tuple(chosen)


class ManifestSpeakers:
    """The speakers of a manifest: the first clips to clone from, the others to judge by.

    `reference_language` is `same` (speakers of the text's language), or the language whose
    speakers serve every text. `references: 0` leaves every clip for enrolment.
    """

    def __init__(
        self,
        *,
        path: Path,
        split: str | None = None,
        references: int = 1,
        reference_language: str = "same",
    ) -> None:
        if references < 0:
            raise UsageError(f"references: must not be negative, not {references}")
        if reference_language not in ("same", *LANGUAGES):
            raise UsageError(
                registry.unknown("reference_language", reference_language, ("same", *LANGUAGES))
            )
        self._rows = _select(path, split)
        self._references = references
        self._language = reference_language

    @cached_property
    def _clips(self) -> dict[tuple[str, str], list[Row]]:
        clips: dict[tuple[str, str], list[Row]] = {}
        for row in self._rows:
            clips.setdefault((row.language, row.speaker), []).append(row)
        return clips

    def _spoken(self, language: str) -> str:
        return language if self._language == "same" else self._language

    def ids(self, language: str) -> tuple[str, ...]:
        """Return the speakers with enough clips to clone from and one to judge by."""
        spoken = self._spoken(language)
        return tuple(
            speaker
            for (of, speaker), rows in self._clips.items()
            if of == spoken and len(rows) > self._references and rows[0].known_speaker
        )

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
        rows = [r for r in self._clips.get((spoken, speaker), []) if r.path != exclude]
        known = bool(rows) and rows[0].known_speaker
        chosen, held_out = rows[: self._references], rows[self._references :]
        return SpeakerAudio(
            references=tuple(Reference(r.path, r.text or None, r.language) for r in chosen),
            enrolment=tuple(r.path for r in held_out) if known else (),
            reference_language=spoken if chosen else None,
            impostor_group=rows[0].source if known else None,
        )
