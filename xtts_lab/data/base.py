"""What every source of texts and of speakers declares."""

from __future__ import annotations


class BaseTexts:
    """The base of all test sets, which bring `sentences`.

    - `own_references`: sentences name references of their own, so that the pairing `own` is meant
      where none is written;
    - `unread`: what of the source means nothing here, for `plan` to say.
    """

    own_references: bool = False
    unread: tuple[str, ...] = ()


class BaseSpeakers:
    """The base of all sources of speakers, which bring `ids` and `voice` (`xtts_lab.types`).

    `unread` is what of the source means nothing here, for `plan` to say.
    """

    unread: tuple[str, ...] = ()

    def close(self) -> None:
        """Release what is held: processes, memory."""
