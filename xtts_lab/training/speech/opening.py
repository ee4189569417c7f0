"""The corpora that a stage's settings name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from xtts_lab.errors import UsageError
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.stage import Context

FRESH = "fresh"
CorpusName: TypeAlias = str | dict[str, str]
"""A folder, or a run's name beside this one; `{formant16: fresh}`: drawn afresh while it trains."""


def open_corpora(context: Context, names: Sequence[CorpusName]) -> list[Corpus]:
    """Open the corpora of `stage.corpora`; `UsageError` for one that is not there."""
    opened = []
    for name in names:
        for folder, how in ({name: ""} if isinstance(name, str) else name).items():
            if how not in ("", FRESH):
                raise UsageError(f"stage.corpora: {folder}: '{how}' says nothing; write '{FRESH}'")
            opened.append(Corpus.open(context.path(folder, "stage.corpora"), how == FRESH))
    return opened
