"""JSON lines: one object a line, with the CSV's columns as keys.

`references` and `enrolment` may be lists; a reference may be `{"audio": ..., "text": ...,
"language": ...}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xtts_lab.data.formats.records import MAX_CELL, Record, Source, lines_of, record_of
from xtts_lab.errors import UsageError

REFERENCE_KEYS = {"audio", "text", "language"}


def read(source: Source) -> Iterator[Record]:
    """Yield the records. Raises `UsageError`, naming file and line, for what is no such JSON."""
    for line, text in lines_of(source.path):
        yield _record(source.path, line, text)


def _record(path: Path, line: int, text: str) -> Record:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"{path}:{line}: key '{name}' stands twice; keep one")
        return dict(pairs)

    try:
        found = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deeply or a number too long")
        raise UsageError(
            f"{path}:{line}: not valid JSON ({reason}); write one object a line"
        ) from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}:{line}: not a JSON object; write one {{...}} a line")
    if "\\u" in text:
        _refuse_surrogates(path, line, found)
    record = record_of(path, line, found.items())
    values = {name: _value(path, line, name, value) for name, value in record.values.items()}
    return Record(line, values, record.unread)


def _refuse_surrogates(path: Path, line: int, found: Any) -> None:
    """Half of a pair that stands for a character is none: no file and no report could hold it."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(str(error.object)[error.start]):04x}"
        raise UsageError(
            f"{path}:{line}: holds {half}, half of a surrogate pair and no character; mend the text"
        ) from error


def _value(path: Path, line: int, name: str, value: Any) -> Any:
    several = name in ("references", "enrolment")
    if name == "id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        if len(value) > MAX_CELL:
            raise UsageError(f"{path}:{line}: '{name}' is longer than {MAX_CELL} characters")
        return [value.strip()] if several else value.strip()
    if several and isinstance(value, list) and all(_is_clip(name, item) for item in value):
        return value
    wanted = "text or a list of texts" if several else "text"
    raise UsageError(f"{path}:{line}: '{name}' must be {wanted}, in quotes")


def _is_clip(name: str, item: Any) -> bool:
    if isinstance(item, str):
        return bool(item.strip())
    return (
        name == "references"
        and isinstance(item, dict)
        and isinstance(item.get("audio"), str)
        and set(item) <= REFERENCE_KEYS
        and all(value is None or isinstance(value, str) for value in item.values())
    )
