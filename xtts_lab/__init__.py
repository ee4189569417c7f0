"""xtts_lab: take an XTTS-style multilingual TTS apart, swap one part, and measure what it did.

Importing the package loads neither torch nor any instrument: `XTTS` is loaded at its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xtts_lab.api import XTTS

__version__ = "0.1.0"

__all__ = ["XTTS", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "XTTS":
        from xtts_lab.api import XTTS

        return XTTS
    raise AttributeError(f"module 'xtts_lab' has no attribute '{name}'")
