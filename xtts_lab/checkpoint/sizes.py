"""Sizes that no model has: refused before anybody tries to build it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig

MOST = 1_000_000
"""Of widths, codes, tokens, samples a second and all else that is counted."""

MOST_TURNS = 1_000
"""Of what is built or run one after the other: layers, blocks, heads, steps."""

_TURNS = ("layers", "blocks", "heads", "steps", "iterations")


def check_sizes(config: ModelConfig) -> ModelConfig:
    """Return a configuration. Raises `UsageError` for a size that would never fit any memory."""
    for name, value in _numbers(dataclasses.asdict(config), ""):
        most = MOST_TURNS if name.endswith(_TURNS) else MOST
        if not -most <= value <= most:
            raise UsageError(f"config.json: {name}: {value:g} is no size; at most {most:,}")
    return config


def _numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
    """Yield every whole number with its dotted name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _numbers(inner, name)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield name, value
