"""The part that a process is at work with, kept from task to task: weights are loaded once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtts_lab.device import free_memory
from xtts_lab.experiment.construction import close, construct
from xtts_lab.runs.keys import digest


class Parts:
    """Holds one part at a time: tasks come part by part, and two may not fit into memory.

    `apart`: in a process of their own, where nobody interrupts.
    """

    def __init__(self, *, apart: bool = False) -> None:
        self._apart = apart
        self._key = ""
        self._part: Any = None

    def get(self, kind: str, spec: Mapping[str, Any], device: str | None) -> Any:
        """Return the part of the last task where this one wants the same, else a new one.

        Raises what `construct` raises.
        """
        key = digest([kind, dict(spec), device])
        if key != self._key:
            self.close()
            self._part, self._key = construct(kind, spec, device), key
        return self._part

    def to_blame(self, error: BaseException) -> bool:
        """Return whether an error is a part's own: an interruption by a person is not."""
        return self._apart or not isinstance(error, KeyboardInterrupt)

    def close(self) -> None:
        """Release the part."""
        if self._key:
            close(self._part)
            self._part, self._key = None, ""
            free_memory()  # for the next part, and for other processes on the GPU

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
