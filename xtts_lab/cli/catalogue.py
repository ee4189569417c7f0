"""`xtts-lab list KIND`."""

from __future__ import annotations

import inspect
import json

from xtts_lab import config, registry
from xtts_lab.cli import DONE


def show(kind: str) -> int:
    """Print the names of a kind, what each is, and its settings with their defaults."""
    for name in registry.targets(kind):
        target = registry.lookup(kind, name)
        print(f"{name}: {(inspect.getdoc(target) or '').partition(chr(10))[0]}")
        for key, field in config.schema(target).model_fields.items():
            annotation = str(field.annotation).replace("typing.", "")
            if isinstance(field.annotation, type):
                annotation = field.annotation.__name__
            default = "required" if field.is_required() else json.dumps(field.default, default=str)
            print(f"    {key}: {annotation} = {default}")
    return DONE
