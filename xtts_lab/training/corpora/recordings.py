"""Recorded speech in the folder of a corpus: filtered, trimmed, at one rate and level.

Clips that a filter refuses are counted in the card (`refused`), never passed over in silence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import files
from xtts_lab.errors import UsageError
from xtts_lab.training.corpora import folder as layout
from xtts_lab.training.corpora.layouts import Recording
from xtts_lab.training.corpora.planning import ENROLMENT
from xtts_lab.training.corpora.texts import folded, split_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

HELD_OUT = 0.05
"""The share of speakers that validation has where a corpus has no splits, and test as well."""
FEW = 10
"""With fewer speakers than this and no splits of its own, a corpus is split by texts."""

FRAME_S = 0.02
MARGIN_S = 0.1


@dataclass(frozen=True)
class Filters:
    """Which clips are good enough; what a clip is compared with, it is after trimming.

    `shortest_s`, `longest_s`; `quietest_db`: RMS to full scale; `clipped`: the largest share of
    samples at full scale; `silent`: the largest share of 20 ms frames 40 dB below the loudest;
    `level_db`: what its RMS is brought to, as far as peaks allow.
    """

    shortest_s: float = 1.0
    longest_s: float = 20.0
    quietest_db: float = -60.0
    clipped: float = 0.001
    silent: float = 0.5
    level_db: float = -23.0


def plan(found: Sequence[Recording], folder: Path, filters: Filters, seed: int) -> None:
    """Write the plan of a corpus of recordings; `UsageError` where a file is absent."""
    import pandas as pd

    for recording in found:
        if not recording.path.is_file():
            raise UsageError(f"{recording.path} is listed and not there")
    splits = _splits(found, seed)
    rows = [row for _, part in groupby(found, _speaker) for row in _rows(list(part), splits)]
    kept = _text_disjoint(rows)
    table = pd.DataFrame(kept)
    table.insert(0, "shard", layout.shards(len(table)))
    layout.write_table(layout.plan_path(folder), table)
    files.write_json(layout.speakers_path(folder), {row["speaker"]: {} for row in rows})
    card = _card(table, filters, seed) | {"texts_left_out": len(rows) - len(kept)}
    files.write_json(layout.card_path(folder), card)


def _speaker(recording: Recording) -> str:
    return recording.speaker


def _splits(found: Sequence[Recording], seed: int) -> Callable[[Recording], layout.Split]:
    """Return what says a clip's split: the corpus, else the speaker's hash, else the text's."""
    speakers = {recording.speaker for recording in found}

    def split(clip: Recording) -> layout.Split:
        by_hash = split_of(clip.text) if len(speakers) < FEW else _split_of(clip.speaker, seed)
        return clip.split or by_hash

    return split


def _text_disjoint(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out of train what validation or test says, and of validation what test says."""
    said: dict[str, set[str]] = {split: set() for split in layout.SPLITS}
    for row in rows:
        said[row["split"]].add(folded(row["text"]))
    later = {
        "train": said["validation"] | said["test"],
        "validation": said["test"],
        "test": set(),
    }
    return [
        row for row in rows if not row["text"] or folded(row["text"]) not in later[row["split"]]
    ]


def _rows(
    clips: list[Recording], split: Callable[[Recording], layout.Split]
) -> list[dict[str, Any]]:
    """Return a speaker's rows; a held-out speaker's end with enrolment, if there are enough."""
    splits = [split(clip) for clip in clips]
    apart = ENROLMENT if "train" not in splits and len(clips) > 2 * ENROLMENT else 0
    phonemes = _phonemes(clips)
    return [
        {
            "id": f"{clip.speaker}-{index:05d}",
            "language": clip.language,
            "speaker": clip.speaker,
            "split": splits[index],
            "role": "enrolment" if index >= len(clips) - apart else "utterance",
            "text": clip.text,
            "phonemes": phonemes[index],
            "path": str(clip.path.resolve()),
            "rate_hz": clip.sample_rate or 0,
        }
        for index, clip in enumerate(clips)
    ]


def _split_of(speaker: str, seed: int) -> layout.Split:
    place = hashlib.sha256(f"xtts_lab speaker {seed} {speaker}".encode()).digest()[0] / 256
    return "test" if place < HELD_OUT else "validation" if place < 2 * HELD_OUT else "train"


def _phonemes(clips: Sequence[Recording]) -> list[str]:
    """Return the IPA of each clip's text, empty where there is none."""
    from xtts_lab.espeak.engine import Engine
    from xtts_lab.espeak.ipa import to_ipa_each

    spoken = [""] * len(clips)
    with Engine() as engine:
        for language in sorted({clip.language for clip in clips}):
            own = [i for i, c in enumerate(clips) if c.language == language and c.text.strip()]
            ipa = to_ipa_each(engine, [clips[i].text for i in own], language)
            for index, phonemes in zip(own, ipa, strict=True):
                spoken[index] = phonemes
    return spoken


def _card(table: pd.DataFrame, filters: Filters, seed: int) -> dict[str, Any]:
    speakers = table.groupby("split")["speaker"].nunique()
    content = table.drop(columns="path").to_csv(index=False, lineterminator="\n")
    return {
        "name": "recordings",
        "version": layout.VERSION,
        "seed": seed,
        "recipe": {"filters": asdict(filters)},
        "sample_rate": layout.SAMPLE_RATE,
        "languages": sorted(set(table["language"])),
        "speakers": {str(split): int(count) for split, count in speakers.items()},
        "items": len(table),
        "plan_sha256": hashlib.sha256(content.encode()).hexdigest(),
    }


class Recordings:
    """Renders a plan of recordings, as the synthetic worlds render theirs."""

    name = "recordings"

    def ready(self) -> None:
        """Nothing to make."""

    def renderer(self, _device: str, recipe: Mapping[str, Any]) -> RecordingRenderer:
        return RecordingRenderer(Filters(**recipe["filters"]))


class RecordingRenderer:
    """Reads a clip; one that a filter refuses comes out empty, and the index leaves it out."""

    def __init__(self, filters: Filters) -> None:
        self._filters = filters

    def render(self, item: Mapping[str, Any], _speaker: Mapping[str, Any]) -> NDArray[np.float32]:
        import numpy as np

        from xtts_lab.audio import AudioError, load, resample

        try:
            audio = load(Path(item["path"]), item["rate_hz"] or None)
            samples = resample(audio, layout.SAMPLE_RATE).samples.numpy()
        except AudioError:
            return np.zeros(0, np.float32)
        return cleaned(samples, self._filters)


def cleaned(samples: NDArray[np.float32], filters: Filters) -> NDArray[np.float32]:
    """Return float32 [T] at 24 kHz trimmed and levelled; empty where a filter refuses it."""
    import numpy as np

    nothing = np.zeros(0, np.float32)
    loud = _loud_frames(samples)
    if not loud.any():
        return nothing
    frame, margin = int(FRAME_S * layout.SAMPLE_RATE), int(MARGIN_S * layout.SAMPLE_RATE)
    places = np.flatnonzero(loud)
    start, end = max(0, places[0] * frame - margin), (places[-1] + 1) * frame + margin
    speech = samples[start:end]
    seconds = len(speech) / layout.SAMPLE_RATE
    rms = float(np.sqrt(np.mean(np.square(speech, dtype=np.float64))))
    silent = 1 - float(loud[places[0] : places[-1] + 1].mean())
    good = (
        filters.shortest_s <= seconds <= filters.longest_s
        and 20 * np.log10(rms) >= filters.quietest_db
        and float((np.abs(speech) >= 0.999).mean()) <= filters.clipped
        and silent <= filters.silent
    )
    if not good:
        return nothing
    gain = min(10 ** (filters.level_db / 20) / rms, 0.97 / float(np.abs(speech).max()))
    return np.asarray(speech * np.float32(gain), np.float32)


def _loud_frames(samples: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say of each 20 ms frame whether it is within 40 dB of the loudest."""
    import numpy as np

    frame = int(FRAME_S * layout.SAMPLE_RATE)
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    energy = np.mean(np.square(whole, dtype=np.float64), axis=1)
    return np.asarray(energy > max(1e-10, 1e-4 * float(energy.max(initial=0.0))))
