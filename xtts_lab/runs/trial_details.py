"""What a system measured of a trial beside its audio, in the types of the table of trials."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from xtts_lab.types import Json

COLUMNS: Mapping[str, str] = {
    "prefix_length": "Int64", "reference_s": "float64", "tight_steps": "Int64",
    "unspoken": "string", "references_left_out": "string", "cost_usd": "float64",
}  # fmt: skip
"""Columns of `trials.parquet`; what a system does not say is null. Others stay in the journal."""


_ALLOWED: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "Int64": (int, "an integer"),
    "float64": ((int, float), "a number"),
    "string": (str, "text"),
}


class DetailError(ValueError):
    """Details that cannot be recorded; the message is one line."""


def checked(details: Mapping[str, Json]) -> dict[str, Any]:
    """Return details as they are recorded. Raises `DetailError` for a value of a wrong type."""
    try:
        known: dict[str, Any] = json.loads(json.dumps(dict(details), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise DetailError(f"the system's details are not JSON: {error}") from error
    for name, column in COLUMNS.items():
        value = known.get(name)
        allowed, what = _ALLOWED[column]
        if value is not None and (not isinstance(value, allowed) or isinstance(value, bool)):
            raise DetailError(f"the system's {name} must be {what}, not {value!r}")
    return known


def columns_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a trial's record; all null where it failed, or is of before them."""
    details: Mapping[str, Any] = record.get("details") or {}
    return {name: details.get(name) for name in COLUMNS}
