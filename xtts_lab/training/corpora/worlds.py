"""The synthetic worlds: what a source of endless speakers says of itself."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Track: TypeAlias = Callable[[Iterable[Any], str, int], Iterable[Any]]
"""Shows progress: passes items on, given a label and how many there will be."""


def silent(items: Iterable[Any], _label: str, _total: int) -> Iterable[Any]:
    """Show nothing."""
    return items


WORLDS: dict[str, str] = {
    "formant16": "xtts_lab.training.corpora.formant:Formant16",
    "neural16": "xtts_lab.training.corpora.neural:Neural16",
}


class Renderer(Protocol):
    """Speaks; one a process. Loads what it needs when it is made."""

    def render(self, item: Mapping[str, Any], speaker: Mapping[str, Any]) -> NDArray[np.float32]:
        """Return an item's speech without its nuisance, but at its rate: float32 [T], 24 kHz."""
        ...


class World(Protocol):
    """A source of speech. `languages` in our order; `seconds` an utterance lasts on average."""

    name: str
    version: int
    languages: tuple[str, ...]
    seconds: float

    def speaker(self, source: random.Random) -> dict[str, Any]:
        """Draw what determines a voice, JSON-like."""
        ...

    def prepare(self, texts: Sequence[str], language: str) -> list[dict[str, str] | None]:
        """Return the columns that each text adds to the plan, `phonemes` among them.

        None for a text that cannot be spoken: another is drawn.
        """
        ...

    def ready(self) -> None:
        """Make what all renderers read, once, before their processes start."""
        ...

    def renderer(self, device: str) -> Renderer: ...


def world(name: str) -> World:
    """Return a world by name; raises `UsageError` for one that there is not."""
    if name not in WORLDS:
        raise UsageError(unknown("corpus", name, WORLDS))
    module, _, attribute = WORLDS[name].partition(":")
    made: World = getattr(importlib.import_module(module), attribute)()
    return made
