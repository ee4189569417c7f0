"""A model of sizes that nobody can mean: refused before anybody tries to build it."""

from __future__ import annotations

import dataclasses

from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig
from xtts_lab.sizes import first_beyond, first_too_long


def check_sizes(config: ModelConfig) -> ModelConfig:
    """Return a configuration. Raises `UsageError` for a size that would never fit any memory."""
    sizes = dataclasses.asdict(config)
    found = first_too_long(sizes) or first_beyond(sizes)
    if found is not None:
        raise UsageError(f"config.json: {found[0]}: {found[1]}")
    return config
