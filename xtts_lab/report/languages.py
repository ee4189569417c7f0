"""English names of language codes, for readers."""

from __future__ import annotations

_NAMES = {
    "en": "English", "es": "Spanish", "fr": "French", "de": "German", "it": "Italian",
    "pt": "Portuguese", "pl": "Polish", "tr": "Turkish", "ru": "Russian", "nl": "Dutch",
    "cs": "Czech", "ar": "Arabic", "zh-cn": "Chinese", "hu": "Hungarian", "ko": "Korean",
    "ja": "Japanese", "hi": "Hindi", "all": "All languages",
}  # fmt: skip


def language_name(code: str) -> str:
    """Return the English name, or the code where there is none."""
    return _NAMES.get(code, code)
