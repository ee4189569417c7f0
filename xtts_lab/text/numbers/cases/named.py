"""Numbers that name what stands after them in the singular: на 5 этаже is на пятом этаже."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers.ordinals import ordinal

_MASCULINE = (
    "класс|этаж|курс|век|том|номер|тур|раунд|сезон|дом|вагон|подъезд|корпус|пункт|раздел|разряд"
    "|размер|километр|месяц|эпизод|канал"
)
_FEMININE = "страниц|глав|минут|секунд|групп|комнат|квартир|школ|палат|платформ|трет|строк"
_SOFT = "сери|лини|аудитори|категори|стади|верси|лекци|позици"
_NOUNS: Mapping[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("ru", "genitive"): (
        (rf"(?:{_MASCULINE})а|уровня|ряда|места", "-го"),
        (rf"(?:{_FEMININE})[ыи]|(?:{_SOFT})и|части|степени|статьи", "-ей"),
    ),
    ("ru", "locative"): (
        (rf"(?:{_MASCULINE})е|уровне|ряду|месте", "-м"),
        (rf"(?:{_FEMININE})е|(?:{_SOFT})и|части|степени|статье", "-ей"),
    ),
    ("ru", "dative"): (
        (rf"(?:{_MASCULINE})у|уровню|ряду|месту", "-му"),
        (rf"(?:{_FEMININE})е|(?:{_SOFT})и|части|степени|статье", "-ей"),
    ),
    ("ru", "accusative"): (
        (rf"(?:{_MASCULINE})|уровень|ряд", "-й"),
        (rf"(?:{_FEMININE})у|(?:{_SOFT})ю|часть|степень|статью", "-ю"),
    ),
    ("pl", "genitive"): (
        ("piętra|roku|miejsca|dnia|tygodnia|miesiąca|wieku|etapu|rozdziału|tomu|odcinka|sezonu"
         "|poziomu|kilometra|punktu|stopnia", "ego"),
        ("klasy|strony|rundy|grupy|połowy|minuty|kolejki|edycji", "ej"),
    ),
    ("pl", "locative"): (
        ("piętrze|roku|miejscu|etapie|rozdziale|tomie|odcinku|sezonie|poziomie|kilometrze"
         "|tygodniu|miesiącu", "ym"),
        ("klasie|stronie|rundzie|grupie|połowie|minucie|kolejce|lekcji|edycji", "ej"),
    ),
}  # fmt: skip


def named(digits: str, noun: str, case: str, base: str) -> str:
    """Return the ordinal before a noun that is named by a number; empty before any other."""
    if len(digits) > 2 or not int(digits):
        return ""
    for pattern, ending in _NOUNS.get((base, case), ()):
        if re.fullmatch(pattern, noun):
            return _ordinal(digits, ending, base)
    return ""


def _ordinal(digits: str, ending: str, base: str) -> str:
    if base == "ru":
        return ordinal(digits, "ru", ending)
    words = re.sub(r"(?<=[kg])i\b", "i" + ending, ordinal(digits, "pl"))
    if ending == "ym":
        words = re.sub(r"(?<=[kg])iym\b", "im", words)
    words = re.sub(r"(?<=c)i\b", {"ym": "im"}.get(ending, "i" + ending), words)
    return re.sub(r"y\b", ending, words)
