"""Chinese numbers, amounts and units in a text, read as words.

Like the reference's rules (`coqui/chinese.py`) where those are right; each match is replaced where
it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from xtts_lab.text import symbols
from xtts_lab.text.chinese.numerals import PUNCTUATION_TO_COMMA, cardinal, spell_digits
from xtts_lab.text.coqui.chinese import COUNTER
from xtts_lab.text.numbers import money
from xtts_lab.text.numbers.numerals import MAX_NAMED_DIGITS
from xtts_lab.text.numbers.written import join_groups

_NUMBER = r"(?<!\d)\d+(?:\.\d+)?"
_SIGNS = "".join(money.SIGNS)
_SCALE = "[万亿千百]"
_OUR_COUNTERS = "[人米种倍吨部所项册字步万亿千百元角毛公平小分点多余几]"
_LIANG = "个位只条张本名件次天周年岁家辆头匹块元秒倍种双对杯碗瓶盒斤米人点万亿千百"
_LIANG_WORDS = f"[{_LIANG}]|小时|分钟|公[里斤]"

_Read = Callable[[re.Match[str]], str]


def read_numbers(text: str) -> str:
    """Replace everything written with digits by words, and turn every mark into a comma."""
    text = join_groups(text, "zh").replace("％", "%")
    text = re.sub(r"(?<!\d)\d{1,3}(?:[,，]\d{3})+(?!\d)", lambda m: re.sub("[,，]", "", m[0]), text)
    for pattern, read in _RULES:
        text = re.sub(pattern, read, text)
    text = symbols.speak(text, "zh")
    return re.sub(r"\s?%\s?", " 百分之 ", text).translate(PUNCTUATION_TO_COMMA)


def _number(digits: str) -> str:
    whole, dot, fraction = digits.partition(".")
    zeros_lead = whole.startswith("0") and len(whole) > 1 and (len(whole) > 2 or whole == "00")
    is_code = zeros_lead or len(whole) > MAX_NAMED_DIGITS
    words = spell_digits(whole) if is_code else cardinal(whole)
    return words + (f"点{spell_digits(fraction)}" if dot else "")


def _bare(digits: str) -> str:
    """A long number without a counter is a code or a year, unless it is round."""
    is_code = len(digits) >= 4 and "." not in digits and not digits.endswith("00")
    return spell_digits(digits) if is_code else _number(digits)


def _clock(match: re.Match[str]) -> str:
    hour, minute = match[1], match[2]
    words = ("两" if int(hour) == 2 else _number(str(int(hour)))) + "点"
    return words + ("" if minute == "00" else f"{cardinal(minute)}分")


def _money(match: re.Match[str]) -> str:
    whole, _, fraction = match["number"].partition(".")
    code = money.SIGNS[match["sign"]]
    return money.amount(whole, fraction, code, "zh", match["scale"] or "")


def _fraction(match: re.Match[str]) -> str:
    return f"{_number(match[2])}分之{_number(match[1])}"


_AMOUNT = rf"(?P<number>{_NUMBER})(?P<scale>千?百?[万亿])?"
_RULES: tuple[tuple[str, _Read], ...] = (
    (r"(?<![^\s(（，。,：:])[-−](?=\d)", lambda _: symbols.MINUS["zh"]),
    (rf"(?:US)?(?P<sign>[{_SIGNS}])\s?{_AMOUNT}", _money),
    (rf"{_AMOUNT}\s?(?P<sign>[{_SIGNS}])", _money),
    (rf"({_NUMBER})\s?(?:℃|°C)", lambda m: f"{_number(m[1])}摄氏度"),
    (rf"({_NUMBER})\s?(?:℉|°F)", lambda m: f"{_number(m[1])}华氏度"),
    (r"(?<!\d)((?:[089]\d|(?:19|20)\d{2}))(?=年)", lambda m: spell_digits(m[1])),
    (r"(?<!\d)(\d{1,2})(?=月)", lambda m: cardinal(m[1]) or spell_digits(m[1])),
    (r"(?<!\d)([01]?\d|2[0-4])[:：]([0-5]\d)(?!\d)", _clock),
    (r"(?<!\d)(?:\+?86[ -]?)?(1[3-9]\d{9})(?!\d)", lambda m: spell_digits(re.sub(r"\D", "", m[0]))),
    (r"(?<!\d)(0\d{2,3})-?(\d{7,8})(?!\d)", lambda m: spell_digits(m[1] + m[2])),
    (r"(?<!\d)(\d+)/(\d+)", _fraction),
    (rf"({_NUMBER})\s?%", lambda m: f"百分之{_number(m[1])}"),
    (rf"(?<![\d.])2(?={_LIANG_WORDS})", lambda _: "两"),
    (rf"({_NUMBER})(?=[多余几]?(?:{COUNTER}|{_OUR_COUNTERS}))", lambda m: _number(m[1])),
    (rf"({_NUMBER})", lambda m: _bare(m[1])),
    (r"([a-zA-Z]+)二([a-zA-Z]+)", lambda m: f"{m[1]}2{m[2]}"),
)
