"""coqui's own metadata: `audio_file|text|transcription|speaker_name`, with that header or without.

`audio_file` is a natural recording. `transcription`, where a file has it, is the text as it is read
aloud. Any of the columns but the first two may be absent from a header, and others
(`emotion_name`) be there. The language does not stand in the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from xtts_lab.data.formats.records import Record, Source, lines_of, record_of
from xtts_lab.errors import UsageError

FIELDS = ("audio_file", "text", "transcription", "speaker_name")


def read(source: Source) -> Iterator[Record]:
    """Yield the records. Raises `UsageError`, naming file and line, for wrong fields."""
    header: tuple[str, ...] = FIELDS
    for index, (line, text) in enumerate(lines_of(source.path)):
        cells = tuple(cell.strip() for cell in text.split("|"))
        if index == 0 and FIELDS[0] in cells:
            header = cells
            if "text" not in header:
                raise UsageError(f"{source.path}:{line}: the header lacks the column text")
            continue
        if len(cells) != len(header):
            raise UsageError(f"{source.path}:{line}: {len(cells)} fields; write {'|'.join(header)}")
        values = dict(zip(header, cells, strict=True))
        spoken = values.pop("transcription", "")
        if spoken and spoken != values["text"]:
            values["spoken"] = spoken
        yield record_of(source.path, line, values.items())
