"""Sizes that nobody can mean: refused before anybody tries to build, or to wait for, them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MOST = 1_000_000
"""Of widths, codes, tokens, samples a second and all else that is counted."""

MOST_TURNS = 1_000
"""Of what is built one after the other: layers, blocks, heads."""

MOST_ENTRIES = 1_000
"""Of a list or a mapping in a part's settings."""

MOST_PARAMETERS = 10_000_000_000
"""Of one part: 40 GB in fp32."""

_MOST: Mapping[str, int] = {
    **dict.fromkeys(("layers", "blocks", "heads", "depth", "warmups"), MOST_TURNS),
    "beam_size": 100,
    "batch_size": 10_000,
}
"""By how a name ends."""
_FREE = ("seed",)


def first_too_long(settings: Any) -> tuple[str, str] | None:
    """Return the dotted name of the first list or mapping with too many entries, and why; or None.

    Cheap, so that it can be asked before anything else reads them.
    """
    pending = [("", settings)]
    while pending:
        place, value = pending.pop()
        if len(value) > MOST_ENTRIES:
            return place, f"{len(value):,} entries are no setting; at most {MOST_ENTRIES:,}"
        inner = value.items() if isinstance(value, Mapping) else ((None, one) for one in value)
        for key, one in inner:
            if isinstance(one, Mapping | list | tuple):
                pending.append((place if key is None else f"{place}.{key}".lstrip("."), one))
    return None


def first_beyond(settings: Any, least: int = -MOST) -> tuple[str, str] | None:
    """Return the dotted name of the first size in settings that nobody can mean, and why; or None.

    Whole numbers count, but seeds, from `least` on; others are shares, seconds and levels.
    """
    for place, value in _sized(settings, ""):
        most = next((limit for end, limit in _MOST.items() if place.endswith(end)), MOST)
        if not place.endswith(_FREE) and not least <= value <= most:
            if abs(value) > most:
                return place, f"{_short(value)} is no size; at most {most:,}"
            return place, f"{_short(value)} does not work; at least {least:,}"
    return None


def _sized(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every whole number."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _sized(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _sized(inner, name)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield name, value


def _short(value: int) -> str:
    shown = str(value)
    return shown if len(shown) <= 30 else f"a number of {len(shown)} digits"
