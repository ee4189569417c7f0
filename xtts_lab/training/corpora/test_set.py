"""The unseen speakers of a corpus as a test set that experiments read: WAV files and manifests.

For each utterance of a speaker: its recording as the target, other utterances of the same speaker
as references, and the speaker's enrolment clips. References are of about so many seconds each
manifest: clips one after the other until they suffice, the last one cut.
"""

from __future__ import annotations

import csv
import io
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import files
from xtts_lab.errors import UsageError
from xtts_lab.inference.transcripts import cut
from xtts_lab.training.corpora.chosen_items import ChosenItem, of_speaker
from xtts_lab.training.corpora.folder import Split
from xtts_lab.training.corpora.reader import Corpus

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEADER = (
    "id", "text", "language", "speaker", "target", "references", "reference_text",
    "reference_language", "enrolment",
)  # fmt: skip


def write_test_set(
    corpus: Corpus,
    folder: Path,
    *,
    split: Split = "test",
    per_speaker: int = 4,
    reference_s: Sequence[float] = (3.0, 6.0, 12.0),
) -> dict[str, int]:
    """Write `manifest-3s.csv` and so on, and `audio/`; return how many items and speakers.

    Each speaker's first `per_speaker` utterances in each language are items; the references come
    from the others, in the item's language where there are enough. Raises `UsageError` where the
    split has no audio yet.
    """
    table = corpus.split(split)
    if not len(table):
        raise UsageError(f"{corpus.folder}: nothing of its split '{split}' is rendered yet")
    speakers = [
        _Speaker(corpus, str(name), part, folder) for name, part in table.groupby("speaker")
    ]
    items = 0
    for seconds in reference_s:
        rows = [row for one in speakers for row in one.rows(per_speaker, seconds)]
        files.write_text(folder / f"manifest-{seconds:g}s.csv", _csv(rows))
        items = len(rows)
    return {"items": items, "speakers": len(speakers)}


class _Speaker:
    def __init__(self, corpus: Corpus, name: str, spoken: Any, folder: Path) -> None:
        self._corpus, self._name, self._folder = corpus, name, folder
        self._spoken = list(spoken.itertuples())
        held = corpus.items[
            (corpus.items["speaker"] == name) & (corpus.items["role"] == "enrolment")
        ]
        self._enrolment = [self._write(int(number)) for number in held.index]

    def rows(self, count: int, seconds: float) -> list[tuple[str, ...]]:
        chosen = of_speaker(self._spoken, self._corpus.sample_rate, count, seconds)
        return [self._row(item) for item in chosen]

    def _row(self, chosen: ChosenItem) -> tuple[str, ...]:
        items = self._corpus.items
        item = items.iloc[chosen.number]
        clips = [self._write(number, size) for number, size in chosen.references]
        heard = [(items.iloc[number], size) for number, size in chosen.references]
        first, size = heard[0] if heard else (item, 0)
        said = cut(str(first["text"]), size / int(first["samples"]), str(first["language"]))
        return (
            str(item["id"]),
            str(item["text"]),
            str(item["language"]),
            self._name,
            self._write(chosen.number),
            ";".join(clips),
            said if len(heard) == 1 else "",
            str(first["language"]),
            ";".join(self._enrolment),
        )

    def _write(self, number: int, size: int | None = None) -> str:
        """Write an item, or its beginning, unless it is there; return its path in the folder."""
        samples = self._corpus.samples(number)[:size]
        whole = size is None or size >= len(self._corpus.samples(number))
        name = str(self._corpus.items["id"].iloc[number]) + ("" if whole else f"-{len(samples)}")
        path = self._folder / "audio" / f"{name}.wav"
        if not path.is_file():
            files.write_with(path, lambda part: write_wav(part, samples, self._corpus.sample_rate))
        return f"audio/{name}.wav"


def write_wav(path: Path, samples: NDArray[np.int16], sample_rate: int) -> None:
    """Write int16 [T] as a mono WAV, with the standard library: libsndfile need not be there."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.astype("<i2").tobytes())


def _csv(rows: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows)
    return buffer.getvalue()
