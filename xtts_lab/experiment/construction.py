"""Construct systems and instruments by name, and say what determines their output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtts_lab import config, registry
from xtts_lab.device import device_class
from xtts_lab.yaml_file import Document, Where


def construct(kind: str, spec: Mapping[str, Any], device: str | None) -> Any:
    """Build a part from its resolved spec; `device` replaces its own where it has one."""
    name = str(spec["name"])
    has_device = "device" in config.schema(registry.lookup(kind, name)).model_fields
    chosen = {**spec, "device": device} if device is not None and has_device else dict(spec)
    return config.build(kind, chosen, Where(Document(f"{kind} {name}")))


def identity(part: Any, spec: Mapping[str, Any], device: str | None) -> dict[str, Any]:
    """Return what determines a part's output: configuration, weights, and the class of device."""
    own = {key: value for key, value in spec.items() if key != "device"}
    result: dict[str, Any] = {"spec": own, "identity": dict(part.identity), "dtype": "float32"}
    if "device" in spec:
        result["device"] = device_class(device or str(spec["device"]))
    return result


def describe(error: BaseException) -> str:
    """Return what a part raised as one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
