"""The unseen speakers of a corpus as a test set that experiments read: WAV files and manifests.

For each utterance of a speaker: its recording as the target, other utterances of the same speaker
as references, and the speaker's enrolment clips. References are of about so many seconds each
manifest: clips one after the other until they suffice, the last one cut. Each reference has its
words, those of a cut one cut as well: a conditioner may read them (`valle`).
"""

from __future__ import annotations

import json
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


def write_test_set(
    corpus: Corpus,
    folder: Path,
    *,
    split: Split = "test",
    speakers: int | None = None,
    per_speaker: int = 4,
    languages: int | None = None,
    reference_s: Sequence[float] = (3.0, 6.0, 12.0),
) -> dict[str, int]:
    """Write `manifest-3s.jsonl` and so on, and `audio/`; return how many items and speakers.

    Each speaker's first `per_speaker` utterances in each language are items; the references come
    from the others, in the item's language where there are enough. `speakers`: only so many, the
    first. `languages`: so many of each speaker, English (or their first by the alphabet) and the
    others in turn; an item's references do not depend on it. Raises `UsageError` where the split
    has no audio yet, and for counts below one.
    """
    counts = {"speakers": speakers, "per_speaker": per_speaker, "languages": languages}
    for name, count in counts.items():
        if count is not None and count < 1:
            raise UsageError(f"{name}: must be at least 1, not {count}")
    table = corpus.split(split)
    if not len(table):
        raise UsageError(f"{corpus.folder}: nothing of its split '{split}' is rendered yet")
    chosen = list(table.groupby("speaker"))[:speakers]
    spoken = [
        _Speaker(corpus, str(name), part, folder, _languages(part, number, languages))
        for number, (name, part) in enumerate(chosen)
    ]
    items = 0
    for seconds in reference_s:
        rows = [row for one in spoken for row in one.rows(per_speaker, seconds)]
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        files.write_text(folder / f"manifest-{seconds:g}s.jsonl", "".join(lines))
        items = len(rows)
    return {"items": items, "speakers": len(spoken)}


def _languages(spoken: Any, number: int, count: int | None) -> set[str]:
    """Return `count` of the languages of speaker `number`: their first, and the others in turn."""
    there = set(spoken["language"])
    first, *others = sorted(there, key=lambda code: (code != "en", code))
    if count is None or not others:
        return there
    return {first, *((others * 2)[number % len(others) :][: min(count - 1, len(others))])}


class _Speaker:
    def __init__(
        self, corpus: Corpus, name: str, spoken: Any, folder: Path, languages: set[str]
    ) -> None:
        self._corpus, self._name, self._folder = corpus, name, folder
        self._spoken, self._languages = list(spoken.itertuples()), languages
        held = corpus.items[
            (corpus.items["speaker"] == name) & (corpus.items["role"] == "enrolment")
        ]
        self._enrolment = [self._write(int(number)) for number in held.index]

    def rows(self, count: int, seconds: float) -> list[dict[str, Any]]:
        chosen = of_speaker(self._spoken, self._corpus.sample_rate, count, seconds)
        of = self._corpus.items["language"]
        return [self._row(item) for item in chosen if of.iloc[item.number] in self._languages]

    def _row(self, chosen: ChosenItem) -> dict[str, Any]:
        item = self._corpus.items.iloc[chosen.number]
        return {
            **{name: str(item[name]) for name in ("id", "text", "language", "speaker")},
            "target": self._write(chosen.number),
            "references": [self._reference(number, size) for number, size in chosen.references],
            "enrolment": self._enrolment,
        }

    def _reference(self, number: int, size: int) -> dict[str, str]:
        """An item's first `size` samples, and what they say."""
        item = self._corpus.items.iloc[number]
        language = str(item["language"])
        said = cut(str(item["text"]), size / int(item["samples"]), language)
        return {"audio": self._write(number, size), "text": said, "language": language}

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
