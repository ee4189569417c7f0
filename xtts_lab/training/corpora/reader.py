"""A corpus as training reads it: a table of items, and their samples by memmap."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab.errors import UsageError
from xtts_lab.training.corpora import folder as layout

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Corpus:
    """`items`: one row an item, numbered from 0 (see `folder.COLUMNS`); `card`: corpus.json.

    A corpus whose rendering goes on shows the items that were there when it was opened. `fresh`:
    its world is to speak while a model learns (see `training.speech.fresh`).
    """

    folder: Path
    card: dict[str, Any]
    items: pd.DataFrame
    fresh: bool = False

    @classmethod
    def open(cls, folder: Path | str, fresh: bool = False) -> Corpus:
        """Open a corpus folder; raises `UsageError` for what is none, or has no audio yet."""
        import pandas as pd

        folder = Path(folder)
        card = layout.read_card(folder)
        path = layout.items_path(folder)
        if not path.is_file():
            raise UsageError(f"{folder} is planned and not rendered; see xtts-lab corpus --help")
        return cls(folder, card, pd.read_parquet(path), fresh)

    @property
    def sample_rate(self) -> int:
        return int(self.card["sample_rate"])

    def split(self, name: layout.Split, role: str = "utterance") -> pd.DataFrame:
        """Return the items of a split, under their numbers in `items`."""
        return self.items[(self.items["split"] == name) & (self.items["role"] == role)]

    def planned(self, name: layout.Split) -> pd.DataFrame:
        """Return the items of a split, those that are not rendered yet among them."""
        import pandas as pd

        path = layout.plan_path(self.folder)
        items = pd.read_parquet(path) if path.is_file() else self.items
        return items[items["split"] == name]

    def samples(self, index: int) -> NDArray[np.int16]:
        """Return an item's samples, int16 [T], a view of the file; may be read from any thread."""
        shard, start, count = self._places[index]
        return _mapped(layout.shard_path(self.folder, shard))[start : start + count]

    @cached_property
    def _places(self) -> list[tuple[int, int, int]]:
        columns = (self.items[name].tolist() for name in ("shard", "start", "samples"))
        return list(zip(*columns, strict=True))


@lru_cache(maxsize=4096)
def _mapped(path: Path) -> NDArray[np.int16]:
    import numpy as np

    return np.memmap(path, dtype="<i2", mode="r")
