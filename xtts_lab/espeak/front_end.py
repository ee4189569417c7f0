"""The text front end `phonemes` of models that read IPA."""

from __future__ import annotations

from xtts_lab.errors import UsageError
from xtts_lab.espeak.client import EspeakError
from xtts_lab.espeak.engine import Engine
from xtts_lab.espeak.ipa import to_ipa_each


class PhonemeFrontEnd:
    """Text and language -> the IPA that corpora are written in (`espeak.ipa`).

    Empty where there is nothing to say. Raises `UsageError` for a language that espeak-ng's voices
    here do not have.
    """

    def __init__(self) -> None:
        self._engine = Engine()

    def __call__(self, text: str, language: str) -> str:
        try:
            return to_ipa_each(self._engine, [text], language)[0] if text.strip() else ""
        except EspeakError as error:
            raise UsageError(f"text: {error}") from error
