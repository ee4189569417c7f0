"""A corpus in codes: made once (`tokenise.py`), held in memory by every training.

A folder with `codes-P.npy` (uint16, all items one after the other; of a residual codec [n, L]),
`items-P.parquet` (the corpus's place in the list, start and count of the codes, and `TOLD` of the
corpus's item) for each part P, `vocab.json`, and `dvae.safetensors` or `rvq.safetensors`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xtts_lab import files
from xtts_lab.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

VOCABULARY = "vocab.json"
TOLD = ("id", "language", "speaker", "split", "role", "samples", "text", "phonemes")
"""What the table tells of a corpus's items: training needs no audio of what is to be said."""


@dataclass(frozen=True, eq=False)
class Codes:
    """`items`: columns corpus, start, count, and `TOLD`; `values` uint16."""

    items: pd.DataFrame
    values: NDArray[np.uint16]

    @classmethod
    def read(cls, folder: Path) -> Codes:
        """Read all parts. `UsageError` where some are missing."""
        import numpy as np
        import pandas as pd

        tables = sorted(folder.glob("items-*.parquet"))
        if not tables:
            raise UsageError(f"{folder}: holds no codes; run its stage 'tokenise' first")
        of = int(tables[0].stem.rpartition("of")[2])
        if len(tables) != of:
            raise UsageError(f"{folder}: holds {len(tables)} of {of} parts of codes; finish it")
        parts, values, start = [], [], 0
        for path in tables:
            part = pd.read_parquet(path)
            if not {"corpus", "start", "count", *TOLD} <= set(part.columns):
                raise UsageError(f"{path}: does not tell of its items; run 'tokenise' again")
            codes = np.load(_codes_path(folder, path.stem.removeprefix("items-")))
            parts.append(part.assign(start=part["start"] + start))
            values.append(codes)
            start += len(codes)
        return cls(pd.concat(parts, ignore_index=True), np.concatenate(values))

    def of(self, start: int, count: int) -> NDArray[np.uint16]:
        return self.values[start : start + count]


def write_part(
    folder: Path, part: int, of: int, items: pd.DataFrame, codes: NDArray[np.uint16]
) -> None:
    """Write one part: its codes, then the table that says it is whole."""
    import numpy as np

    name = f"{part:02d}of{of:02d}"
    files.write_with(_codes_path(folder, name), lambda partial: _save(partial, codes, np))
    table = folder / f"items-{name}.parquet"
    files.write_with(table, lambda partial: items.to_parquet(partial, index=False))


def has_part(folder: Path, part: int, of: int) -> bool:
    return (folder / f"items-{part:02d}of{of:02d}.parquet").is_file()


def _codes_path(folder: Path, name: str) -> Path:
    return folder / f"codes-{name}.npy"


def _save(path: Path, codes: NDArray[np.uint16], numpy: object) -> None:
    with path.open("wb") as file:
        numpy.save(file, codes)  # type: ignore[attr-defined]
