"""What a unit is divided by: kilometres per hour, chilometri all'ora, 時速60キロメートル."""

from __future__ import annotations

from collections.abc import Mapping

from xtts_lab.text.numbers.units import names

_AFTER: Mapping[str, str] = {
    "en": "per hour|per minute|per second|per {}",
    "es": "por hora|por minuto|por segundo|por {}",
    "fr": "par heure|par minute|par seconde|par {}",
    "de": "pro Stunde|pro Minute|pro Sekunde|pro {}",
    "it": "all'ora|al minuto|al secondo|al {}",
    "pt": "por hora|por minuto|por segundo|por {}",
    "pl": "na godzinę|na minutę|na sekundę|na {}",
    "ru": "в час|в минуту|в секунду|на {}",
    "nl": "per uur|per minuut|per seconde|per {}",
    "cs": "za hodinu|za minutu|za sekundu|na {}",
    "ar": "في الساعة|في الدقيقة|في الثانية|لكل {}",
    "hu": "per óra|per perc|per másodperc|per {}",
}
_BEFORE: Mapping[str, str] = {
    "tr": "saatte |dakikada |saniyede |{} başına ",
    "ko": "시속 |분속 |초속 |{}당 ",
    "ja": "時速|分速|秒速|{}あたり",
    "zh": "每小时|每分钟|每秒|每{}",
}
"""Where it stands before the number."""
_NOT_OF_LENGTHS: Mapping[str, str] = {"ko": "시간당 |분당 |초당 ", "ja": "毎時|毎分|毎秒"}
_OF_PRICES: Mapping[str, str] = {"pl": "za", "ru": "за", "cs": "za"}
_TIMES = ("h", "min", "s")

COMES_FIRST = frozenset(_BEFORE)


def per(unit: str, base: str, *, of: str = "", price: bool = False) -> str:
    """Return the words for "/unit"; those of `COMES_FIRST` stand before the number.

    `of`: the unit above the slash, since speeds have words of their own; `price`: it is money.
    """
    words = (_AFTER.get(base) or _BEFORE[base]).split("|")
    if base in _NOT_OF_LENGTHS and of not in ("km", "m"):
        words[:3] = _NOT_OF_LENGTHS[base].split("|")
    if unit in _TIMES:
        said = words[_TIMES.index(unit)]
    else:
        name = names.area(unit, base) if unit[-1] in "²³" else names.forms(unit, base)[0]
        said = words[3].format(name)
        if base == "it" and name[0] in "aeio":
            said = f"all'{name}"
    if price and base in _OF_PRICES:
        return f"{_OF_PRICES[base]} {said.partition(' ')[2]}"
    return said
