"""The built-in sentences: written for this project, one file a language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from xtts_lab import registry, yaml_loader
from xtts_lab.errors import UsageError
from xtts_lab.types import LANGUAGES, SpeakerAudio


@dataclass(frozen=True)
class Sentence:
    """A sentence of a test set.

    `spoken` is how it is read aloud where that differs from the text. `speaker` and `target` (a
    recording of it) are known where it comes from a manifest; so are `voice`, where the manifest's
    row names references or enrolment itself, and `audio`, what another program made of the text.
    """

    id: str
    text: str
    language: str
    spoken: str | None = None
    length: str | None = None
    tags: tuple[str, ...] = ()
    speaker: str | None = None
    target: Path | None = None
    voice: SpeakerAudio | None = None
    audio: Path | None = None


def builtin(language: str) -> tuple[Sentence, ...]:
    """Return the test sentences of a language: the plain ones, then the hard ones."""
    content = _content(language)
    return tuple(
        Sentence(
            id=f"{language}-{item['id']}",
            text=item["text"],
            language=language,
            spoken=item.get("spoken"),
            length=item.get("length"),
            tags=(section, *item.get("tags", ())),
        )
        for section in ("plain", "hard")
        for item in content[section]
    )


def prompts(language: str) -> tuple[str, ...]:
    """Return the sentences that synthetic speakers' clips say; none is a test sentence."""
    return tuple(item["text"] for item in _content(language)["prompts"])


@cache
def _content(language: str) -> dict[str, Any]:
    if language not in LANGUAGES:
        raise UsageError(registry.unknown("language", language, LANGUAGES))
    source = files("xtts_lab.data").joinpath("sentences", f"{language}.yaml")
    content: dict[str, Any] = yaml_loader.load(source.read_text(encoding="utf-8"))
    return content
