"""Records that say whether they are whole: JSON with a digest of what it says, and of where.

A record is one JSON object. On disk it carries `digest`, of its content and of the place that it
was written for, so that a flipped digit, a lost key or a file under another's name is told from
what was meant. NaN and infinity, which are not JSON, are refused on both sides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xtts_lab import files

Record = dict[str, Any]
DIGEST = "digest"


def seal(record: Mapping[str, Any], place: str = "") -> str:
    """Return a record as one line of ASCII JSON. Raises `ValueError` for what is not JSON."""
    sealed = {**record, DIGEST: _digest(place, record)}
    return json.dumps(sealed, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def unseal(text: str | bytes, place: str = "") -> Record | None:
    """Return the record of a line, or None for anything that `seal` did not write there."""
    try:
        record = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    if not isinstance(record, dict) or not isinstance(record.get(DIGEST), str):
        return None
    said = record.pop(DIGEST)
    return record if _digest(place, record) == said else None


def write(path: Path, record: Mapping[str, Any], place: str = "") -> None:
    """Write a record into a file of its own, atomically."""
    files.write_text(path, seal(record, place))


def read(path: Path, place: str = "") -> Record | None:
    """Return the record of a file, or None where it is absent, damaged or not to be read."""
    try:
        return unseal(path.read_bytes(), place)
    except OSError:
        return None


def _digest(place: str, record: Mapping[str, Any]) -> str:
    text = json.dumps([place, record], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
