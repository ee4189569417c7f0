"""What a person should know while something is going on: lines on standard error."""

from __future__ import annotations

import sys


def say(message: str) -> None:
    """Print one line about what is going on."""
    print(" ".join(message.split()), file=sys.stderr, flush=True)
