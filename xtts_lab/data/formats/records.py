"""What every manifest format is read into before its rows are checked: records of named values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xtts_lab import registry
from xtts_lab.errors import UsageError

MAX_BYTES = 1 << 30  # a manifest is read at once; a larger one is not one test set
MAX_CELL = 131_072  # characters; csv's own limit, held for every format

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("utt",),
    "text": ("transcript", "infer_text"),
    "spoken": (),
    "language": (),
    "speaker": (),
    "path": ("target", "gt_wav"),
    "audio": (),
    "references": ("reference", "prompt_wav"),
    "reference_text": ("prompt_text",),
    "reference_language": (),
    "enrolment": (),
    "split": (),
    "source": (),
    "speaker_basis": (),
}
"""What a manifest can say, each under its name or one of its other names."""

_MEANING = {alias: name for name, others in COLUMNS.items() for alias in (name, *others)}


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

    `trusted` are columns whose paths a library made, and no stranger wrote.
    """

    line: int
    values: Mapping[str, Any]
    trusted: frozenset[str] = field(default_factory=frozenset)


def canonical(path: Path, line: int, values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Name columns by their canonical names; unknown ones are left out, as notes for people.

    Raises `UsageError` where two filled columns mean the same.
    """
    found: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, value in values:
        meaning = _MEANING.get(name)
        if meaning is None or value in (None, "", []):
            continue
        if meaning in found:
            raise UsageError(
                f"{path}:{line}: '{names[meaning]}' and '{name}' both give the {meaning}; keep one"
            )
        found[meaning], names[meaning] = value, name
    return found


def hint(known: Iterable[str], wanted: str) -> str:
    """Return how a missing column may have been spelt, as `; did you mean ...`, or nothing."""
    strangers = [name for name in known if name not in _MEANING]
    said = registry.unknown("column", wanted, strangers) if strangers else ""
    return f" (is it '{said.split(chr(39))[3]}'?)" if "did you mean" in said else ""


def text_of(path: Path) -> str:
    """Read a manifest as UTF-8. Raises `UsageError` that names the line of what is not text."""
    try:
        if not path.is_file():
            reason = "it is a folder" if path.is_dir() else "no such file"
            raise UsageError(f"{path}: cannot be read ({reason}); check the path")
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: is larger than {MAX_BYTES >> 30} GiB; split the manifest")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    try:
        text = data.decode("utf-8-sig")
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
        if line.strip():
            yield number, line.removesuffix("\r")
