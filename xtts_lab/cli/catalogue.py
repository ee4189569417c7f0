"""`xtts-lab list KIND`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator

from xtts_lab import config, registry
from xtts_lab.cli import DONE
from xtts_lab.errors import UsageError


def show(kind: str) -> int:
    """Print the names of a kind, what each is, and its settings with their defaults."""
    for name in registry.targets(kind):
        try:
            lines = list(_described(kind, name))
        except UsageError as error:  # of a package that is not ours: the others are still there
            lines = [f"{name}: broken: {error}"]
        print("\n".join(lines))
    return DONE


def _described(kind: str, name: str) -> Iterator[str]:
    target = registry.lookup(kind, name)
    yield f"{name}: {(inspect.getdoc(target) or '').partition(chr(10))[0]}"
    for key, field in config.schema(target).model_fields.items():
        annotation = str(field.annotation).replace("typing.", "")
        if isinstance(field.annotation, type):
            annotation = field.annotation.__name__
        default = "required" if field.is_required() else json.dumps(field.default, default=str)
        yield f"    {key}: {annotation} = {default}"
