"""What every manifest format is read into before its rows are checked: records of named values."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from xtts_lab import registry
from xtts_lab.errors import UsageError
from xtts_lab.files import utf8

MAX_BYTES = 1 << 30  # a manifest is read at once; a larger one is not one test set
MAX_CELL = 131_072  # characters; csv's own limit, held for every format

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("utt", "utt_id", "utterance_id", "file_id", "segment_id"),
    "text": ("sentence", "transcript", "transcription", "infer_text"),
    "spoken": ("normalized_text", "normalised_text"),
    "language": ("lang", "language_code", "locale"),
    "speaker": ("speaker_id", "speaker_name", "client_id"),
    "path": ("target", "gt_wav", "audio_file", "audio_filepath"),
    "audio": (),
    "references": (
        "reference", "prompt_wav", "prompt_audio", "ref_audio", "ref_wav", "reference_audio",
        "reference_wav", "speaker_wav",
    ),
    "reference_text": ("prompt_text", "ref_text"),
    "reference_language": ("prompt_language", "ref_language", "ref_lang"),
    "enrolment": ("enrollment",),
    "split": (),
    "source": (),
    "speaker_basis": (),
}  # fmt: skip
"""What a manifest can say, each under its name or one of the names that are usual for it."""

_MEANING = {alias: name for name, others in COLUMNS.items() for alias in (name, *others)}


@cache
def meaning_of(column: str) -> str | None:
    """Return what a column says, whatever its case (`Speaker ID` is `speaker_id`), or None."""
    return _MEANING.get(re.sub(r"[\s-]+", "_", column.strip().lower()))


@dataclass(frozen=True)
class Source:
    """A manifest and what its user says about it; see `data.manifest` for the meaning."""

    path: Path
    format: str = "auto"
    language: str | None = None
    speaker: str | None = None
    split: str | None = None
    root: Path | None = None
    max_clip_s: float = 600.0


@dataclass(frozen=True)
class Record:
    """One row as written: canonical column -> text, or a list of texts or mappings.

    `unread` are names of filled columns that mean nothing here. `trusted` are columns whose paths a
    library made, and no stranger wrote.
    """

    line: int
    values: Mapping[str, Any]
    unread: tuple[str, ...] = ()
    trusted: frozenset[str] = field(default_factory=frozenset)


def record_of(path: Path, line: int, values: Iterable[tuple[str, Any]]) -> Record:
    """Name columns by their canonical names; those that mean nothing here are `unread`.

    Raises `UsageError` where two filled columns mean the same. A locale beside a language is fine
    where it is one of that language.
    """
    found: dict[str, Any] = {}
    names: dict[str, str] = {}
    unread: list[str] = []
    for name, value in values:
        if value in (None, "", []):
            continue
        meaning = meaning_of(name)
        if meaning is None:
            unread.append(name)
        elif meaning not in found:
            found[meaning], names[meaning] = value, name
        elif meaning == "language" and _base(value) == _base(found[meaning]):
            if names[meaning].lower() == "locale":
                found[meaning], names[meaning] = value, name
        else:
            raise UsageError(
                f"{path}:{line}: '{names[meaning]}' and '{name}' both give the {meaning}; keep one"
            )
    return Record(line, found, tuple(unread))


def _base(locale: object) -> str:
    return re.split("[-_]", str(locale).strip().lower(), maxsplit=1)[0]


def hint(known: Iterable[str], wanted: str) -> str:
    """Return how a missing column may have been spelt, as `; did you mean ...`, or nothing."""
    strangers = [name for name in known if meaning_of(name) is None]
    said = registry.unknown("column", wanted, strangers) if strangers else ""
    return f" (is it '{said.split(chr(39))[3]}'?)" if "did you mean" in said else ""


def text_of(path: Path) -> str:
    """Read a manifest as UTF-8. Raises `UsageError` that names the line of what is not text."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # a pipe would block, a device never end
            reason = "it is a folder" if stat.S_ISDIR(mode) else "it is no regular file"
            raise UsageError(f"{path}: cannot be read ({reason}); check the path")
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: is larger than {MAX_BYTES >> 30} GiB; split the manifest")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"{path}: cannot be read (no such file); check the path") from error
    except OSError as error:
        name = str(path) if len(path.name) <= 255 else f"{path.name[:60]}..."
        raise UsageError(f"{name}: cannot be read ({error.strerror}); check the path") from error
    try:
        text = utf8(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: is not UTF-8 text; save the file as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UsageError(f"{path}:{line}: holds a NUL character; save the file as UTF-8 text")
    return text


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank with their numbers from 1; only LF and CR LF end one."""
    for number, line in enumerate(text_of(path).split("\n"), 1):
        line = line.lstrip("\ufeff")  # of a file that was joined to another
        if line.strip():
            yield number, line.removesuffix("\r")
