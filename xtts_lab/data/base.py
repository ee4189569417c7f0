"""What every source of speakers declares."""

from __future__ import annotations


class BaseSpeakers:
    """The base of all sources of speakers, which bring `ids` and `voice` (`xtts_lab.types`)."""

    def close(self) -> None:
        """Release what is held: processes, memory."""
