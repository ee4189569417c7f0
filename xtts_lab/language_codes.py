"""What people write for a language, and the code that the package knows it by."""

from __future__ import annotations

from collections.abc import Collection, Mapping

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "en": ("eng", "english", "uk", "us", "gb"),
    "es": ("spa", "sp", "spanish", "español", "castellano", "castilian"),
    "fr": ("fra", "fre", "french", "français"),
    "de": ("deu", "ger", "german", "deutsch"),
    "it": ("ita", "italian", "italiano"),
    "pt": ("por", "br", "portuguese", "português", "brazilian"),
    "pl": ("pol", "polish", "polski"),
    "tr": ("tur", "turkish", "türkçe"),
    "ru": ("rus", "russian", "русский"),
    "nl": ("nld", "dut", "dutch", "nederlands", "flemish"),
    "cs": ("ces", "cze", "cz", "czech", "čeština"),
    "ar": ("ara", "arb", "arabic", "العربية"),
    "zh-cn": ("zh", "zho", "chi", "cmn", "cn", "chinese", "mandarin", "中文", "普通话"),
    "hu": ("hun", "hungarian", "magyar"),
    "ko": ("kor", "kr", "korean", "한국어"),
    "ja": ("jpn", "jp", "japanese", "日本語"),
}
"""Three-letter codes, countries that are taken for languages, and names; in lower case."""

_MEANT = {name: code for code, names in OTHER_NAMES.items() for name in (code, *names)}
_MAINLAND = ("", "cn", "sg", "hans", "hans-cn")


def canonical(written: str) -> str | None:
    """Return the code of a locale (`pt_BR`, `EN`, `zh-Hans`), or None where it is none of ours.

    Traditional Chinese (`zh-TW`, `zh-HK`) is none of ours.
    """
    base, _, region = written.lower().replace("_", "-").partition("-")
    if base == "zh":
        return "zh-cn" if region in _MAINLAND else None
    return base if base in OTHER_NAMES else None


def meant(written: str, known: Collection[str]) -> str | None:
    """Return which of the known codes somebody may have meant, for a suggestion; None for none."""
    lowered = written.strip().lower().replace("_", "-")
    found = canonical(lowered) or _MEANT.get(lowered) or _MEANT.get(lowered.partition("-")[0])
    return found if found in known else None
