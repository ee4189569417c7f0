"""Hugging Face datasets: `hf:owner/name[:config][@revision]`, or a folder that `datasets` can read.

Audio columns are natural recordings, as they are everywhere on the hub. Audio that stands inside
the dataset is written to the cache by its content.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xtts_lab import files, registry
from xtts_lab.cache import cache_dir
from xtts_lab.data.formats.records import COLUMNS, Record, Source
from xtts_lab.errors import UsageError

_NAME = re.compile(
    r"hf:(?P<id>[\w.-]+(?:/[\w.-]+)?)(?::(?P<config>[\w.-]+))?(?:@(?P<rev>[\w.-]+))?"
)
_TEXTS = ("id", "text", "spoken", "language", "speaker", "reference_text", "source")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    **{meaning: (meaning, *COLUMNS[meaning]) for meaning in _TEXTS},
    # A dataset may have both; the raw one is as people write.
    "text": ("text", "sentence", "transcript", "transcription", "raw_transcription"),
}
_CLIPS: Mapping[str, tuple[str, ...]] = {
    "path": ("audio", "target", "gt_wav"),
    "references": ("references", *COLUMNS["references"]),
    "enrolment": ("enrolment", *COLUMNS["enrolment"]),
}
_TRUSTED = frozenset(_CLIPS)
_NAMES = frozenset(n for names in (*_COLUMNS.values(), *_CLIPS.values()) for n in names)


def read(source: Source) -> Iterator[Record]:
    """Yield the records; a record's line is its row from 1. Raises `UsageError` where it cannot."""
    rows = _dataset(source)
    audio = _audio_columns(rows)
    unread = tuple(name for name in rows.features if name not in _NAMES)
    for number, row in enumerate(rows, 1):
        values: dict[str, Any] = {"id": f"{number:06d}", "split": source.split or ""}
        for meaning, names in _COLUMNS.items():
            found = next((row[n] for n in names if row.get(n) not in (None, "")), None)
            if found is not None:
                values[meaning] = str(found).strip()
        for meaning, names in _CLIPS.items():
            found = next((row[n] for n in names if n in audio and row.get(n)), None)
            if found is not None:
                clip = str(_clip(source, number, found))
                values[meaning] = clip if meaning == "path" else [clip]
        yield Record(number, values, unread, _TRUSTED)


def is_saved(path: Path) -> bool:
    """Tell a folder that `datasets` saved from one of loose files, which it can read as well."""
    try:
        return any((path / name).is_file() for name in ("dataset_info.json", "dataset_dict.json"))
    except (OSError, ValueError):  # a name that no file can have
        return False


def _dataset(source: Source) -> Any:
    try:
        datasets: Any = importlib.import_module("datasets")
    except ImportError as error:
        raise UsageError(
            f"{source.path}: needs the package datasets; install with: "
            "make install EXTRAS=offline,test,datasets"
        ) from error
    name = str(source.path)
    try:
        if is_saved(source.path):
            found = datasets.load_from_disk(name)
        elif source.path.is_dir():
            found = datasets.load_dataset(name)
        else:
            found = _load(datasets, source, name)
    except UsageError:
        raise
    except Exception as error:  # the library raises many kinds, for the network and for the data
        raise UsageError(f"{name}: cannot be loaded ({_reason(error)}); check the name") from error
    if isinstance(found, Mapping):
        found = _split(source, found)
    for column, feature in found.features.items():
        if isinstance(feature, datasets.Audio):
            found = found.cast_column(column, datasets.Audio(decode=False))
    return found


def _reason(error: BaseException) -> str:
    """Return the first line of what went wrong first: the library wraps its errors."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _load(datasets: Any, source: Source, name: str) -> Any:
    match = _NAME.fullmatch(name)
    if match is None:
        raise UsageError(f"{name}: write a dataset as hf:owner/name[:config][@revision]")
    return datasets.load_dataset(
        match["id"], match["config"], split=source.split, revision=match["rev"]
    )


def _split(source: Source, found: Mapping[str, Any]) -> Any:
    if source.split is None and len(found) == 1:
        return next(iter(found.values()))
    if source.split is None:
        raise UsageError(f"{source.path}: holds {', '.join(found)}; say which: split")
    if source.split not in found:
        raise UsageError(f"{source.path}: {registry.unknown('split', source.split, found)}")
    return found[source.split]


def _audio_columns(rows: Any) -> frozenset[str]:
    features = rows.features.items()
    return frozenset(name for name, feature in features if type(feature).__name__ == "Audio")


def _clip(source: Source, number: int, value: Mapping[str, Any]) -> Path:
    """Return the file of an undecoded audio value, `{"bytes": ..., "path": ...}`."""
    data, path = value.get("bytes"), value.get("path")
    if data is None:
        if path and Path(path).is_file():
            return Path(path)
        raise UsageError(f"{source.path}:{number}: the row's audio is absent; download it again")
    suffix = Path(path).suffix if path else ".wav"
    sha256 = hashlib.sha256(data).hexdigest()
    name = sha256[:32] + suffix
    target = cache_dir() / "datasets" / name[:2] / name
    if not files.holds(target, sha256):
        files.write_bytes(target, data)
    return target
