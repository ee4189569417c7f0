"""How pYIN's loops are compiled: at their first call, and kept where `compiled.keep_apart` says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

Made = TypeVar("Made", bound=Callable[..., Any])


def compiled(function: Made) -> Made:
    """Compile a function that lets other threads work meanwhile; kept on disk if that can be."""
    made: Made
    try:
        made = njit(cache=True, nogil=True)(function)
    except RuntimeError:
        made = njit(nogil=True)(function)
    return made
