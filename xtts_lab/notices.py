"""What a person should know while something is going on, in one line."""

from __future__ import annotations

import sys

from xtts_lab.errors import PartError

MOST_SAID = 500
"""Characters of an error that are kept."""


def say(message: str) -> None:
    """Print one line about what is going on."""
    print(" ".join(message.split()), file=sys.stderr, flush=True)


def describe(error: BaseException) -> str:
    """Return what a part raised as one line."""
    if isinstance(error, PartError):
        return str(error)
    try:
        said = str(error)
    except Exception:  # an exception of theirs may fail at that too
        said = ""
    lines = [line for line in said.splitlines() if line.strip()]
    return one_line(": ".join([type(error).__name__, *lines[:1]]))


def one_line(text: object) -> str:
    """Return what a part says as one line of text that can be written, shortened if it is long."""
    line = " ".join(str(text).split()).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= MOST_SAID else f"{line[:MOST_SAID]}..."
