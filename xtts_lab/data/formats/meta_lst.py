"""seed-tts-eval's `meta.lst`: `utt|prompt_text|prompt_wav|text[|gt_wav]`, no header.

Where the fifth field is absent, `wavs/<utt>.wav` beside the file is the natural recording, if it
is there (the layout in which the test set is published). The language does not stand in the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from xtts_lab.data.formats.records import Record, Source, lines_of
from xtts_lab.errors import UsageError

FIELDS = ("id", "reference_text", "references", "text", "path")


def read(source: Source) -> Iterator[Record]:
    """Yield the records. Raises `UsageError`, naming file and line, for wrong fields."""
    for line, text in lines_of(source.path):
        cells = [cell.strip() for cell in text.split("|")]
        if len(cells) not in (4, 5):
            raise UsageError(
                f"{source.path}:{line}: {len(cells)} fields; write "
                "utt|prompt_text|prompt_wav|text or the same with |gt_wav"
            )
        values: dict[str, object] = {n: c for n, c in zip(FIELDS, cells, strict=False) if c}
        for name in ("id", "text"):
            if name not in values:
                raise UsageError(f"{source.path}:{line}: the {name} is empty; fill it in")
        if "references" in values:
            values["references"] = [values["references"]]
        beside = f"wavs/{values['id']}.wav"
        if len(cells) == 4 and os.path.isfile(source.path.parent / beside):  # noqa: PTH113
            values["path"] = beside
        yield Record(line, values)
