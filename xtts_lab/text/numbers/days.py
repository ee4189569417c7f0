"""Days of a month that a dash joins (5.-7. Mai, 5-7 мая), short names of months, Slavic years.

A range of days has ordinals on both sides, in the case that the language's dates have. A short name
("Jan", "янв.") is a month only beside a day and, but for English, before a year or with its dot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from xtts_lab.text.numbers.ordinals import czech, ordinal

# fmt: off
MONTHS: Mapping[str, str] = {
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre"
    " diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre"
    " dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro"
    " dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "tr": "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
    "hu": "január február március április május június július augusztus szeptember október november"
    " december",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października"
    " listopada grudnia",
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
    "ar": "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
}
"""The twelve months, in the form that they have after a day."""

_OTHER_SHORT: Mapping[str, Mapping[str, str]] = {"nl": {"mrt": "maart"}}
_MONTH_BEFORE_DAY = frozenset({"en", "hu"})
_GERMAN_DATIVE = frozenset(
    ("am", "vom", "zum", "beim", "im", "dem", "den", "ab", "seit", "bis", "die", "von")
)
_FROM_TO = {
    "ru": ("с|со|от", "по|до"), "pl": ("od", "do"), "cs": ("od", "do"), "en": ("from", "to"),
}  # fmt: skip
_DAY = r"(?<![\w.,/:-])(?P<low>[12]?\d|3[01])"
_TO = r"\s?[-–—]\s?(?P<high>[12]?\d|3[01])"
# fmt: on


def read_month_names(text: str, base: str) -> str:
    """Write short names of months out: "Jan 5", "5 janv. 2023", "9 янв. 1945"."""
    short = _short(base)
    if not short:
        return text
    names = "|".join(sorted(map(re.escape, short), key=len, reverse=True))

    def full(match: re.Match[str]) -> str:
        dot = "." if match[0].endswith(".") and match.end() == len(match.string) else ""
        return short[match["short"].lower()] + dot

    year = r"(?:\.|(?=,?\s(?:de\s)?\d{4}\b))"
    after = rf"(?<=\d)(?P<gap>\.?\s(?:de\s)?)(?P<short>{names}){year}"
    text = re.sub(after, lambda match: match["gap"] + full(match), text, flags=re.IGNORECASE)
    if base in ("es", "pt"):  # "5 ene 2023" is said with both of its "de"
        months = "|".join(MONTHS[base].split())
        text = re.sub(rf"(?<=\d) ({months})\b", r" de \1", text)
        text = re.sub(rf"(?<=\d)( de (?:{months})) (?=\d{{4}}\b)", r"\1 de ", text)
    if base not in _MONTH_BEFORE_DAY:
        return text
    dot = r"\." if base == "hu" else r"\.?"
    before = (
        rf"\b(?P<short>{names}){dot}(?=\s(?:[12]?\d|3[01])(?:st|nd|rd|th)?(?:\.|,|\b)(?!\d|[:%]))"
    )
    capital = 0 if base == "en" else re.IGNORECASE
    names = "|".join(name.capitalize() for name in names.split("|")) if base == "en" else names
    before = before.replace(names.lower(), names) if base == "en" else before
    return re.sub(before, full, text, flags=capital)


def read_day_ranges(text: str, base: str) -> str:
    """Read "5.-7. Mai", "5.-7. května", "5-7 maja", "с 5 по 7 мая", "May 5-7"."""
    if base in _FROM_TO:
        months = "|".join(MONTHS[base].split())
        since, until = _FROM_TO[base]
        text = re.sub(
            rf"\b(?:{since}) ([12]?\d|3[01])\.? (?:{until}) ([12]?\d|3[01])\.?(?= (?:{months})\b)",
            lambda match: _from_to(match, base),
            text,
            flags=re.IGNORECASE,
        )
    if base == "de":  # alone, as in a letter's head: fünfter Oktober
        months = "|".join(MONTHS[base].split())
        text = re.sub(
            rf"(?:^|(?<=[,:;–] )|(?<=\())([12]?\d|3[01])\.(?= (?:{months})\b)",
            lambda match: ordinal(match[1], base) + "r",
            text,
            flags=re.IGNORECASE,
        )
    reader = {"de": _german, "cs": _czech, "pl": _polish, "ru": _russian, "en": _english}.get(base)
    if reader is None:
        return text
    months = "|".join(MONTHS[base].split())
    dot = {"de": r"\.", "cs": r"\.", "pl": r"\.?", "ru": "", "en": ""}[base]
    own = rf"{_DAY}{dot and dot.rstrip('?') + '?'}{_TO}{dot}(?=\s(?:{months})\b)"

    def read(match: re.Match[str]) -> str:
        if int(match["low"]) >= int(match["high"]):
            return match[0]
        before = re.findall(r"[^\W\d_]+", match.string[max(0, match.start() - 20) : match.start()])
        return reader(match["low"], match["high"], before[-1].lower() if before else "")

    text = re.sub(own, read, text, flags=re.IGNORECASE)
    if base == "en":
        days = rf"\b(?P<month>{months}) (?P<low>[12]?\d|3[01]){_TO}(?![\d:%/-]|[.,]\d)"
        text = re.sub(days, _after_month, text)
    return text


def _from_to(match: re.Match[str], base: str) -> str:
    """Read both days after their prepositions; the Russian "по" has the accusative."""
    since, first, until, second = (part.rstrip(".") for part in match[0].split())
    if base == "en":
        return f"{since} the {ordinal(first, base)} {until} the {ordinal(second, base)} of"
    if base == "cs":
        days = [czech_genitive(int(day)) for day in (first, second)]
    elif base == "pl":
        days = [polish_case(day, "genitive") for day in (first, second)]
    else:
        ending = "-ое" if until.lower() == "по" else "-го"
        days = [ordinal(first, "ru", "-го"), ordinal(second, "ru", ending)]
    return f"{since} {days[0]} {until} {days[1]}"


def _german(low: str, high: str, before: str) -> str:
    ending = "n" if before in _GERMAN_DATIVE else "" if before == "der" else "r"
    return f"{ordinal(low, 'de')}{ending} bis {ordinal(high, 'de')}{ending}"


def _czech(low: str, high: str, _before: str) -> str:
    return f"{czech_genitive(int(low))} až {czech_genitive(int(high))}"


def _polish(low: str, high: str, before: str) -> str:
    since = "" if before == "od" else "od "
    return f"{since}{polish_case(low, 'genitive')} do {polish_case(high, 'genitive')}"


def _russian(low: str, high: str, before: str) -> str:
    since = "" if before in ("с", "со") else "с "
    return f"{since}{ordinal(low, 'ru', '-го')} по {ordinal(high, 'ru', '-ое')}"


def _english(low: str, high: str, _before: str) -> str:
    return f"the {ordinal(low, 'en')} to the {ordinal(high, 'en')} of"


def _after_month(match: re.Match[str]) -> str:
    if int(match["low"]) >= int(match["high"]):
        return match[0]
    return f"{match['month']} {ordinal(match['low'], 'en')} to {ordinal(match['high'], 'en')}"


def czech_genitive(day: int) -> str:
    """Return a Czech ordinal in the genitive: pátého."""
    return re.sub(r"ý\b", "ého", re.sub(r"í\b", "ího", czech(day)))


def polish_case(digits: str, case: str) -> str:
    """Return a Polish ordinal in the genitive (piątego) or the locative (piątym).

    Nominatives end in -y or -i: drugi, drugiego, drugim; ósmy, ósmego, ósmym.
    """
    words = ordinal(digits, "pl")
    if case == "locative":
        return re.sub(r"([iy])\b", r"\1m", words)
    return re.sub(r"i\b", "iego", re.sub(r"y\b", "ego", words))


@cache
def _short(base: str) -> Mapping[str, str]:
    """Map every beginning of three letters or more that only one month has to that month."""
    names = MONTHS.get(base, "").split()
    found = {
        name[:size].lower(): name
        for name in names
        for size in range(3, len(name))
        if sum(other.lower().startswith(name[:size].lower()) for other in names) == 1
    }
    if base == "de":  # as its texts write them, for what looks for years
        found = {short: name.capitalize() for short, name in found.items()}
    whole = {name.lower() for name in names}
    return {k: v for k, v in found.items() if k not in whole} | dict(_OTHER_SHORT.get(base, {}))
