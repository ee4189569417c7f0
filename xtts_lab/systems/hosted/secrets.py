"""A key that is read from the environment, sent, and never written or shown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from xtts_lab.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
HIDDEN = "***"
_SHOWN = 6
"""Characters of a key by which services name it, masking the rest."""


class Key:
    """The value of an environment variable; it is read when it is asked for, and kept nowhere.

    Raises `UsageError` for what is no name of a variable. The value is in no message.
    """

    def __init__(self, variable: str) -> None:
        if variable and not (_NAME.fullmatch(variable) and len(variable) <= 64):
            raise UsageError("key_env: must be the name of a variable that holds the key")
        self._variable = variable

    def __repr__(self) -> str:
        return f"Key({self._variable!r})"

    def value(self) -> str:
        """Return the key; empty where none is asked for. Raises `UsageError` for one not usable."""
        if not self._variable:
            return ""
        found = os.environ.get(self._variable, "").strip()
        if not found:
            raise UsageError(f"key_env: ${self._variable} is not set; export the service's key")
        if not _VISIBLE.fullmatch(found):
            raise UsageError(f"key_env: ${self._variable} holds what no key does; export it again")
        return found

    def hide(self, text: str) -> str:
        """Return text without the key, and without words that begin as it does."""
        key = os.environ.get(self._variable, "").strip() if self._variable else ""
        if not key:
            return text
        beginning = re.escape(key[:_SHOWN]) + r"[^\s\"',;]*"
        return re.sub(beginning, HIDDEN, text.replace(key, HIDDEN))

    def refuse_in(self, settings: Mapping[str, Any]) -> None:
        """Raise `UsageError` where the key stands in settings, which are written down."""
        key = self.value()
        if key and key in repr(settings):
            raise UsageError(
                f"the key of ${self._variable} stands in the settings, which are written into the "
                "run folder; name the variable in key_env alone"
            )
