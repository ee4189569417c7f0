"""The fields of a request that only some servers know, filled in from the utterance."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from xtts_lab import registry
from xtts_lab.errors import UsageError
from xtts_lab.languages import language_name
from xtts_lab.types import Reference, Request

PLACEHOLDERS = ("language", "language_name", "seed", "reference", "reference_text")
_BRACED = re.compile(r"\{([^{}]*)\}")
MOST_REFERENCE_BYTES = 64 * 2**20


def check(extra: Any, place: str) -> None:
    """Raise `UsageError` for a value in braces that is no placeholder."""
    for name in named(extra):
        if name not in PLACEHOLDERS:
            raise UsageError(f"{place}: {registry.unknown('placeholder', name, PLACEHOLDERS)}")


def named(extra: Any) -> Iterator[str]:
    """Yield the names of the values that are in braces, at any depth."""
    if isinstance(extra, str):
        found = _BRACED.fullmatch(extra)
        if found:
            yield found[1]
    elif isinstance(extra, Mapping):
        for value in extra.values():
            yield from named(value)
    elif isinstance(extra, list | tuple):
        for value in extra:
            yield from named(value)


def filled(extra: Any, values: Mapping[str, Any]) -> Any:
    """Return fields with what the utterance says; a field that it says nothing of is left out."""
    if isinstance(extra, str):
        found = _BRACED.fullmatch(extra)
        return values.get(found[1]) if found else extra
    if isinstance(extra, Mapping):
        made = {key: filled(value, values) for key, value in extra.items()}
        return {key: value for key, value in made.items() if value is not None}
    if isinstance(extra, list | tuple):
        return [filled(value, values) for value in extra]
    return extra


def values_of(request: Request, voice: Mapping[str, str]) -> dict[str, Any]:
    """Return what placeholders stand for; `voice` is that of `voice_of`."""
    return {
        "language": request.language,
        "language_name": language_name(request.language),
        "seed": request.seed,
        **voice,
    }


def voice_of(references: tuple[Reference, ...] | list[Reference], wanted: bool) -> dict[str, str]:
    """Return the first reference as a data URL with what it says, if that is `wanted`.

    Raises `OSError` for audio that cannot be read, `ValueError` for a very long file.
    """
    if not (wanted and references):
        return {}
    first = references[0]
    with first.audio.open("rb") as file:
        data = file.read(MOST_REFERENCE_BYTES + 1)
    if len(data) > MOST_REFERENCE_BYTES:
        raise ValueError(f"{first.audio.name}: over {MOST_REFERENCE_BYTES:,} bytes, not sent")
    kind = first.audio.suffix.lower().lstrip(".") or "wav"
    url = f"data:audio/{kind};base64,{base64.b64encode(data).decode()}"
    return {"reference": url, **({"reference_text": first.text} if first.text else {})}
