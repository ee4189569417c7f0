"""MiniMax's multilingual test set, as its folder is published: `text/` and `speaker/`.

`text/<language>.txt` has lines `speaker|text`; `speaker/<language>/<speaker>/` holds the clip of a
speaker, and `speaker/prompt_text.txt` lines `clip|what it says`. Languages are written as English
names; those that are none of ours are left out. Each has two speakers only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xtts_lab.data.formats.records import Record, Source, lines_of
from xtts_lab.errors import UsageError
from xtts_lab.languages import LANGUAGES, language_name

_SOUND = (".mp3", ".wav", ".flac", ".ogg", ".opus")


def read(source: Source) -> Iterator[Record]:
    """Yield the records. Raises `UsageError`, naming file and line, for what cannot be used."""
    folder = source.path
    if not (folder / "text").is_dir():
        raise UsageError(f"{folder}: holds no folder text/; name the folder of the test set")
    said = _pairs(folder / "speaker" / "prompt_text.txt", "clip|text")
    prompts = {name: text for _, name, text in said}
    for code in LANGUAGES:
        name = _FOLDERS.get(code, language_name(code).lower())
        file = folder / "text" / f"{name}.txt"
        if file.is_file():
            for number, (line, speaker, text) in enumerate(_pairs(file, "speaker|text")):
                clip = _clip(file, line, folder / "speaker" / name, speaker)
                values = {
                    "id": f"{code}-{number:03}",
                    "text": text,
                    "language": code,
                    "speaker": speaker,
                    "references": [clip.relative_to(folder.parent).as_posix()],
                    "source": f"minimax {name}",
                }
                if clip.name in prompts:
                    values["reference_text"] = prompts[clip.name]
                yield Record(line, values)


_FOLDERS = {"zh-cn": "chinese"}
"""Languages that the test set names otherwise than we do."""


def _pairs(file: Path, shape: str) -> Iterator[tuple[int, str, str]]:
    for line, text in lines_of(file):
        name, bar, rest = (part.strip() for part in text.partition("|"))
        if not (name and bar and rest):
            raise UsageError(f"{file}:{line}: write {shape}")
        yield line, name, rest


def _clip(file: Path, line: int, folder: Path, speaker: str) -> Path:
    place = folder / speaker
    if Path(speaker).name != speaker or not place.is_dir():
        raise UsageError(f"{file}:{line}: speaker '{speaker}' has no folder below {folder}")
    clips = sorted(path for path in place.iterdir() if path.suffix.lower() in _SOUND)
    if not clips:
        raise UsageError(f"{file}:{line}: {place} holds no clip; fetch the whole test set")
    return clips[0]
