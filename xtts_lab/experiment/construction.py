"""Construct systems and instruments by name, and say what determines their output."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from xtts_lab import config, registry
from xtts_lab.device import device_class
from xtts_lab.errors import UsageError
from xtts_lab.notices import describe, say
from xtts_lab.runs.keys import PartContent
from xtts_lab.yaml_file import Document, Where


def construct(kind: str, spec: Mapping[str, Any], device: str | None) -> Any:
    """Build a part from its resolved spec; `device` replaces its own where it has one.

    Raises `UsageError` for whatever the part raises, its `sys.exit` included.
    """
    name = str(spec["name"])
    has_device = "device" in config.schema(registry.lookup(kind, name)).model_fields
    chosen = {**spec, "device": device} if device is not None and has_device else dict(spec)
    with blamed(f"{kind} {name}"):
        return config.build(kind, chosen, Where(Document(f"{kind} {name}")))


@contextmanager
def blamed(name: str) -> Iterator[None]:
    """Make whatever a part raises while it is set up a `UsageError` that names it."""
    try:
        yield
    except (UsageError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise UsageError(f"{name}: cannot be set up: {describe(error)}") from error


def content_of(part: Any, spec: Mapping[str, Any], device: str | None) -> PartContent:
    """Return what determines a part's output: settings, weights, and the class of device.

    Settings that the part calls free do not, nor does the size of its batches in fp32. Raises
    `UsageError` for whatever the part raises.
    """
    with blamed(str(spec["name"])):
        return _content_of(part, spec, device)


def _content_of(part: Any, spec: Mapping[str, Any], device: str | None) -> PartContent:
    free = {"device", *part.free_settings}
    if part.dtype == "float32":
        free |= {*part.batch_settings}
    return PartContent(
        settings=_without(spec, free),
        identity=dict(part.identity),
        dtype=part.dtype,
        device=device_class(device or str(spec["device"])) if "device" in spec else None,
    )


def _without(settings: Mapping[str, Any], free: Collection[str]) -> dict[str, Any]:
    """Return settings less those that `free` names, as dotted paths."""
    kept: dict[str, Any] = {}
    for key, value in settings.items():
        if key in free:
            continue
        inner = {path.partition(".")[2] for path in free if path.startswith(f"{key}.")}
        kept[key] = _without(value, inner) if inner and isinstance(value, Mapping) else value
    return kept


def close(part: Any) -> None:
    """Release what a part holds; a part that fails at that has done its work before."""
    try:
        part.close()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        say(f"{type(part).__name__}: cannot be closed: {describe(error)}")
