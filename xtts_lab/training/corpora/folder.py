"""What a corpus folder holds, for those who write it and those who read it.

corpus.json       the card: name, version, seed, recipe, sample_rate, hours, speakers, hash, ...
plan.parquet      every item, with all that determines its samples
speakers.json     speaker -> what determines the voice
items.parquet     the items of finished shards, with their place in the audio
audio/00000.pcm   a shard: int16 little-endian mono, its items one after the other
audio/00000.json  the samples of each of its items, in order; written last
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from xtts_lab import files
from xtts_lab.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

VERSION = 1
SAMPLE_RATE = 24000
Split: TypeAlias = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
COLUMNS = (
    "id", "language", "speaker", "split", "text", "phonemes", "shard", "start", "samples", "role",
)  # fmt: skip
"""The columns of items.parquet. `start` and `samples` count samples within the shard; `role` is
`utterance` or `enrolment`; `phonemes` is `espeak.ipa.to_ipa` of the text."""


SHARD_ITEMS = 64
FEWEST_SHARDS = 16
"""Small corpora have smaller shards, so that several processes share them, too."""


def shards(items: int) -> list[int]:
    """Return the shard of each item."""
    size = max(1, min(SHARD_ITEMS, items // FEWEST_SHARDS))
    return [index // size for index in range(items)]


def card_path(folder: Path) -> Path:
    return folder / "corpus.json"


def items_path(folder: Path) -> Path:
    return folder / "items.parquet"


def plan_path(folder: Path) -> Path:
    return folder / "plan.parquet"


def speakers_path(folder: Path) -> Path:
    return folder / "speakers.json"


def shard_path(folder: Path, shard: int) -> Path:
    return folder / "audio" / f"{shard:05d}.pcm"


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card; raises `UsageError` for a folder that is no corpus of this version."""
    path = card_path(folder)
    if not path.is_file():
        raise UsageError(f"{folder} is no corpus: it has no corpus.json; see xtts-lab corpus")
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is not JSON ({error}); make the corpus again") from None
    if card.get("version") != VERSION:
        raise UsageError(
            f"{path} is of version {card.get('version')}, and this is {VERSION}: make it again"
        )
    return card


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a parquet file atomically, without pandas' notes: any version of it reads it."""
    import pyarrow
    from pyarrow import parquet

    plain = pyarrow.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    files.write_with(path, lambda partial: parquet.write_table(plain, partial, compression="zstd"))


def write_shard(folder: Path, shard: int, clips: Sequence[NDArray[np.int16]]) -> None:
    """Write a shard's audio, then the lengths that say it is whole."""
    path = shard_path(folder, shard)

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            for clip in clips:
                file.write(clip.astype("<i2").tobytes())

    files.write_with(path, write)
    files.write_json(path.with_suffix(".json"), [len(clip) for clip in clips])


def shard_lengths(folder: Path, shard: int) -> list[int] | None:
    """Return the samples of each item of a finished shard, None where it is not finished."""
    path = shard_path(folder, shard)
    try:
        lengths: list[int] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return lengths if path.is_file() and path.stat().st_size == 2 * sum(lengths) else None
