"""PyYAML's safe loader with libyaml's parser: the same documents in a fifth of the time.

PyYAML's own `CSafeLoader` also composes in C, where a document that is nested too deeply ends the
process; here Python composes, and that is a `RecursionError`. Without libyaml, which PyYAML's
wheels bring along, all of it is Python.
"""

from __future__ import annotations

from typing import IO, Any

import yaml
from yaml.composer import Composer

DEEP = "nesting depth"
"""What libyaml says of a document with more levels than it follows, far more than anybody means."""

if yaml.__with_libyaml__:

    class SafeLoader(Composer, yaml.CSafeLoader):
        """Reads mappings, lists, text and numbers; executes nothing."""

        def __init__(self, stream: str | bytes | IO[str] | IO[bytes]) -> None:
            yaml.CSafeLoader.__init__(self, stream)
            Composer.__init__(self)

else:

    class SafeLoader(yaml.SafeLoader):  # type: ignore[no-redef]
        """Reads mappings, lists, text and numbers; executes nothing."""


def load(text: str) -> Any:
    """Return what a document holds; raises `yaml.YAMLError` and `RecursionError`."""
    return yaml.load(text, Loader=SafeLoader)
