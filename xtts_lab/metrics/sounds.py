"""How a text sounds, for recognisers that write sounds and not letters."""

from __future__ import annotations

from functools import cached_property

from xtts_lab.espeak import ipa
from xtts_lab.espeak.engine import Engine
from xtts_lab.text import sounds

VERSION = f"espeak-ipa.{ipa.VERSION}.{sounds.VERSION}"
"""The version of the rules from text to sounds."""
MOST_KEPT = 4096
"""Texts whose sounds are kept: a process is forked for each that is asked for."""


class Speller:
    """Texts to sounds by espeak-ng, in a process of its own that the first text starts."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}  # arms and repeats say the same texts

    @cached_property
    def _engine(self) -> Engine:
        return Engine()

    def __call__(self, text: str, language: str) -> str:
        """Return the IPA of a text, broadly, without stress, spaces and punctuation."""
        known = self._known.get((text, language))
        if known is None:
            known = sounds.sounds(ipa.to_ipa(self._engine, text, language), language)
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[text, language] = known
        return known
