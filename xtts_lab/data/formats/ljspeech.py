"""LJSpeech's `metadata.csv`: `id|text|normalised text`, no header, recordings in `wavs/<id>.wav`.

Quotes mean nothing there. Language and speaker do not stand in the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from xtts_lab.data.formats.records import Record, Source, lines_of
from xtts_lab.errors import UsageError


def read(source: Source) -> Iterator[Record]:
    """Yield the records. Raises `UsageError`, naming file and line, for wrong fields."""
    if source.speaker is None:
        raise UsageError(f"{source.path}: LJSpeech files name no speaker; set speaker (--speaker)")
    for line, text in lines_of(source.path):
        cells = [cell.strip() for cell in text.split("|")]
        if len(cells) not in (2, 3) or not cells[0]:
            raise UsageError(f"{source.path}:{line}: write id|text|normalised text, not more")
        values = {"id": cells[0], "text": cells[1], "path": f"wavs/{cells[0]}.wav"}
        if len(cells) == 3 and cells[2] and cells[2] != cells[1]:
            values["spoken"] = cells[2]
        yield Record(line, values)
