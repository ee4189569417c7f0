"""Which espeak-ng voice speaks each of our languages."""

from __future__ import annotations

from xtts_lab.espeak.client import EspeakError
from xtts_lab.registry import unknown

VOICES: dict[str, str] = {
    "en": "gmw/en-US",
    "es": "roa/es",
    "fr": "roa/fr",
    "de": "gmw/de",
    "it": "roa/it",
    "pt": "roa/pt-BR",
    "pl": "zlw/pl",
    "tr": "trk/tr",
    "ru": "zle/ru",
    "nl": "gmw/nl",
    "cs": "zlw/cs",
    "ar": "sem/ar",
    "zh-cn": "sit/cmn",
    "hu": "urj/hu",
    "ko": "ko",
    "ja": "jpx/ja",
}
"""Language code -> file below `espeak-ng-data/lang`."""


def voice_file(language: str) -> str:
    """Return a language's voice file; raises `EspeakError` for a language that is not ours."""
    if language not in VOICES:
        raise EspeakError(unknown("language", language, VOICES))
    return VOICES[language]
