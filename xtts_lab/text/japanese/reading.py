"""Japanese numbers and symbols as they are said, before romanisation.

The reference passes digits on; a vocabulary without 0 and 6 to 9 loses them. Numbers become
hiragana, with the sound changes of their counters, since a dictionary reads 六本 as a name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from xtts_lab.text import symbols
from xtts_lab.text.iban import read_ibans
from xtts_lab.text.japanese import counters, numerals
from xtts_lab.text.numbers import currencies, everyday, money, roman
from xtts_lab.text.numbers.units.reading import read_units
from xtts_lab.text.numbers.written import join_groups

_NUMBER = r"(?<!\d)(?<!\d\.)\d+(?:\.\d+)?"
_COUNTER = "|".join(map(re.escape, counters.COUNTERS))
_COUNTED = re.compile(rf"(?<!\d)(?<!\d\.)(?P<number>\d+)\s?(?P<counter>{_COUNTER})")
_UNITS = r"(?:度|℃|°|%|パーセント|ポイント|点|円|分|秒|つ|個|人|倍)"

Write = Callable[[list[str]], str]
_Read = Callable[[re.Match[str]], str]


def read_numbers(text: str, write: Write = "".join) -> str:
    """Replace digits by hiragana and symbols by katakana; the result has no digit.

    `write` gets the parts of each number, and returns how they stand in the text.
    """
    text = join_groups(unicodedata.normalize("NFKC", _keep_symbols(text)), "ja")
    text = read_ibans(text, lambda digits: write(numerals.spell(digits)), "、")
    text = everyday.read_always(text, "ja")
    text = re.sub(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?!\d)", lambda m: m[0].replace(",", ""), text)
    text = re.sub(r"(?<![\w.])\.(?=\d)", "0.", text)
    text = re.sub(
        r"(?<![\d.])(?:\d{1,4}[百千万億兆]+)+(?:\d{1,4}(?![百千万億兆\d]))?", _scaled, text
    )
    text = re.sub(r"(?<![A-Za-z])[Nn]o\.?\s?1(?![\d.])", "ナンバーワン", text)
    text = re.sub(r"(?<![A-Za-z])[Nn]o(?:\.\s?|\s)(?=\d)", "ナンバー", text)
    text = _codes(re.sub(r"〒\s?(?=\d)", "郵便番号", text), write)
    text = read_units(text, "ja")
    for pattern, read in _WRITTEN:
        text = re.sub(pattern, read, text)
    text = symbols.areas(money.read_signs(_money(text), "ja"), "ja")
    text = _COUNTED.sub(lambda match: _counted(match, write), text)
    text = re.sub(_NUMBER, lambda match: write(_number(match[0])), text)
    text = re.sub(r"\d+", lambda match: write(numerals.spell(match[0])), text)
    return symbols.speak(text, "ja")


def _keep_symbols(text: str) -> str:
    """Read what NFKC would make digits or other signs of."""
    return text.replace("²", "\ue002").replace("³", "\ue003").replace("½", "1/2")


_SCALES = {"百": 100, "千": 1000, "万": 10**4, "億": 10**8, "兆": 10**12}


def _scaled(match: re.Match[str]) -> str:
    """Write figures and scales as figures: 1億5千万 is 150000000."""
    total = current = 0
    for part in re.findall(r"\d+|[百千万億兆]", match[0]):
        if part.isdigit():
            current += int(part)
        elif _SCALES[part] < 10**4:
            current = (current or 1) * _SCALES[part]
        else:
            total, current = total + (current or 1) * _SCALES[part], 0
    return str(total + current)


def _number(digits: str) -> list[str]:
    whole, dot, fraction = digits.partition(".")
    if dot:
        return numerals.decimal(whole, fraction)
    if whole.startswith("0") and len(whole) > 1:
        return numerals.spell(whole)
    return numerals.cardinal(whole)


def _counted(match: re.Match[str], write: Write) -> str:
    digits = match["number"]
    if digits.startswith("0") and len(digits) > 2:
        return write(numerals.spell(digits)) + match["counter"]
    is_date = match.string[: match.start()].endswith("月")
    return write(counters.counted(digits, match["counter"], is_date))


def _codes(text: str, write: Write) -> str:
    """Telephone numbers and postal codes, digit by digit with の between their groups."""

    def read(match: re.Match[str]) -> str:
        groups = re.findall(r"\d+", match[0])
        plus = "プラス" if match[0].startswith("+") else ""
        return plus + write(
            [part for group in groups for part in (*numerals.spell(group), "の")][:-1]
        )

    pattern = (
        r"(?<![\d.-])(?:\+\d{1,3}[- ]\(?\d{1,4}\)?(?:[- ]\d{2,4}){1,3}|\(?0\d{1,4}\)?[-"
        r" ]?\d{1,4}[- ]\d{3,4}"
        r"|\d{3}-\d{4}|\d{4}(?:[- ]\d{4}){2,3}|0\d{9,10})(?![\d-])"
    )
    return re.sub(pattern, read, text)


def _money(text: str) -> str:
    number, scale = rf"(?P<number>{_NUMBER})", rf"(?P<scale>{money.CJK_SCALES['ja']})?"
    letter = r"(?P<letter>[kKmMbB]n?(?![A-Za-z]))?"
    signs = currencies.pattern("ja")
    for pattern in (
        rf"(?P<sign>{signs})\s?{number}{scale}{letter}",
        rf"{number}{scale}{letter}\s?(?P<sign>{signs})(?!\d)",
    ):
        text = re.sub(pattern, _amount, text)
    return text


def _amount(match: re.Match[str]) -> str:
    whole, _, fraction = match["number"].partition(".")
    code = currencies.signs("ja")[match["sign"]]
    return money.amount(whole, fraction, code, "ja", match["scale"] or "", match["letter"] or "")


def _clock(match: re.Match[str]) -> str:
    minute = "" if match[2] == "00" else f"{int(match[2])}分"
    seconds = f"{int(match[3])}秒" if match[3] else ""
    return f"{int(match[1])}時{minute}{seconds}"


def _range(match: re.Match[str]) -> str:
    low, high = float(match[1]), float(match[4])
    if match[3] in "-–—" and low >= high:
        return f"{match[1]}{match[2] or ''}対{match[4]}"
    return f"{match[1]}{match[2] or ''}から{match[4]}"


def _model(match: re.Match[str]) -> str:
    """A type of aircraft, 747-400; of scores in hundreds hardly any ends on a round one."""
    model, kind = match.groups()
    return f"{' '.join(model)} {kind}" if int(model) > int(kind) else match[0]


_PART_AFTER = (
    r"\s?(?:スケール|サイズ|モデル|縮尺|以下|以上|未満|程度|くらい|ぐらい|ほど|ずつ|倍"
    r"|の(?:大きさ|サイズ|スケール|確率|量|値段|価格|縮尺|長さ|重さ|速度|規模|コスト|費用|人|割合|濃度)"
    r"|に(?:縮|減|落|薄|なっ|なり|なる|満))"
)
_PART_BEFORE = re.compile(r"(?:約|縮尺|全体の|人口の|確率は|割合は|わずか)\s?$")
"""What makes of 1/20 a part of something; a month and a day otherwise."""


def _slash(match: re.Match[str]) -> str:
    """A part of something, or a month and a day, which figures below 13 and 32 mostly are."""
    over, under = int(match[2]), int(match[3])
    whole = f"{match[1].strip()}と" if match[1] else ""
    before, after = match.string[: match.start()][-8:], match.string[match.end() :]
    told = re.match(_PART_AFTER, after) or _PART_BEFORE.search(before)
    no_day = under > 31 or over > 12
    if whole or over < under <= 10 or (over < under and (no_day or told)):
        return f"{whole}{under}ぶんの{over}"
    if 1 <= over <= 12 and 1 <= under <= 31 and not match[2].startswith("00"):
        return f"{over}月{under}日"
    if over == under == 50:
        return "フィフティフィフティ"
    if 85 <= over < 250 and 40 <= under < over:  # blood pressure
        return f"{over}の{under}"
    if 1 < under < over < 1000:
        return f"{under}ぶんの{over}"
    return f"{match[2]}スラッシュ{match[3]}"


_WRITTEN: tuple[tuple[str, _Read], ...] = (
    (r"(?<![\d/.-])((?:19|20)\d{2})([/.-])(\d{1,2})\2(\d{1,2})(?![\d/-])",
     lambda m: f"{m[1]}年{int(m[3])}月{int(m[4])}日"),
    (r"(?<![\d/])((?:19|20)\d{2})/(0?[1-9]|1[0-2])(?![\d/])", lambda m: f"{m[1]}年{int(m[2])}月"),
    (r"(?<![A-Za-z\d.-])[1-9]\d{0,3}(?:-[1-9]\d{0,3}){2,3}(?![\d-]|\s?=)",
     lambda m: m[0].replace("-", "の")),  # an address
    (r"(?<=:\d\d)\s?[-–—~〜～]\s?(?=\d{1,2}:\d\d)", lambda _: "から"),
    (r"(?<![\d.:])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])", _clock),
    (r"(?<![\d:])(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)(?![\d:])", lambda m: f"{m[1]}対{m[2]}"),
    (r"(?<![\d.-])([1-9]\d\d)[-–]([1-9]00)(?![\d-])", _model),
    (rf"(?<![A-Za-z\d.])[-–−](\d+(?:\.\d+)?)\s?[-~～〜]\s?([-–−]?)(?=\d+(?:\.\d+)?\s?{_UNITS})",
     lambda m: f"マイナス{m[1]}から{'マイナス' * bool(m[2])}"),
    (rf"(?<![A-Za-z0-9.-])({_NUMBER})({_UNITS}|年|月|日|時)?\s?([-–—~〜～∼])\s?(\d+(?:\.\d+)?)"
     r"(?![\d-])", _range),
    (r"−(?=\.?\d)|(?<![\w)）])[-–](?=\.?\d)|(?<=[ぁ-ん])[-–](?=\d)"
     rf"|(?<=\w)[-–](?=\d+(?:\.\d+)?{_UNITS})", lambda _: symbols.MINUS["ja"]),
    (r"(?<!\w)[~〜～∼](?=\d)", lambda _: "約"),
    (r"(?<![\d/.])(\d+\s)?(\d{1,4})/(\d{1,4})(?![\d/])", _slash),
    (r"((?<!\d)\d+|[A-Za-z])\^(-?\d+)", lambda m: f"{m[1]}の{m[2].replace('-', 'マイナス')}乗"),
    (r"(?<![\d.])110番(?![\d目線地台])", lambda _: "ひゃくとおばん"),
    (r"(?<!\d)(\d+)分の(?=\d)", lambda m: f"{m[1]}ぶんの"),
    (r"(?<=\d)\s?%", lambda _: "パーセント"),
    (r"(?<=\d)\s?(?:°[CF]|[℃℉])", lambda _: "度"),
    (r"(?<=\d)\s?[x×]\s?(?=\d)", lambda _: "×"),
    (r"(?<![A-Za-z])(?=[IVX]{2})(X{0,3}(?:IX|IV|V?I{0,3}))(?![A-Za-z])",
     lambda m: str(roman.value(m[1]))),
    ("\ue002", lambda _: "²"),
    ("\ue003", lambda _: "³"),
)  # fmt: skip
