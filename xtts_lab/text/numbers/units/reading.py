"""Abbreviated units, written out in the form that their number asks for; the figures stay.

A unit that is also a word of the language (es "ha", cs "s") is one only where no word follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from xtts_lab.text.numbers import currencies
from xtts_lab.text.numbers.endings import hungarian, turkish
from xtts_lab.text.numbers.money import CJK_SCALES, SCALE_WORDS, is_attribute
from xtts_lab.text.numbers.numerals import plural
from xtts_lab.text.numbers.units import names
from xtts_lab.text.numbers.units.cases import governed
from xtts_lab.text.numbers.units.per import COMES_FIRST, per
from xtts_lab.text.numbers.written import DIGIT, NUMBER, Parts, parse

_TIGHT = frozenset({"zh", "ja", "ko"})
_ALONE: Mapping[str, frozenset[str]] = {
    base: frozenset(units.split())
    for base, units in {
        "cs": "s V", "ru": "с В", "pl": "W s", "hu": "s ha", "es": "ha", "it": "ha", "nl": "u",
    }.items()
}  # fmt: skip
"""Units that are words too: the number is not one of them if a word follows."""
_LAND = re.compile(r"\s(?:de|di|d')\s?(?:terreno|tierra|cultivo|bosque|terra|bosco|vign|viñ)")
_SPEED = re.compile(r"(?:时速|時速|秒速|시속|초속|saatte)\s?$")
_PEOPLE = re.compile(r"\s(?:people|users|homes|jobs|households|customers|children|workers)\b")
_NETWORK = re.compile(r"[\s-](?:net|inter|mobil|phone|red\b|réseau|rede|сет|wire|tower)", re.I)
_RUSSIAN_YEAR = re.compile(r"\b(?:в|с|до|от|к|после|около|по)\s$", re.IGNORECASE)
_OF = r"(?:\s(?:de|di))?"
_SQUARE = re.compile(r"(?<=\d)(\s?(?:k|c|d|m)?m|\s?(?:к|с)?м)([23])(?![\w.,]\d|[^\W_])")
_BARE = {
    "en": "per|a", "de": "pro|je", "fr": "par|le|au|un", "es": "por|el|un|cada",
    "it": "al|per|il|un",
    "pt": "por|o|um|cada", "pl": "za|na", "cs": "za|na", "ru": "за|на", "nl": "per",
}  # fmt: skip
"""What stands before one unit: per km, le kg."""


def read_units(text: str, base: str) -> str:
    """Replace "5 km" by "5 kilometres", "60 km/h" by "60 kilometres per hour"."""
    if base == "ru":
        text = re.sub(r"(?<=\d)\s?т\.\s?р\.", " тыс. руб.", text)
    text = _SQUARE.sub(lambda match: match[1] + "²³"[int(match[2]) - 2], text)
    if "/" in text:  # else the pattern of all currencies and units looks in vain
        text = _priced(base).sub(lambda match: _price(match, base), text)
    if DIGIT.search(text):
        text = _counted(base).sub(lambda match: _read(match, base), text)
    if base in _BARE:
        imperial = "|lb|oz|hr" if base == "en" else ""
        one = rf"\b((?:{_BARE[base]})\s)(km|kg|kWh|GB|км|кг{imperial})(?![\w²³/]|-\w)"
        text = re.sub(one, lambda m: m[1] + _forms(m[2], base)[0], text)
    alone = r"(?<![\w/.²³-])(km|kg|км|кг)(?![\w²³/.·]|-\w)"
    if base in _TIGHT:
        return re.sub(
            r"(?<![A-Za-z\d/])(km|kg)(?![A-Za-z²³/])", lambda m: _forms(m[1], base)[0], text
        )
    text = re.sub(r"(?<![\w/.-])(km|км)(?=\s\d)", lambda m: _forms(m[1], base)[0], text)
    return re.sub(alone, lambda m: _many(_forms(m[1], base), base), text)


def pattern(base: str) -> str:
    """Return a pattern of what `read_units` may change."""
    alternatives = "|".join(map(re.escape, _longest_first(names.symbols(base))))
    units = rf"(?-i:(?:\d|[^\W\d_]{{2}}\.?)(?:\sd[ei])?\s?-?(?:{alternatives})(?![A-Za-zА-яё]))"
    alone = "(?<![A-Za-zА-я])(?:km|kg|кг|км)(?![A-Za-zА-я])"
    return rf"{units}|{alone}|\dm[23]|[^\W\d_€$£]/[^\W\d_]|[€$£]/"


@cache
def _counted(base: str) -> re.Pattern[str]:
    symbols = names.symbols(base)
    units = "|".join(map(re.escape, _longest_first(set(symbols) - names.only_below(base))))
    below = "|".join(map(re.escape, _longest_first({*symbols, "m²", "m³", "м²", "м³"})))
    scale = rf"(?:\s?(?i:{SCALE_WORDS[base]})\.?{_OF}(?=\s))?" if base in SCALE_WORDS else ""
    scale = rf"(?:{CJK_SCALES[base]})?" if base in _TIGHT else scale
    start = r"(?<![A-Za-z])" if base in (*_TIGHT, "ar") else r"(?:(?<![^\W\d_])|(?<=\dx))"
    span = rf"(?:{NUMBER}\s?[-–~〜～到]\s?)?" if base in COMES_FIRST else ""
    suffix = {"tr": rf"(?:{turkish.SUFFIX})?", "hu": rf"(?:{hungarian.SUFFIX})?"}.get(base, "")
    joined = r"\w" if base not in _TIGHT else r"A-Za-z\d"
    hyphen = "-?" if base in ("de", "nl", "en") else ""
    end = rf"(?![{joined}²³\ue002\ue003^/·])" + (
        r"(?!-\d)" if base in ("de", "nl", "en") else r"(?![-'’]\w)"
    )
    return re.compile(
        rf"{start}(?P<span>{span})(?P<number>{NUMBER})(?P<scale>{scale})(?P<gap>\s?{hyphen})"
        rf"(?P<unit>{units})(?:\s?/\s?(?P<hundred>100\s?)?(?P<below>{below})(?![{joined}]))?{suffix}{end}"
        r"(?P<dot>\.(?=\s\S))?"
    )


@cache
def _priced(base: str) -> re.Pattern[str]:
    below = "|".join(map(re.escape, _longest_first({*names.symbols(base), "m²", "м²"})))
    money = currencies.pattern(base)
    return re.compile(
        rf"(?P<price>(?:{money})\s?{NUMBER}|{NUMBER}\s?(?:{money}))\s?/\s?(?P<below>{below})(?![\w/])"
    )


def _price(match: re.Match[str], base: str) -> str:
    said = per(_unit(match["below"], base), base, price=True)
    return said + match["price"] if base in COMES_FIRST else f"{match['price']} {said}"


def _read(match: re.Match[str], base: str) -> str:
    unit, below = names.symbols(base)[match["unit"]], match["below"]
    before = match.string[max(0, match.start() - 40) : match.start()]
    after = match.string[match.end() : match.end() + 60]
    if _is_no_unit(match, before, after, base):
        return match[0]
    unit, _, over = unit.partition("/")
    if match["unit"] == "m" and base == "en" and not match["gap"] and _PEOPLE.match(after):
        return f"{match['number']} million"
    words = _form(names.forms(unit, base), match, base)
    if match["number"].isdigit() and not match["scale"]:
        value = int(match["number"][-9:])
        words = governed(names.forms(unit, base), value, before, after, base) or words
    if base == "en" and (match["gap"].endswith("-") or is_attribute(before, after)):
        words = names.forms(unit, base)[0]
    suffix = match.groupdict().get("suffix") or ""
    attach = turkish.harmonised if base == "tr" else hungarian.attach
    lead = tail = ""
    if over or below:
        if (match["unit"], below, base) == ("km", "s", "tr"):
            below = "h"  # as Turkish road signs write it
        said = per(_unit(over or below, base), base, of=unit)
        if match["hundred"]:
            said = _per_hundred(base)
        lead, tail = (said, "") if base in COMES_FIRST else ("", f" {said}")
        lead = "" if _SPEED.search(before) else lead
    if suffix and base == "hu" and tail:
        tail = attach(tail, suffix)
    elif suffix:
        words = attach(words, suffix)
    dot = "" if _drops_dot(match, after, base) else match["dot"] or ""
    if base == "ar" and not match["scale"] and match["number"] in ("1", "2"):
        one = {"ة": " واحدة"}.get(words[-1], " واحد") if match["number"] == "1" else ""
        return words + one + tail + dot
    gap = "" if base in _TIGHT else "-" if match["gap"].endswith("-") else " "
    return f"{lead}{match['span']}{match['number']}{match['scale']}{gap}{words}{tail}{dot}"


def _per_hundred(base: str) -> str:
    """Return "per 100 kilometres", as fuel is counted."""
    own = {
        "it": "per 100 chilometri",
        "zh": "每百公里",
        "ja": "100キロメートルあたり",
        "ko": "100킬로미터당 ",
        "tr": "100 kilometrede ",
    }
    word = per("km", base).partition(" ")[0]
    return own.get(base) or f"{word} 100 {_many(_forms('km', base), base)}"


def _is_no_unit(match: re.Match[str], before: str, after: str, base: str) -> bool:
    """Return whether what looks like a unit after a figure is a word, a year or a network."""
    unit, gap, number = match["unit"], match["gap"], match["number"]
    word_follows = re.match(r"\s[^\W\d_]", after) is not None
    if gap.endswith("-") and not re.match(r"[\s-][^\W\d_]", after):
        return True
    if len(unit) == 1 and not gap.endswith("-") and re.match(r"-[^\W\d_]", after):
        return True  # 2 t-shirts
    if unit in _ALONE.get(base, ()) and gap and word_follows and not match["below"]:
        return _LAND.match(after) is None
    if unit == "s" and not gap and base not in _TIGHT:
        return True  # the 90s
    if unit == "g" and not gap and _NETWORK.match(after):
        return True
    if len(unit) == 1 and re.search(r"[$£€¥₽₹]\s?$", before):
        return True
    if len(unit) == 1 and re.match(r"\s?[$£€]", after):
        return True
    if base == "ru" and unit == "т" and re.match(r"\.\s?[едпкн]\b", (match["dot"] or "") + after):
        return True
    is_year = re.fullmatch(r"1[1-9]\d\d|20\d\d", number) is not None
    return is_year and (
        (unit == "г" and _RUSSIAN_YEAR.search(before) is not None) or (base, unit) == ("ar", "م")
    )


def _drops_dot(match: re.Match[str], after: str, base: str) -> bool:
    """A dot before a word in lower case is the unit's own, as it is after "Std.\""""
    if not match["dot"]:
        return True
    own = base == "de" and match["unit"] in ("Std", "Min", "Sek", "Stk")
    return own or after[1:2].islower()


def _form(forms: names.Forms, match: re.Match[str], base: str) -> str:
    if match["scale"]:
        return _many(forms, base)
    if re.search(
        r"(?<!\d )(?<!\d)\d/$",
        match.string[max(0, match.start("number") - 5) : match.start("number")],
    ):
        return _after_decimal(forms, 1, base) if len(forms) == 4 else forms[len(forms) == 3]
    number = parse(match["number"], base)
    if isinstance(number, Parts):
        return _many(forms, base)
    value = int(number.whole[-15:])
    if number.fraction:
        return _after_decimal(forms, value, base)
    if base == "ar":
        return currencies.choose(forms, value, base)
    return plural(value, forms[:3], base)


def _after_decimal(forms: names.Forms, whole: int, base: str) -> str:
    if base == "ar":
        return forms[0]
    if len(forms) > 2:
        return forms[3] if len(forms) > 3 else forms[1]
    return forms[0] if base in ("fr", "pt") and whole < 2 else forms[-1]


def _many(forms: names.Forms, base: str) -> str:
    return forms[0] if base == "ar" else forms[2] if len(forms) > 2 else forms[-1]


def _forms(written: str, base: str) -> names.Forms:
    return names.forms(_unit(written, base), base)


def _unit(written: str, base: str) -> str:
    if written[-1] in "²³":
        return "m" + written[-1]
    return names.symbols(base).get(written) or {"км": "km", "кг": "kg"}[written]


def _longest_first(words: Iterable[str]) -> list[str]:
    return sorted(words, key=lambda word: (-len(word), word))
