"""How published corpora lie on disk: each layout as a list of recordings.

Read as their own documentation says: LJSpeech 1.1 (README), LibriTTS (Zen et al. 2019),
Multilingual LibriSpeech (Pratap et al. 2020), Mozilla Common Voice, and a CSV manifest such as the
human speech pack's.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown
from xtts_lab.training.corpora.folder import Split

SPLITS: dict[str, Split] = {
    "train": "train",
    "dev": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "eval": "test",
}
"""What corpora call their splits; a name that starts with one of these is that one."""


@dataclass(frozen=True)
class Recording:
    """A clip of a corpus; `text` is empty where nobody knows it, `split` None where none is given.

    `sample_rate`: what the clip holds, where that is less than what its file decodes to.
    """

    path: Path
    text: str
    language: str
    speaker: str
    split: Split | None = None
    sample_rate: int | None = None


Layout: TypeAlias = Callable[[Path, str], Iterator[Recording]]


def recordings(layout: str, folder: Path, language: str) -> list[Recording]:
    """Return the recordings below a folder; raises `UsageError` where the layout is not its own."""
    if layout not in LAYOUTS:
        raise UsageError(unknown("layout", layout, LAYOUTS))
    found = sorted(LAYOUTS[layout](folder, language), key=lambda r: (r.speaker, str(r.path)))
    if not found:
        raise UsageError(f"{folder} holds no recordings in the layout of {layout}")
    return found


def _ljspeech(folder: Path, language: str) -> Iterator[Recording]:
    """metadata.csv with id|text|normalised text, wavs/id.wav; one speaker."""
    for number, line in enumerate(_lines(folder / "metadata.csv"), 1):
        name, *texts = line.split("|")
        if not texts:
            raise UsageError(f"{folder / 'metadata.csv'}:{number}: not id|text|normalised text")
        yield Recording(folder / "wavs" / f"{name}.wav", texts[-1], language, folder.name)


def _libritts(folder: Path, language: str) -> Iterator[Recording]:
    """SUBSET/SPEAKER/CHAPTER/ID.wav with ID.normalized.txt beside it."""
    for path in folder.rglob("*.wav"):
        text = path.with_suffix("").with_suffix(".normalized.txt")
        text = text if text.is_file() else path.with_name(f"{path.stem}.normalized.txt")
        subset, speaker = path.parts[-4], path.parts[-3]
        yield Recording(path, _text(text), language, speaker, _split(subset))


def _mls(folder: Path, language: str) -> Iterator[Recording]:
    """{train,dev,test}/transcripts.txt with id TAB text, audio/SPEAKER/BOOK/ID.flac."""
    for transcripts in sorted(folder.glob("*/transcripts.txt")):
        for line in _lines(transcripts):
            name, _, text = line.partition("\t")
            speaker, book, *_ = name.split("_")
            path = transcripts.parent / "audio" / speaker / book / f"{name}.flac"
            path = path if path.is_file() else path.with_suffix(".opus")
            yield Recording(path, text, language, speaker, _split(transcripts.parent.name))


def _common_voice(folder: Path, language: str) -> Iterator[Recording]:
    """train.tsv, dev.tsv and test.tsv (or validated.tsv) with client_id, path and sentence."""
    tables = [t for n in ("train", "dev", "test") if (t := folder / f"{n}.tsv").is_file()]
    for table in tables or [folder / "validated.tsv"]:
        for row in _rows(table, "\t", ("client_id", "path", "sentence")):
            path = folder / "clips" / row["path"]
            yield Recording(path, row["sentence"], language, row["client_id"], _split(table.stem))


def _manifest(folder: Path, language: str) -> Iterator[Recording]:
    """manifest.csv with path and speaker; transcript (or text), language, split, sample_rate."""
    for row in _rows(folder / "manifest.csv", ",", ("path", "speaker")):
        rate = row.get("sample_rate") or ""
        yield Recording(
            folder / row["path"],
            row.get("transcript") or row.get("text") or "",
            row.get("language") or language,
            row["speaker"],
            _split(row.get("split") or ""),
            int(rate) if rate.isdecimal() else None,
        )


def _split(name: str) -> Split | None:
    return next((split for start, split in SPLITS.items() if name.startswith(start)), None)


def _rows(path: Path, delimiter: str, needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(
        _lines(path),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL,
    )
    missing = [name for name in needed if name not in (reader.fieldnames or ())]
    if missing:
        raise UsageError(f"{path}: has no column '{missing[0]}'")
    yield from reader


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8").lstrip("\ufeff")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); is --layout right?") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8") from None
    return [line for line in text.split("\n") if line.strip()]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


LAYOUTS: dict[str, Layout] = {
    "ljspeech": _ljspeech,
    "libritts": _libritts,
    "mls": _mls,
    "common_voice": _common_voice,
    "manifest": _manifest,
}
