"""Cases of Polish, Russian and Czech cardinals between which a preposition stands."""

from __future__ import annotations

import re
from functools import cache

from xtts_lab.text.numbers import currencies
from xtts_lab.text.numbers.gender import agree, form_of
from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.ordinals import ordinal

# fmt: off
_POLISH_GENITIVE = {
    "zero": "zera", "jeden": "jednego", "dwa": "dwóch", "trzy": "trzech", "cztery": "czterech",
    "pięć": "pięciu", "sześć": "sześciu", "siedem": "siedmiu", "osiem": "ośmiu",
    "dziewięć": "dziewięciu", "dziesięć": "dziesięciu", "sto": "stu", "dwieście": "dwustu",
    "trzysta": "trzystu", "czterysta": "czterystu", "tysiąc": "tysiąca", "tysiące": "tysięcy",
    "milion": "miliona", "miliony": "milionów", "dwanaście": "dwunastu",
    "dwadzieścia": "dwudziestu",
    "siedemset": "siedmiuset", "osiemset": "ośmiuset",
}
_CZECH_DATIVE = {
    "nula": "nule", "jedna": "jedné", "jeden": "jednomu", "dva": "dvěma", "dvě": "dvěma",
    "tři": "třem", "čtyři": "čtyřem", "devět": "devíti", "deset": "deseti", "sto": "stu",
}
# fmt: on


Around = tuple[str, str]
"""The text before a range, and after it."""

_GENITIVE_BEFORE = {
    "ru": frozenset(
        [
            "до",
            "от",
            "около",
            "более",
            "менее",
            "больше",
            "меньше",
            "свыше",
            "без",
            "после",
            "из",
            "для",
            "течение",
            "порядка",
            "с",
        ]
    ),
    "pl": frozenset(
        [
            "do",
            "od",
            "około",
            "ok",
            "bez",
            "z",
            "ze",
            "dla",
            "ponad",
            "poniżej",
            "powyżej",
            "ciągu",
            "koło",
            "po",
            "w",
            "ponad",
        ]
    ),
}
_PAUCAL_NOUN = {"ru": "[аяыи]$", "pl": "[yiaeę]$"}


_GENITIVE_UNITS = {
    "ru": {
        "%": "процентов", "‰": "промилле", "°C": "градусов цельсия", "°F": "градусов фаренгейта",
        "°": "градусов", "тыс.": "тысяч", "тыс": "тысяч", "млн": "миллионов",
        "млрд": "миллиардов",
    },
    "pl": {
        "%": "procent", "‰": "promili", "°C": "stopni celsjusza", "°F": "stopni fahrenheita",
        "°": "stopni", "tys.": "tysięcy", "tys": "tysięcy", "mln": "milionów", "mld": "miliardów",
    },
}  # fmt: skip


def between(low: str, high: str, base: str, score: bool, around: Around = ("", "")) -> str:
    """Read a range or a score: две-три минуты, od dwóch do pięciu godzin, dwadzieścia do trzech.

    After two, three and four the noun shows that no preposition governs it; what is counted then
    stands after both numbers as after the second one.
    """
    if _is_year(low) and _is_year(high) and not score:
        read = (lambda year: cardinal(year, "pl")) if base == "pl" else _russian_year
        return f"{read(low)} - {read(high)}"
    if score:
        return _score(low, high, base)
    before, after = around
    governed = _last_word(before) in _GENITIVE_BEFORE[base]
    noun = re.match(r"\s([^\W\d_]+(?:ых|их|ych|ich)\s)?([^\W\d_]+)", after)
    few = high[-1] in "234" and high[-2:-1] != "1"
    if noun and few and not governed and re.search(_PAUCAL_NOUN[base], noun[2].lower()):
        return "-".join(_counting(number, after, base) for number in (low, high))
    genitive = [_genitive(number, base) for number in (low, high)]
    if governed and noun:
        return "-".join(genitive)
    if base == "ru":
        return f"от {genitive[0]} до {genitive[1]}"
    first = f"od {genitive[0]}" if low[-1] in "1234" and noun else cardinal(low, "pl")
    return f"{first} do {genitive[1]}"


def read_measured(text: str, base: str) -> str:
    """Read a range of percent, degrees or money, which has the genitive: от двух до трёх процентов.

    Scores ("3-2 %") and amounts with a fraction stay.
    """
    money = currencies.signs(base)

    def read(match: re.Match[str]) -> str:
        low, high, unit = match["low"], match["high"], match["unit"]
        if int(low) >= int(high) or (match["same"] or unit) != unit:
            return match[0]
        words = _GENITIVE_UNITS[base].get(unit) or currencies.name(money[unit], 5, base)
        if counted := match.groupdict().get("money"):
            words += " " + currencies.name(money[counted], 5, base)
        first, second = _genitive(low, base), _genitive(high, base)
        if _last_word(match.string[: match.start()]) in _GENITIVE_BEFORE[base]:
            return f"{first}-{second} {words}"
        since, until = ("от", "до") if base == "ru" else ("od", "do")
        return f"{since} {first} {until} {second} {words}"

    before, after = _measured(base)
    return before.sub(read, after.sub(read, text))


@cache
def _measured(base: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns of such ranges, the unit before them and after."""
    sign = f"(?:{currencies.pattern(base)})"
    dash, units = r"\s?[-–—~]\s?", "|".join(map(re.escape, _GENITIVE_UNITS[base]))
    start, end = r"(?<![\w.,:/+\-–−])", r"(?!\w|-\w|[.,:/]\d)"
    number = r"[1-9]\d{0,5}"
    before = rf"{start}(?P<unit>{sign})(?P<low>{number}){dash}(?P<same>{sign})?(?P<high>{number})"
    after = rf"{start}(?P<low>{number})\s?(?:(?P<same>%|{sign}))?{dash}(?P<high>{number})"
    after += rf"\s?(?P<unit>{units}|{sign})(?:(?<=[\w.])\s?(?P<money>{sign}))?"
    return re.compile(before + end), re.compile(after + end)


def _score(low: str, high: str, base: str) -> str:
    if base == "pl":
        return f"{cardinal(low, 'pl')} do {_genitive(high, 'pl')}"
    return f"{cardinal(low, 'ru')} к {russian(high, 'd')}"


def _genitive(digits: str, base: str) -> str:
    return russian(digits, "g") if base == "ru" else polish_genitive(cardinal(digits, "pl"))


def _counting(digits: str, after: str, base: str) -> str:
    """Read one end of a range before the plural that its other end asks for."""
    form = form_of(2, "", after, base)
    return agree(cardinal(digits, base), "f" if form == "f" else "", base)


def _last_word(text: str) -> str:
    words = re.findall(r"[^\W\d_]+", text[-40:])
    return words[-1].lower() if words else ""


def _is_year(digits: str) -> bool:
    return len(digits) == 4 and digits[0] in "12"


def _russian_year(digits: str) -> str:
    return ordinal(digits, "ru", "-й")


def russian(digits: str, case: str) -> str:
    """Read a number in a case: "g", "d", "i", or "p" for the prepositional."""
    from num2words import num2words

    if len(digits) > 12:
        return cardinal(digits, "ru")
    words = str(num2words(int(digits), lang="ru", case=case)).replace("ноля", "нуля")
    words = words.replace("нолю", "нулю")
    return words.removeprefix("одной ") if words.startswith("одной тысяч") else words


def hours(hour: int, minute: int, base: str) -> str:
    """Read a time after "до", "с", "od", "do", in the genitive: до семнадцати часов."""
    if base == "cs":
        genitive = {1: "jedné", 2: "dvou", 3: "tří", 4: "čtyř"}
        words = genitive.get(hour) or czech_dative(cardinal(str(hour), "cs"))
        if not minute:
            return f"{words} {'hodiny' if hour == 1 else 'hodin'}"
        return f"{words} {'nula ' if minute < 10 else ''}{cardinal(str(minute), 'cs')}"
    if not minute:
        return f"{russian(str(hour), 'g')} {'часа' if hour in (1, 21) else 'часов'}"
    zero = "ноль " if minute < 10 else ""
    return f"{russian(str(hour), 'g')} {zero}{russian(str(minute), 'g')}"


def dative_hours(hour: int, minute: int) -> str:
    """Read a time after the Russian "к": к восьми часам, к восьми тридцати."""
    words = russian(str(hour), "d")
    if not minute:
        return f"{words} {'часу' if hour in (1, 21) else 'часам'}"
    return f"{words} {'ноль ' if minute < 10 else ''}{russian(str(minute), 'd')}"


def polish_genitive(words: str) -> str:
    """Return a Polish cardinal in the genitive, word by word."""
    declined = " ".join(map(_polish_word, words.split()))
    return re.sub(r"(?<= )jednego\b", "jeden", declined)  # dwudziestu jeden


def _polish_word(word: str) -> str:
    if word in _POLISH_GENITIVE:
        return _POLISH_GENITIVE[word]
    if word.endswith(("naście", "dzieści")):
        return re.sub("ście?$", "stu", word)
    return re.sub("ć(?=set$)", "ciu", re.sub("iąt$", "ięciu", word))


def czech_dative(words: str) -> str:
    """Return a Czech cardinal in the dative, word by word."""
    return " ".join(_czech_word(word) for word in words.split())


def _czech_word(word: str) -> str:
    if word in _CZECH_DATIVE:
        return _CZECH_DATIVE[word]
    return word + "i" if re.search("[tm]$", word) and not word.endswith("set") else word
