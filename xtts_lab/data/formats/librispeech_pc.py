"""LibriSpeech-PC test-clean, cross-sentence, as F5-TTS lists it: six columns between tabs.

`ref_utt, ref_dur, ref_txt, gen_utt, gen_dur, gen_txt`, no header: the prompt, and what is to be
said in its voice. The list lies in the folder `LibriSpeech`, beside
`test-clean/<speaker>/<chapter>/<utt>.flac`. A recording of the text is there, the speaker known.
"""

from __future__ import annotations

from collections.abc import Iterator

from xtts_lab.data.formats.records import Record, Source, lines_of
from xtts_lab.errors import UsageError

SUBSET = "test-clean"


def read(source: Source) -> Iterator[Record]:
    """Yield the records. Raises `UsageError`, naming file and line, for wrong fields."""
    for line, text in lines_of(source.path):
        cells = [cell.strip() for cell in text.split("\t")]
        if len(cells) != 6:
            raise UsageError(
                f"{source.path}:{line}: {len(cells)} fields between tabs; write ref_utt, ref_dur, "
                "ref_txt, gen_utt, gen_dur, gen_txt"
            )
        prompt, _, prompt_text, said, _, said_text = cells
        values = {
            "id": said,
            "text": said_text,
            "speaker": said.partition("-")[0],
            "language": source.language or "en",
            "path": _clip(source, line, said),
            "references": [_clip(source, line, prompt)],
            "reference_text": prompt_text,
            "source": f"librispeech {SUBSET}",
        }
        yield Record(line, values)


def _clip(source: Source, line: int, name: str) -> str:
    parts = name.split("-")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise UsageError(
            f"{source.path}:{line}: '{name}' is no utterance of LibriSpeech; write "
            "speaker-chapter-number"
        )
    return f"{SUBSET}/{parts[0]}/{parts[1]}/{name}.flac"
