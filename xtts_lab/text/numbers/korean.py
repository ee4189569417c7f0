"""Korean numbers before counters: native numerals for few things, for hours and for ages."""

from __future__ import annotations

import re

_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")

# The largest number that is read natively; above it Sino-Korean is as usual, or the only reading.
_COUNTERS = (
    (99, "살|명|사람|개(?![월년국사])|마리"),
    (12, "시(?![즌도스])|배(?![송달열터구경추])"),
    (
        30,
        "권|잔|병|달(?!러)|가지|송이|그루|켤레|자루|벌|곳|군데|숟가락|스푼|컵|그릇|조각|줄|쌍|척|봉지|상자|끼|모금"
        "|방울|걸음|포기",
    ),
)
_ALONE = re.compile(r"(?<![\w)] )(?<![\w)])([≥≤<>])\s?(\d+(?:\.\d+)?)(?![\w%°]|[.,]\d)")
_PAIR = re.compile(r"(?<![\w.,])(\d+|[A-Za-z])\s?([<>])\s?(\d+)(?![\w.,%°])")
_EQUALS = re.compile(r"(?<![\w.,])(\d+|[A-Za-z])\s?=\s?(?=[-−\dA-Za-z])")
_COMPARED = {"≥": "이상", "≤": "이하", ">": "초과", "<": "미만"}
_MACHINES = (
    r"차|자동차|승용차|버스|택시|트럭|자전거|오토바이|비행기|헬기|컴퓨터|노트북|카메라|휴대폰|전화기|스마트폰|냉장고|세탁기|에어컨"
    "|텔레비전|TV|기계|로봇|드론|피아노"
)
_SHEETS = (
    r"종이|사진|표|티켓|입장권|상품권|쿠폰|카드|우표|엽서|명함|포스터|그림|셔츠|수건|이불|담요|지폐|앨범|음반|벽돌|유리|마스크"
    "|김|봉투"
)
_AFTER_NOUNS = re.compile(
    rf"(?<![가-힣])((?:(?:{_MACHINES})(?=\S?\s\d+\s?대)|(?:{_SHEETS})(?=\S?\s\d+\s?장))[을를이가은는]?\s)"
    r"([12]?\d|30)\s?(?=[대장])"
)
"""Counters that are also a generation and a chapter: native after a noun that they count."""
_THINGS = rf"(?:{_COUNTERS[0][1]}|{_COUNTERS[2][1]})"
"""Counters that stand apart from their number, however large it is: 백 명."""


def native(number: int) -> str:
    """Read 1 to 99 as it stands before a counter: 한, 두, 스무, 스물한."""
    if number == 20:
        return "스무"
    return _TENS[number // 10] + _ONES[number % 10]


_EMERGENCY = re.compile(
    r"(?<![\d.,-])1(?:1[29]|20|32|82)(?=에\s?(?:전화|신고|연락)|로\s?(?:전화|신고|연락)|\s(?:신고|구조)|번)"
)


def read_signs(text: str) -> str:
    """Read "§ 3" as an article of a law, "≥ 5" and "< 5" without a counter as 5 이상 and 5 미만,
    and "5 > 3" as what is greater than what."""
    text = re.sub(r"§\s?(\d+)(?![\d.])", r"제\1조", text)
    text = _EMERGENCY.sub(
        lambda match: "".join("영일이삼사오육칠팔구"[int(d)] for d in match[0]), text
    )
    text = _PAIR.sub(_compared, text)
    text = _EQUALS.sub(lambda match: f"{match[1]}{_topic(match[1])} ", text)
    return _ALONE.sub(lambda match: f"{match[2]} {_COMPARED[match[1]]}", text)


def _compared(match: re.Match[str]) -> str:
    first, sign, second = match.groups()
    return f"{first}{_topic(first)} {second}보다 {'크다' if sign == '>' else '작다'}"


def _topic(written: str) -> str:
    """Return the particle of what a number or a letter is: 삼은, 오는."""
    return "은" if written[-1].lower() in "013678lmnr" else "는"


def read_powers(text: str) -> str:
    """Read "10^6", and "1만", whose one is not said."""
    text = re.sub(r"(?<!\d)(\d+)\s?\^(-?\d+)", r"\1의 \2 제곱", text)
    return re.sub(r"(?<![\d.,])1(?=만)", "", text)


def read_counted(text: str) -> str:
    """Replace the digits in "3개", "2명", "3시" (세 개, 두 명, 세 시), and in June and October."""
    text = re.sub(r"(?<!\d)(6|10)월", lambda match: {"6": "유월", "10": "시월"}[match[1]], text)
    text = _AFTER_NOUNS.sub(lambda match: f"{match[1]}{native(int(match[2]))} ", text)
    for limit, counters in _COUNTERS:
        number = r"(?<![\d.,:/-])([1-9]\d?)"
        text = re.sub(
            rf"{number}(?:에서 ([1-9]\d?))?\s?(?={counters})(?!\d)",
            lambda match, limit=limit: _native_or_not(match, limit),  # type: ignore[misc]
            text,
        )
    return re.sub(rf"(?<=\d)(?={_THINGS})", " ", text)


def _native_or_not(match: re.Match[str], limit: int) -> str:
    numbers = [int(digits) for digits in match.groups() if digits]
    if max(numbers) > limit:
        return match[0]
    return "에서 ".join(map(native, numbers)) + " "
