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
RECORDINGS = "recordings"
"""The corpus that is read from disk; it renders as the worlds do, and is planned otherwise."""


class Renderer(Protocol):
    """Speaks; one a process. Loads what it needs when it is made."""

    def render(self, item: Mapping[str, Any], speaker: Mapping[str, Any]) -> NDArray[np.float32]:
        """Return an item's speech without its nuisance, but at its rate: float32 [T], 24 kHz."""
        ...


class Source(Protocol):
    """What a corpus is rendered from."""

    def ready(self) -> None:
        """Make what all renderers read, once, before their processes start."""
        ...

    def renderer(self, device: str, recipe: Mapping[str, Any]) -> Renderer:
        """Return what speaks; `recipe` is the card's."""
        ...


class World(Source, Protocol):
    """A source of endless speech, in `languages`; an utterance lasts `seconds` on average."""

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


def world(name: str) -> World:
    """Return a world by name; raises `UsageError` for one that there is not."""
    if name not in WORLDS:
        raise UsageError(unknown("corpus", name, WORLDS))
    module, _, attribute = WORLDS[name].partition(":")
    made: World = getattr(importlib.import_module(module), attribute)()
    return made


def source(name: str) -> Source:
    """Return what the corpus of a card's name is rendered from."""
    if name != RECORDINGS:
        return world(name)
    from xtts_lab.training.corpora.recordings import Recordings

    return Recordings()
