"""What may be asked of an utterance in numbers: speed, lengths, seeds."""

from __future__ import annotations

import hashlib
import operator

from xtts_lab.errors import UsageError

SLOWEST, FASTEST = 0.05, 10.0
"""The reference implementation, too, goes no slower; over ten times as fast nothing is left."""

LEAST_SEED, MOST_SEED = -(2**63), 2**64 - 1
"""What torch's generators take."""


def check_speed(speed: float) -> None:
    """Raise `UsageError` for a speed at which nobody can speak; NaN is one."""
    try:
        holds = SLOWEST <= float(speed) <= FASTEST
    except (TypeError, ValueError, OverflowError):
        holds = False
    if not holds:
        raise UsageError(
            f"speed: {speed} does not work; it must be from {SLOWEST} to {FASTEST:g} (1 is normal)"
        )


def check_count(name: str, count: int) -> None:
    """Raise `UsageError` for what is no whole number from 1 up."""
    index = _index(count)
    if index is None or index < 1:
        raise UsageError(f"{name}: {count} does not work; it must be a whole number of at least 1")


def checked_seed(seed: int) -> int:
    """Return a seed, of any whole kind, as an int; `UsageError` for what nothing can start from."""
    index = _index(seed)
    if index is None or not LEAST_SEED <= index <= MOST_SEED:
        raise UsageError(f"seed: {seed} does not work; it must be a whole number below 2**64")
    return index


def piece_seed(seed: int, index: int) -> int:
    """Return the seed of a text's piece: the request's for the first, then derived from it."""
    if index == 0:
        return seed
    return int(hashlib.sha256(f"{seed}/{index}".encode()).hexdigest()[:8], 16) & 0x7FFF_FFFF


def _index(value: object) -> int | None:
    """Return a whole number of any kind (numpy's, say) as an int; None for what is none."""
    try:
        return None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
