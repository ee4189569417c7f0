"""Russian endings on figures: 5-й, 10%-ный, 5-летний, 5-ти."""

from __future__ import annotations

import re

from xtts_lab.text.numbers.endings.common import START, Rules


def russian_stem(digits: str) -> str:
    """The number as it begins a compound: пяти, двадцатипяти, сто."""
    from num2words import num2words

    number = int(digits)
    words = str(num2words(number, lang="ru", case="g"))
    special = {
        1: "одно",
        2: "двух",
        3: "трёх",
        4: "четырёх",
        100: "сто",
        90: "девяносто",
        1000: "тысяче",
    }
    if number in special:
        return special[number]
    words = re.sub("^ста ", "сто", words)
    return words.replace(" ", "").replace("девяноста", "девяносто")


_RUSSIAN_CASES = {"ти": "g", "и": "g", "ми": "g", "х": "g", "ю": "i", "мя": "i"}


def _russian_cardinal(match: re.Match[str]) -> str:
    from num2words import num2words

    return str(num2words(int(match[1]), lang="ru", case=_RUSSIAN_CASES[match[2]]))


_ADJECTIVE = {"я": "ая", "е": "ое", "го": "ого", "му": "ому", "м": "ом", "х": "ых", "ю": "ую"}
RULES: Rules = (
    (rf"{START}(\d{{1,4}})\s?%-?(н\w+)", lambda m: f"{russian_stem(m[1])}процент{m[2]}"),
    (rf"{START}(\d{{1,4}})\s?%-(я|е|го|му|м|х|ю)\b",
     lambda m: f"{russian_stem(m[1])}процентн{_ADJECTIVE[m[2]]}"),
    (rf"{START}1,5-(?=[а-яё]{{4}})", lambda _: "полутора"),
    (rf"{START}(\d{{1,4}})\s?%-?й\b", lambda m: f"{russian_stem(m[1])}процентный"),
    (rf"{START}(\d{{1,4}})\s?-\s?(процентн\w+|летн\w+|лети\w+|дневн\w+|часов\w+|минутн\w+"
     r"|этажн\w+|метров\w+|кратн\w+|местн\w+|комнатн\w+|значн\w+|тысячн\w+|миллионн\w+|рублёв\w+"
     r"|рублев\w+|градусн\w+|месячн\w+|недельн\w+|килограммов\w+|километров\w+|страничн\w+|литров\w+|секундн\w+|балльн\w+)",
     lambda m: russian_stem(m[1]) + m[2]),
    (rf"{START}(\d{{1,3}})-(ти|и|ми|мя|ю)\b", _russian_cardinal),
    (rf"{START}((?:\d?[02-9])?[234])-(х)\b", _russian_cardinal),
)  # fmt: skip
