"""Chinese numbers in text, exactly as the reference implementation reads them.

It collects all matches of a rule first and then replaces the first occurrence of each match's text,
which may stand elsewhere. Behaviour of `TTS.tts.layers.xtts.zh_num2words.TextNorm` with its
defaults, in coqui-tts 0.28.0. For our own reading see `chinese/reading.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from xtts_lab.text.chinese.numerals import PUNCTUATION_TO_COMMA, cardinal, spell_digits

_NUMBER = r"\d+(?:\.\d+)?"
_SCALE = "(?:亿|千万|百万|万|千|百)"
_MONEY_UNIT = f"(?:{_SCALE}|{_SCALE}?[元块]|[角毛分])"

COUNTERS = (
    "丈世丘丝两个丸代令件伏位冬出刀分刻勺匹升单卮厘双叠口只合名周啖回场块坡堂堆墙壳壶夏夜天头季客家寸"
    "对寻尺尾层山岁岭常幢年座张忽户手扎打担挑捆撮支斗斛斤日旬时春曲更月本条杯板枝根桶棵毫江泡溪炮煲片"
    "瓶盆盏盒盘石砣碗碟秋秒程窠笼管箩箱篮簋粒纪线罐网罗群脚腔袋袭课贯贴跳身辆辈道里针钟钧钱钵铢铺锅锱"
    "阙队阵面页顶颗首"
)
COUNTER = f"(?:[{COUNTERS}]|[千微][米克])"
"""Measure words after which a number of any length is read as a number, by code point."""


def _date(text: str) -> str:
    year, has_year, rest = text.partition("年")
    if not has_year:
        year, rest = "", text
    month, has_month, day = rest.partition("月")
    if not has_month:
        month, day = "", rest
    words = spell_digits(year) + "年" if has_year else ""
    words += cardinal(month) + "月" if has_month else ""
    return words + (cardinal(day[:-1]) + day[-1] if day else "")


def _money(text: str) -> str:
    for number in re.findall(_NUMBER, text):
        text = text.replace(number, cardinal(number))
    return text


def _telephone(text: str) -> str:
    return spell_digits(re.sub(r"[\s+-]", "", text))


def _fraction(text: str) -> str:
    numerator, denominator = text.split("/")
    return f"{cardinal(denominator)}分之{cardinal(numerator)}"


def _percentage(text: str) -> str:
    return "百分之" + cardinal(text.rstrip("%"))


_Rule = tuple[re.Pattern[str], Callable[[str], str]]
_BEFORE_PERCENT: tuple[_Rule, ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (r"\D+((?:(?:[089]\d|(?:19|20)\d{2})年)?(?:\d{1,2}月(?:\d{1,2}[日号])?)?)", _date),
        (rf"\D+({_NUMBER}[多余几]?{_MONEY_UNIT}(?:\d{_MONEY_UNIT}?)?)", _money),
        (r"\D((?:\+?86 ?)?1(?:[38]\d|5[0-35-9]|7[678]|9[89])\d{8})\D", _telephone),
        (r"\D((?:0(?:10|2[1-3]|[3-9]\d{2})-?)?[1-9]\d{6,7})\D", _telephone),
        (r"(\d+/\d+)", _fraction),
    )
)
_FROM_PERCENT: tuple[_Rule, ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (rf"({_NUMBER}%)", _percentage),
        (rf"({_NUMBER})[多余几]?{COUNTER}", cardinal),
        (r"(\d{4,32})", spell_digits),
        (rf"({_NUMBER})", cardinal),
        # "P2P" became "P二P" above.
        (r"([a-zA-Z]+二[a-zA-Z]+)", lambda name: name.replace("二", "2")),
    )
)


def normalise_numbers(text: str) -> str:
    """Read all numbers and turn every punctuation mark into a comma."""
    # The reference frames the text so that \D matches at its ends; the frame may go too far.
    text = f"^{text}$"
    for rule in _BEFORE_PERCENT:
        text = _apply(rule, text)
    text = text.replace("％", "%")
    for rule in _FROM_PERCENT:
        text = _apply(rule, text)
    return text.lstrip("^").rstrip("$").translate(PUNCTUATION_TO_COMMA)


def _apply(rule: _Rule, text: str) -> str:
    pattern, read = rule
    for found in pattern.findall(text):
        if found:
            text = text.replace(found, read(found), 1)
    return text
