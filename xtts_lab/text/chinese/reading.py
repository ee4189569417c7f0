"""Chinese numbers, amounts and units in a text, read as words.

Like the reference's rules (`coqui/chinese.py`) where those are right; each match is replaced where
it stands. The first rules decide what a sign between figures means and leave the figures; the last
ones read them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from xtts_lab.text import symbols
from xtts_lab.text.chinese.numerals import PUNCTUATION_TO_COMMA, cardinal, spell_digits
from xtts_lab.text.coqui.chinese import COUNTER
from xtts_lab.text.iban import read_ibans
from xtts_lab.text.numbers import currencies, everyday, money, roman
from xtts_lab.text.numbers.numerals import MAX_NAMED_DIGITS
from xtts_lab.text.numbers.units.reading import read_units
from xtts_lab.text.numbers.written import join_groups

_NUMBER = r"(?<!\d)(?<!\d\.)\d+(?:\.\d+)?"
_OUR_COUNTERS = (
    "[人米种倍吨部所项册字步万亿千百元角毛公平小分点多余几度厘毫克摄华港美欧日韩英卢里第集局"
    "升瓦伏赫兆吉帕]"
)
_LIANG = (
    "个位只条张本名件次天周年岁家辆头匹块元秒倍种双对杯碗瓶盒斤米人点万亿千百台把间封节首场群份片艘"
    "架栋座升吨克勺"
)
_LIANG_WORDS = (
    rf"(?:到\d+(?:\.\d+)?)?(?:[{_LIANG}](?!级)|小时|分钟|公[里斤]|厘米|毫米|毫升|毫克|千瓦|千卡|平方|立方|美元|欧元|英镑|港元|日元"
    "|韩元|卢布|学期|星期|礼拜|多)"
)
_UNIT = r"(?:℃|℉|°[CF]?|%|‰|[元岁年月日号点个天人度]|小时|分钟|美元|公里)"
_DASH = "[-–—~〜～∼]"
_BELOW_ZERO = (
    r"(?=\d+(?:\.\d+)?(?:[到至~～-]-?\d+(?:\.\d+)?)?\s?(?:℃|℉|°|%|度|摄氏|华氏|分|点|元|[万亿]))"
)
_MINUS_CUE = "是为到至约达于比值温数零"

_Read = Callable[[re.Match[str]], str]


def read_numbers(text: str) -> str:
    """Replace everything written with digits by words, and turn every mark into a comma."""
    text = everyday.read_always(read_ibans(text, spell_digits), "zh")
    text = join_groups(text, "zh").replace("％", "%")
    text = re.sub(r"(?<![\d.])\d{1,3}(?:(?:,\d{3})+|(?:，000)+)(?!\d)", _ungrouped, text)
    text = read_units(text, "zh")
    for pattern, read in _SIGNS:
        text = re.sub(pattern, read, text)
    text = symbols.areas(money.read_signs(_money(text), "zh"), "zh")
    for pattern, read in _FIGURES:
        text = re.sub(pattern, read, text)
    text = symbols.speak(text, "zh")
    return re.sub(r"\s?%\s?", " 百分之 ", text).translate(PUNCTUATION_TO_COMMA)


def _ungrouped(match: re.Match[str]) -> str:
    """Close the gaps; with nothing beside it, such a number is read at once, as it is no code."""
    digits = re.sub("[,，]", "", match[0])
    before = match.string[: match.start()].rstrip()[-1:]
    alone = re.match(r"\s*(?:$|[，。；！？、,;!?)）])", match.string[match.end() :])
    counts = before and (before in "-–−~" or not (before.isalnum() or before in "，。：:,(（"))
    return digits if counts or not alone else _number(digits)


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
    hour, minute, second = match[1], match[2], match[3]
    words = ("两" if int(hour) == 2 else _number(str(int(hour)))) + "点"
    if minute != "00" or second:
        words += f"{cardinal(minute) or '零'}分"
    return words + (f"{cardinal(second) or '零'}秒" if second else "")


def _range(match: re.Match[str]) -> str:
    low, unit, dash, high = match[1], match[2] or "", match[3], match[4]
    year = len(low) == 4 and len(high) == 4 and low[0] in "12"
    if dash in "-–—" and float(low) >= float(high) and not year:
        return f"{low}{unit}比{high}"
    if year and not unit:
        return f"{spell_digits(low)}到{spell_digits(high)}"
    return f"{low}{unit}到{high}"


def _percent_range(match: re.Match[str]) -> str:
    """Read "20~30%", whose percent comes first and once: 百分之二十到三十."""
    low, high = match[1], match[2]
    upwards = float(low) < float(high)
    return f"百分之{_number(low)}到{_number(high)}" if upwards else match[0]


def _model(match: re.Match[str]) -> str:
    """A type of aircraft, 747-400; of scores in hundreds hardly any ends on a round one."""
    model, kind = match.groups()
    return f"{spell_digits(model)}{cardinal(kind)}" if int(model) > int(kind) else match[0]


_PART_BEFORE = re.compile("(?:约|占|的|了|仅|达|有|剩|比例是?|概率是?|等于|=)\\s?$")
_PART_AFTER = re.compile(r"\s?(?:的|左右|以上|以下|[=+×÷])")
_DAY_BEFORE = re.compile("(?:在|于|截至|截止|日期|从|自)[:：]?\\s?$")
_DAY_AFTER = re.compile(
    "\\s?(?:是|号|日|上午|下午|中午|晚|早|凌晨|星期|周|前|后|截止|出发|到期|开|举)"
)


def _is_day(match: re.Match[str]) -> bool:
    """Return whether 12/25 is a day and no part, by the words beside it; from October on it is."""
    before, after = match.string[: match.start()][-4:], match.string[match.end() :]
    if _PART_BEFORE.search(before) or _PART_AFTER.match(after):
        return False
    told = _DAY_BEFORE.search(before) or _DAY_AFTER.match(after)
    return int(match[2]) >= 10 or told is not None


def _slash(match: re.Match[str]) -> str:
    """A fraction, or a month and a day where the first is the greater: 12/5 is no fraction."""
    whole, over, under = (match[1] or "").strip(), int(match[2]), int(match[3])
    if not whole and over >= under and 1 <= over <= 12 and 1 <= under <= 31:
        return f"{over}月{under}日"
    if not whole and 1 < over <= 12 < under <= 31 and _is_day(match):
        return f"{over}月{under}日"
    if not whole and over > under:
        return f"{over}杠{under}"
    if not whole and over == under == 50:
        return f"{over}比{under}"
    mixed = f"{_number(whole)}又" if whole else ""
    parts = {100: "百", 1000: "千", 10_000: "万"}.get(under) or _number(match[3])
    return f"{mixed}{parts}分之{_number(match[2])}"


def _spelt(match: re.Match[str]) -> str:
    return spell_digits(re.sub(r"\D", "", match[0]))


def _money(text: str) -> str:
    number, scale = rf"(?P<number>{_NUMBER})", rf"(?P<scale>{money.CJK_SCALES['zh']})?"
    letter = r"(?P<letter>[kKmMbB]n?(?![A-Za-z]))?"
    signs = currencies.pattern("zh")
    for pattern in (
        rf"(?P<sign>{signs})\s?{number}{scale}{letter}(?:元|美元)?",
        rf"{number}{scale}{letter}\s?(?P<sign>{signs})(?!\d)",
    ):
        text = re.sub(pattern, _amount, text)
    return text


def _amount(match: re.Match[str]) -> str:
    whole, _, fraction = match["number"].partition(".")
    fraction = fraction.rstrip("0")
    code = currencies.signs("zh")[match["sign"]]
    found = money.amount(whole, fraction, code, "zh", match["scale"] or "", match["letter"] or "")
    return re.sub(rf"(?<![\d.])(?!2(?!\d)){_NUMBER}", lambda m: _number(m[0]), found)


_SIGNS: tuple[tuple[str, _Read], ...] = (
    (r"(?<![\w.])\.(?=\d)", lambda _: "0."),
    (r"(?<![A-Za-z])(?=[IVX]{2})(X{0,3}(?:IX|IV|V?I{0,3}))(?![A-Za-z])",
     lambda m: str(roman.value(m[1]))),
    # Telephone numbers and codes.
    (r"(?<![\d.-])(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\d-])", _spelt),
    (r"(?<![\d.-])\(?0\d{2,3}\)?[ -]?\d{3,4}[ -]?\d{4}(?![\d-])", _spelt),
    (r"(?<![\d.-])[48]00-\d{3,4}-\d{3,4}(?![\d-])", _spelt),
    (r"(?<![\d.-])\d{3,4}(?:[ -]\d{3,4}){2,4}(?![\d-])", _spelt),
    (r"(?<![\d.:-])[1-9]\d{2,3}(?=室|号房|房间|教室|病房)", _spelt),
    (r"(?<=[打拨号])(?:1[12]\d|9\d\d)(?!\d|[.,:]\d|[分个次元人块年月日号%])", _spelt),
    (r"(?<![\d.])(?:1[0-2]\d{3}|9[56]\d{3})(?=客服|热线|电话|短信)", _spelt),
    # Dates.
    (r"(?<![\d/.-])((?:19|20)\d{2})([/.-])(0?[1-9]|1[0-2])\2(0?[1-9]|[12]\d|3[01])[日号]?"
     r"(?![\d/.-]\d|\d)",
     lambda m: f"{m[1]}年{int(m[3])}月{int(m[4])}日"),
    (r"(?<![\d/.])((?:19|20)\d{2})/(0?[1-9]|1[0-2])(?![\d/])", lambda m: f"{m[1]}年{int(m[2])}月"),
    (r"(?<![\d/.-])((?:19|20)\d{2})-(0[1-9]|1[0-2])(?![\d年/.-])",
     lambda m: f"{m[1]}年{int(m[2])}月"),
    # Clock times, ratios, ranges, scores, signs before numbers.
    (r"(?<=:\d\d)\s?[-–—~]\s?(?=\d{1,2}:\d\d)", lambda _: "到"),
    (r"(?<![\d.:：])([01]?\d|2[0-4])[:：]([0-5]\d)(?:[:：]([0-5]\d))?(?![\d:：]|\.\d)", _clock),
    (r"(?<![\d:：])(\d+(?:\.\d+)?)((?:[:：]\d+(?:\.\d+)?)+)(?![\d:：])",
     lambda m: m[1] + re.sub("[:：]", "比", m[2])),
    (r"(?<![\d.-])([1-9]\d\d)[-–]([1-9]00)(?![\d-])", _model),
    (r"(?<![A-Za-z\d.])[-–−](\d+(?:\.\d+)?)\s?[-~～〜]\s?([-–−]?)(?=\d+(?:\.\d+)?\s?(?:℃|℉|°|度|%))",
     lambda m: f"负{m[1]}到{'负' * bool(m[2])}"),
    (rf"(?<![A-Za-z0-9./-])(\d+(?:\.\d+)?)\s?{_DASH}\s?(\d+(?:\.\d+)?)\s?%", _percent_range),
    (rf"(?<![A-Za-z0-9./-])(\d+(?:\.\d+)?)({_UNIT})?\s?({_DASH})\s?(\d+(?:\.\d+)?)"
     r"(?![\d-]|\s?=)", _range),
    (r"(?<=\d)\s?[-–]\s?(?=\d+\s?=)", lambda _: "减"),
    (r"−(?=[.\d$¥￥€£])|(?<![\w)）])[-–](?=[\d$¥￥€£])"
     rf"|(?<=[{_MINUS_CUE}])[-–](?=\d)|(?<=[\u4e00-\u9fff])[-–]{_BELOW_ZERO}",
     lambda _: symbols.MINUS["zh"]),
    (r"(?<=[\u4e00-\u9fffA-Za-z])[-–](?=\d)", lambda _: ""),
    (r"(?<![\w])~(?=\d)|(?<=[\u4e00-\u9fff])~(?=\d)", lambda _: "约"),
    (r"(?<=\d)\s?[x×]\s?(?=\d)", lambda _: "乘以"),
    (r"(?<![\d/.])(\d+\s)?(\d+)/(\d+)(?![\d/])", _slash),
    (r"((?<!\d)\d+|[A-Za-z])\^(-?\d+)", lambda m: f"{m[1]}的{m[2].replace('-', '负')}次方"),
    (r"((?<!\d)\d+|(?<![A-Za-z\d])[A-Za-z])([²³])(?!\w)",
     lambda m: m[1] + symbols.word_of(m[2], "zh")),
    (r"#\s?(\d+)", lambda m: f"{m[1]}号"),
    (r"§\s?(\d+)", lambda m: f"第{m[1]}条"),
)  # fmt: skip
_FIGURES: tuple[tuple[str, _Read], ...] = (
    (rf"({_NUMBER})\s?(?:℃|°C)", lambda m: f"{_number(m[1])}摄氏度"),
    (rf"({_NUMBER})\s?(?:℉|°F)", lambda m: f"{_number(m[1])}华氏度"),
    (r"(?<![\d.])([0789]\d|[56]0)(?=后(?![来面天期]))", lambda m: spell_digits(m[1])),
    (r"(?<![\d.])100\s?%", lambda _: "百分之百"),
    (r"(?<!\d)([1-9]0)(?=年代)", lambda m: cardinal(m[1])),
    (r"(?<!\d)((?:[089]\d|(?:19|20)\d{2}))(?=年(?!级))", lambda m: spell_digits(m[1])),
    (r"(?<!\d)(\d{1,2})(?=月)", lambda m: cardinal(m[1]) or spell_digits(m[1])),
    (rf"({_NUMBER})\s?%", lambda m: f"百分之{_number(m[1])}"),
    (rf"({_NUMBER})\s?‰", lambda m: f"千分之{_number(m[1])}"),
    (rf"(?<![\d.第点]|周|期)2(?={_LIANG_WORDS}|分(?!之))", lambda _: "两"),
    (r"(?<=每周)2(?=[次天个节]|小时)", lambda _: "两"),
    (rf"({_NUMBER})(?=[多余几]?(?:{COUNTER}|{_OUR_COUNTERS}))", lambda m: _number(m[1])),
    (r"(?<=第)\d+", lambda m: _number(m[0])),
    (rf"({_NUMBER})", lambda m: _bare(m[1])),
    (r"\d+", lambda m: spell_digits(m[0])),
    (r"([a-zA-Z]+)二([a-zA-Z]+)", lambda m: f"{m[1]}2{m[2]}"),
)
