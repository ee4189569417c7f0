"""Clock times: "12:05", and what is written for them in single languages (6h45, 7.50 uur)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from xtts_lab.text.numbers import arabic, slavic
from xtts_lab.text.numbers.endings import hungarian, turkish
from xtts_lab.text.numbers.gender import agree
from xtts_lab.text.numbers.korean import native
from xtts_lab.text.numbers.numerals import cardinal, plural
from xtts_lab.text.numbers.ordinals import ordinal
from xtts_lab.text.symbols import RANGE_WORDS

_HOUR, _MINUTE = r"(?P<hour>[01]?\d|2[0-4])", r"(?P<minute>[0-5]\d)"
_START = r"(?<![\d.,:/])"
_END = r"(?![\d:]|[.,]\d)"
_AFTER_HOURS = r"(?P<said>\s?(?:Uhr|uur|heures?|óra\b|hodin\w*|часов|horas?|ore)\b)"
_COLON = rf"{_START}{_HOUR}:{_MINUTE}(?:{_AFTER_HOURS}|(?P<h>\s?h(?:rs?|s)?\b\.?))?{_END}"
_SECONDS = re.compile(rf"{_START}{_HOUR}:([0-5]\d):([0-5]\d){_END}")
_DOTTED: Mapping[str, str] = {
    "de": rf"{_START}{_HOUR}\.{_MINUTE}(?P<said>\s?Uhr)\b",
    "nl": rf"{_START}{_HOUR}\.{_MINUTE}(?P<said>\s?uur)\b",
    "tr": rf"(?:\b(?P<cue>saat(?:in|ler)?\s)|{_START}(?=\d+\.\d\d['’‘]))"
    rf"{_HOUR}\.{_MINUTE}(?P<said>$^)?{_END}",
    "it": rf"\b(?P<cue>(?:alle|ore|dalle|le|h)\s){_HOUR}\.{_MINUTE}(?P<said>$^)?{_END}",
    "es": rf"\b(?P<cue>(?:a|de|desde|hasta|sobre)\slas?\s){_HOUR}\.{_MINUTE}(?P<said>$^)?{_END}",
    "pt": rf"\b(?P<cue>(?:às|das|até às|pelas)\s){_HOUR}\.{_MINUTE}(?P<said>$^)?{_END}",
    "pl": r"\b(?P<cue>(?:o godzinie|godzina|godz\.|o|od|do|po|przed)\s)"
    rf"{_HOUR}\.{_MINUTE}(?P<said>$^)?{_END}",
    "cs": rf"{_START}{_HOUR}\.{_MINUTE}(?P<said>\s?hod(?:in\w*|\.|\b))",
    "hu": rf"{_START}{_HOUR}\.{_MINUTE}(?=-kor\b)(?P<said>$^)?",
    "ru": rf"{_START}{_HOUR}\.{_MINUTE}(?P<said>\s?час(?:а|ов)?\b)",
}
"""Where a full stop stands between hours and minutes, which only the words beside it tell."""

_H_AFTER_DOT = frozenset({"es", "pt", "it", "fr"})
_DOT_BEFORE_H = re.compile(rf"{_START}([01]?\d|2[0-4])\.([0-5]\d)(?=\s?h(?:rs?|s|oras?|eures?)?\b)")
_POLISH_HOUR = re.compile(
    r"\b(?P<before>(?:[^\W\d_]+\s)?)(?P<word>godz\.|godzin(?:a|ie|y|ę))\s(?P<hour>[01]?\d|2[0-4])"
    r"(?P<minute>[.:][0-5]\d)?(?: do (?P<until>[01]?\d|2[0-4])(?![\d.,:]))?"
    r"(?!\d|[.,:]\d|\s(?:i\s)?\d|\s?[-–—]\s?\d)",
    re.IGNORECASE,
)
_PART_OF_DAY = re.compile(
    r"\b((?i:o|po|do|od|przed|na|między)) ((?:[01]?\d|2[0-4])(?: (?:a|i) (?:[01]?\d|2[0-4]))?)"
    r"(?=\s(?:rano|wieczorem|w nocy|w południe|po południu)\b)"
)
_H_TIME = rf"{_START}{_HOUR}\s?[hH](?:\s?{_MINUTE})?(?P<said>$^)?(?![^\W_])"
_MERIDIEM = re.compile(
    rf"{_START}([01]?\d)(?:[:.]([0-5]\d))?\s?([ap])\.?m\b(\.(?=\s+[a-z,]))?", re.I
)
_TO_TIME = re.compile(
    r"(?<!\d)(\d{1,2}:\d\d|\d{1,2}(?::\d\d)?\s?[ap]\.?m\.?|\d{1,2}\s?h(?:\s?\d\d)?)\s?[-–—~]\s?"
    r"(?=\d{1,2}(?::\d\d|\s?[ap]\.?m|\s?h\b|h\d\d))",
    re.IGNORECASE,
)
_Read = Callable[[int, int], str]


def read_times(text: str, base: str) -> str:
    """Replace every clock time by words, in the case that the word before asks for."""
    if base != "hu":  # Hungarian times are side by side
        gap = "" if base == "ko" else " "
        text = _TO_TIME.sub(rf"\1{gap}{RANGE_WORDS[base]} ", text)
    if base == "en":
        text = _MERIDIEM.sub(_meridiem, text)
    if base in _H_AFTER_DOT:
        text = _DOT_BEFORE_H.sub(r"\1:\2", text)
    if base == "pl":
        text = _PART_OF_DAY.sub(
            lambda m: f"{m[1]} " + " ".join(
                _polish(int(part), 0, m[1]) if part.isdigit() else part
                for part in m[2].split()
            ),
            text,
        )  # fmt: skip
        text = _POLISH_HOUR.sub(_polish_hour, text)
    text = _SECONDS.sub(lambda match: _with_seconds(match, base), text)
    patterns = [_COLON, _DOTTED.get(base), _H_TIME if base in ("fr", "pt") else None]
    for pattern in filter(None, patterns):
        pattern += {"tr": rf"(?:{turkish.SUFFIX})?", "hu": rf"(?:{hungarian.SUFFIX})?"}.get(
            base, ""
        )
        text = re.sub(pattern, lambda match: _one(match, base), text, flags=re.IGNORECASE)
    return text


def clock(hour: int, minute: int, base: str, before: str = "") -> str:
    """Read a time of the day; `before` is the text up to it: Slavic hours have the
    case of their preposition."""
    if base == "pl":
        return _polish(hour, minute, before)
    word = _word_before(before)
    if base in ("ru", "cs") and word in _GENITIVE[base]:
        return slavic.hours(hour, minute, base)
    if base == "ru" and word in ("к", "ко"):
        return slavic.dative_hours(hour, minute)
    if base == "cs" and word in ("v", "ve", "na", "před") and (hour, minute) == (1, 0):
        return "jednu hodinu"
    return _READERS[base](hour, minute)


def _one(match: re.Match[str], base: str) -> str:
    groups = match.groupdict()
    suffix = groups.get("suffix") or ""
    before = match.string[: match.start()] + (groups.get("cue") or "")
    words = clock(int(groups["hour"]), int(groups["minute"] or 0), base, before)
    if groups.get("said") and base not in _SAYS_HOURS and groups["minute"] == "00":
        words = f"{cardinal(str(int(groups['hour'])), base)} {groups['said'].strip()}"
    elif groups.get("said") and base not in _SAYS_HOURS:
        words += " " + groups["said"].strip()
    if groups.get("h") and base in ("es", "pt") and "hora" not in words:
        words += " horas"
    if suffix:
        words = (turkish if base == "tr" else hungarian).attach(words, suffix)
    tail = match.string[match.end() : match.end() + 1]
    return (groups.get("cue") or "") + words + (" " if tail.isalpha() and base != "ko" else "")


def _with_seconds(match: re.Match[str], base: str) -> str:
    numbers = [str(int(part)) for part in match.groups()]
    return " ".join(cardinal(number, base) for number in numbers)


def _meridiem(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2] or 0)
    words = cardinal(str(hour), "en")
    if minute:
        words += f" oh {cardinal(str(minute), 'en')}" if minute < 10 else " " + _n(minute, "en")
    end = "." if match.end() == len(match.string) and match[0].endswith(".") else ""
    return f"{words} {match[3].lower()} m{end}"


def _n(number: int, base: str, gender: str = "") -> str:
    words = cardinal(str(number), base)
    return agree(words, gender, base) if gender else words


def _english(hour: int, minute: int) -> str:
    if minute:
        return f"{_n(hour, 'en')} " + ("oh " if minute < 10 else "") + _n(minute, "en")
    if hour in (0, 24):
        return "midnight"
    return f"{_n(hour, 'en')} " + ("o'clock" if hour <= 12 else "hundred")


def _spanish(hour: int, minute: int) -> str:
    words = _n(hour, "es", "f")
    if hour == 0:
        words = "cero horas"
    if not minute:
        return words
    return words + (" y " if minute < 10 and hour else " ") + _n(minute, "es")


def _italian(hour: int, minute: int) -> str:
    words = "una" if hour == 1 else _n(hour, "it")
    return (
        words
        if not minute and hour
        else f"{words} e {_n(minute, 'it')}"
        if hour or minute
        else "zero zero"
    )


def _portuguese(hour: int, minute: int) -> str:
    words = _n(hour, "pt", "f")
    if minute and hour:
        return f"{words} e {_n(minute, 'pt')}"
    words += " hora" if hour < 2 else " horas"
    return f"{words} e {_n(minute, 'pt')}" if minute else words


def _with_word(base: str, forms: tuple[str, ...], gender: str, between: str = " ") -> _Read:
    """Hours, the word for them, minutes: "zwölf uhr fünf"."""

    def read(hour: int, minute: int) -> str:
        words = f"{_n(hour, base, gender)} {plural(hour, forms, base)}"
        return words + (between + _n(minute, base) if minute else "")

    return read


def _bare(base: str, forms: tuple[str, ...], gender: str) -> _Read:
    """Two numbers, the second with its zero; the word for hours where there are no minutes."""

    def read(hour: int, minute: int) -> str:
        if not minute:
            return f"{_n(hour, base, gender)} {plural(hour, forms, base)}"
        zero = f"{_n(0, base)} " if minute < 10 else ""
        return f"{_n(hour, base)} {zero}{_n(minute, base)}"

    return read


def _turkish(hour: int, minute: int) -> str:
    zero = "sıfır " if minute < 10 else ""
    if not minute:
        return "sıfır sıfır" if hour == 0 else _n(hour, "tr")
    return f"{_n(hour, 'tr')} {zero}{_n(minute, 'tr')}"


def _korean(hour: int, minute: int) -> str:
    words = native(hour) if 1 <= hour <= 12 else "영" if hour == 0 else _n(hour, "ko")
    return f"{words} 시" + (f" {_n(minute, 'ko')} 분" if minute else "")


def _word_before(text: str) -> str:
    return str((re.findall(r"[^\W\d_]+", text[-40:]) or [""])[-1]).lower()


_GENITIVE = {
    "ru": frozenset(("с", "до", "от", "около", "после", "со")),
    "cs": frozenset(("od", "do", "kolem", "okolo")),
}
_LOCATIVE = frozenset(("o", "od", "do", "po", "około", "koło", "godzinie", "godziny", "w"))
_ACCUSATIVE = frozenset(("na", "przed", "godzinę", "a", "między"))


def _polish_hour(match: re.Match[str]) -> str:
    """Read "o godz. 20": the short word has the case that its preposition asks for."""
    before, word = match["before"].strip().lower(), match["word"].lower()
    if word == "godz.":
        ending = {"o": "ie", "po": "ie", "od": "y", "do": "y", "około": "y"}.get(before)
        word = "godzin" + (ending or ("ę" if before in _ACCUSATIVE else "a"))
    minute = int((match["minute"] or ".0")[1:])
    until = f" do {_polish(int(match['until']), 0, 'do')}" if match["until"] else ""
    return f"{match['before']}{word} {_polish(int(match['hour']), minute, word)}{until}"


def _polish(hour: int, minute: int, before: str) -> str:
    """The hour is a feminine ordinal: siódma, o siódmej, na siódmą."""
    word = _word_before(before)
    ending = "ej" if word in _LOCATIVE else "ą" if word in _ACCUSATIVE else "a"
    masculine = "zerowy" if hour in (0, 24) else ordinal(str(hour), "pl")
    words = re.sub(r"(?<=[kg])i\b", lambda _: "i" * (ending == "ej") + ending, masculine)
    words = re.sub(r"ci\b", "ci" + ending, re.sub(r"y\b", ending, words))
    zero = "zero " if minute < 10 else ""
    return f"{words} {zero}{_n(minute, 'pl')}" if minute else words


_READERS: Mapping[str, _Read] = {
    "en": _english, "es": _spanish, "it": _italian, "pt": _portuguese, "tr": _turkish,
    "ko": _korean, "ar": arabic.clock,
    "fr": _with_word("fr", ("heure", "heures"), "f"),
    "de": _with_word("de", ("uhr",), "m"),
    "nl": _with_word("nl", ("uur",), ""),
    "hu": _with_word("hu", ("óra",), "m"),
    "ru": _bare("ru", ("час", "часа", "часов"), "m"),
    "cs": _bare("cs", ("hodina", "hodiny", "hodin"), "f"),
}  # fmt: skip
_SAYS_HOURS = frozenset({"fr", "de", "nl", "hu"})
