"""The languages of the bench: what is known of each, a row a language.

To add one: its row here, its sentences in `data/sentences/CODE.yaml`, and, where plain spelling
will not do, its rules in `text/` (numbers, dates, symbols, abbreviations; see docs/text.md). What
goes by language elsewhere is derived from these rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

Rate = tuple[float, float]
ALPHABET_RATE: Rate = (3.0, 35.0)
"""Lowest and highest characters a second where a row has no `rate` of its own.

Speakers of 17 languages read texts at 4.3 to 9.1 syllables a second (Coupé et al. 2019, table 1).
With 1 character a syllable in Chinese and Korean, 1 to 2 morae in Japanese kanji and kana, about 2
in Arabic without vowel signs and 2 to 3 elsewhere, the rates leave a factor of
about two on the slow side (pauses count) and more on the fast one.
"""


@dataclass(frozen=True)
class Language:
    """One language.

    `name` is English. `espeak`: file of its voice below `espeak-ng-data/lang`. `char_limit`:
    characters that XTTS-v2 speaks reliably in one go (the reference's figures). `rate`: lowest and
    highest characters a second of speech. `by_character`: scored by character alone, as white space
    does not set words apart. `others`: what people also write for it, three-letter codes, countries
    that are taken for languages and names, in lower case.
    """

    code: str
    name: str
    espeak: str
    char_limit: int
    others: tuple[str, ...]
    rate: Rate = ALPHABET_RATE
    by_character: bool = False


_ROWS = (
    Language("en", "English", "gmw/en-US", 250, ("eng", "english", "uk", "us", "gb")),
    Language(
        "es", "Spanish", "roa/es", 239,
        ("spa", "sp", "spanish", "español", "castellano", "castilian"),
    ),
    Language("fr", "French", "roa/fr", 273, ("fra", "fre", "french", "français")),
    Language("de", "German", "gmw/de", 253, ("deu", "ger", "german", "deutsch")),
    Language("it", "Italian", "roa/it", 213, ("ita", "italian", "italiano")),
    Language(
        "pt", "Portuguese", "roa/pt-BR", 203,
        ("por", "br", "portuguese", "português", "brazilian"),
    ),
    Language("pl", "Polish", "zlw/pl", 224, ("pol", "polish", "polski")),
    Language("tr", "Turkish", "trk/tr", 226, ("tur", "turkish", "türkçe")),
    Language("ru", "Russian", "zle/ru", 182, ("rus", "russian", "русский")),
    Language("nl", "Dutch", "gmw/nl", 251, ("nld", "dut", "dutch", "nederlands", "flemish")),
    Language("cs", "Czech", "zlw/cs", 186, ("ces", "cze", "cz", "czech", "čeština")),
    Language("ar", "Arabic", "sem/ar", 166, ("ara", "arb", "arabic", "العربية"), rate=(2.0, 28.0)),
    Language(
        "zh-cn", "Chinese", "sit/cmn", 82,
        ("zh", "zho", "chi", "cmn", "cn", "chinese", "mandarin", "中文", "普通话"),
        rate=(1.0, 12.0), by_character=True,
    ),
    Language("hu", "Hungarian", "urj/hu", 224, ("hun", "hungarian", "magyar")),
    Language(
        "ko", "Korean", "ko", 95, ("kor", "kr", "korean", "한국어"),
        rate=(1.0, 14.0), by_character=True,
    ),
    Language(
        "ja", "Japanese", "jpx/ja", 71, ("jpn", "jp", "japanese", "日本語"),
        rate=(1.2, 18.0), by_character=True,
    ),
)  # fmt: skip

BY_CODE: Mapping[str, Language] = {language.code: language for language in _ROWS}
LANGUAGES: tuple[str, ...] = tuple(BY_CODE)
"""The codes: the 16 languages of the XTTS-v2 release notes, in their order."""

_MEANT = {name: row.code for row in _ROWS for name in (row.code, *row.others)}
_MAINLAND = ("", "cn", "sg", "hans", "hans-cn")


def canonical(written: str) -> str | None:
    """Return the code of a locale (`pt_BR`, `EN`, `zh-Hans`), or None where it is none of ours.

    Traditional Chinese (`zh-TW`, `zh-HK`) is none of ours.
    """
    base, _, region = written.lower().replace("_", "-").partition("-")
    if base == "zh":
        return "zh-cn" if region in _MAINLAND else None
    return base if base in BY_CODE else None


def meant(written: str, known: Collection[str]) -> str | None:
    """Return which of the known codes somebody may have meant, for a suggestion; None for none."""
    lowered = written.strip().lower().replace("_", "-")
    found = canonical(lowered) or _MEANT.get(lowered) or _MEANT.get(lowered.partition("-")[0])
    return found if found in known else None


def language_name(code: str) -> str:
    """Return the English name for readers, `All languages` for `all`, or the code itself."""
    if code == "all":
        return "All languages"
    return BY_CODE[code].name if code in BY_CODE else code
