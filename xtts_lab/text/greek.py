"""Greek letters: by name where they stand alone, and µ before a unit as "micro-".

No vocabulary holds them, and the lower case of "Δ" is dropped. π has a word of its own
(`symbols`), Greek words of several letters are left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from xtts_lab.text.numbers.numerals import plural

_UNITS = ("m", "g", "s", "l", "F", "W", "A", "V")
_NAMES: Mapping[str, str] = {
    "en": "micro{}; metre metres; gram grams; second seconds; litre litres; farad farads;"
    " watt watts; amp amps; volt volts",
    "es": "micro{}; metro metros; gramo gramos; segundo segundos; litro litros; faradio faradios;"
    " vatio vatios; amperio amperios; voltio voltios",
    "fr": "micro{}; mètre mètres; gramme grammes; seconde secondes; litre litres; farad farads;"
    " watt watts; ampère ampères; volt volts",
    "de": "Mikro{}; meter; gramm; sekunde sekunden; liter; farad; watt; ampere; volt",
    "it": "micro{}; metro metri; grammo grammi; secondo secondi; litro litri; farad; watt; ampere;"
    " volt",
    "pt": "micro{}; metro metros; grama gramas; segundo segundos; litro litros; farad farads;"
    " watt watts; ampere amperes; volt volts",
    "pl": "mikro{}; metr metry metrów; gram gramy gramów; sekunda sekundy sekund; litr litry"
    " litrów; farad farady faradów; wat waty watów; amper ampery amperów; wolt wolty woltów",
    "tr": "mikro{}; metre; gram; saniye; litre; farad; watt; amper; volt",
    "ru": "микро{}; метр метра метров; грамм грамма граммов; секунда секунды секунд; литр литра"
    " литров; фарад фарада фарад; ватт ватта ватт; ампер ампера ампер; вольт вольта вольт",
    "nl": "micro{}; meter; gram; seconde seconden; liter; farad; watt; ampère; volt",
    "cs": "mikro{}; metr metry metrů; gram gramy gramů; sekunda sekundy sekund; litr litry litrů;"
    " farad farady faradů; watt watty wattů; ampér ampéry ampérů; volt volty voltů",
    "ar": "ميكرو{}; متر; غرام; ثانية; لتر; فاراد; واط; أمبير; فولت",
    "zh": "微{}; 米; 克; 秒; 升; 法; 瓦; 安; 伏",
    "hu": "mikro{}; méter; gramm; szekundum; liter; farad; watt; amper; volt",
    "ko": "마이크로{}; 미터; 그램; 초; 리터; 패럿; 와트; 암페어; 볼트",
    "ja": "マイクロ{}; メートル; グラム; 秒; リットル; ファラド; ワット; アンペア; ボルト",
}
"""How micro- is joined; then the units in the order of _UNITS, after one and after more, or the
three Slavic forms."""

_RESPELT: Mapping[str, Mapping[str, str]] = {
    "es": {"micrometro": "micrómetro"},
    "pt": {"micrometro": "micrômetro", "microsegundo": "microssegundo"},
}
_OHMS: Mapping[str, str] = {
    "en": "ohm ohms; kilo; mega", "es": "ohmio ohmios; kilo; mega", "fr": "ohm ohms; kilo; méga",
    "de": "ohm; kilo; mega", "it": "ohm; kilo; mega", "pt": "ohm ohms; quilo; mega",
    "pl": "om omy omów; kilo; mega", "tr": "ohm; kilo; mega", "ru": "ом ома ом; кило; мега",
    "nl": "ohm; kilo; mega", "cs": "ohm ohmy ohmů; kilo; mega", "ar": "أوم; كيلو; ميغا",
    "zh": "欧姆; 千; 兆", "hu": "ohm; kilo; mega", "ko": "옴; 킬로; 메가",
    "ja": "オーム; キロ; メガ",
}  # fmt: skip

_GREEK = "αβγδεζηθκλμνξρστφχψω"
_LATIN = (
    "alfa beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi"
    " omega"
)
_LETTERS: Mapping[str, str] = {
    "en": "alpha" + _LATIN[4:],
    "es": _LATIN.replace("theta", "zeta").replace("epsilon", "épsilon").replace("phi", "fi"),
    "fr": "alpha bêta gamma delta epsilon zêta êta thêta kappa lambda mu nu xi rhô sigma tau phi"
    " chi psi oméga",
    "de": "alpha" + _LATIN[4:].replace("mu nu", "mü nü"),
    "it": _LATIN.replace("theta", "teta").replace("mu nu", "mi ni").replace("phi", "fi"),
    "pt": _LATIN.replace("theta", "teta").replace("mu nu", "mi ni").replace("phi", "fi")
    .replace("epsilon", "épsilon").replace("omega", "ômega"),
    "pl": "alfa beta gamma delta epsilon dzeta eta teta kappa lambda mi ni ksi ro sigma tau fi chi"
    " psi omega",
    "tr": _LATIN.replace("theta", "teta").replace("mu nu", "mü nü").replace("phi", "fi"),
    "ru": "альфа бета гамма дельта эпсилон дзета эта тета каппа лямбда мю ню кси ро сигма тау фи хи"
    " пси омега",
    "nl": _LATIN,
    "cs": "alfa beta gama delta epsilon zéta éta théta kappa lambda mí ný ksí ró sigma tau fí chí"
    " psí omega",
    "ar": "ألفا بيتا غاما دلتا إبسيلون زيتا إيتا ثيتا كابا لامدا ميو نيو كسي رو سيغما تاو فاي خي"
    " بسي أوميغا",
    "zh": "阿尔法 贝塔 伽马 德尔塔 艾普西龙 泽塔 伊塔 西塔 卡帕 拉姆达 缪 纽 克西 柔 西格马 陶"
    " 斐 希 普西 欧米伽",
    "hu": "alfa béta gamma delta epszilon zéta éta théta kappa lambda mű nű kszí ró szigma tau fí"
    " khí pszí omega",
    "ko": "알파 베타 감마 델타 엡실론 제타 에타 세타 카파 람다 뮤 뉴 크시 로 시그마 타우 파이"
    " 카이 프시 오메가",
    "ja": "アルファ ベータ ガンマ デルタ イプシロン ゼータ イータ シータ カッパ ラムダ ミュー"
    " ニュー クサイ ロー シグマ タウ ファイ カイ プサイ オメガ",
}  # fmt: skip
"""Names of the letters of _GREEK."""

_TIGHT = frozenset({"zh", "ja"})
_MICRO = re.compile(r"(?<![^\W\d_])(?:(\d+)\s?)?[μµ]([mgslFWAV])(?![^\W_])|(?<=\d)\s?мк([мгсл])\b")
_OHM = re.compile(r"(\d)\s?([kKM])?[ΩΩ](?![^\W\d_])")
_ALONE = re.compile("(?<![Ͱ-Ͽἀ-῿])([Α-Ωα-ω∆])(?![Ͱ-Ͽἀ-῿])")


def read_greek(text: str, base: str) -> str:
    """Replace µm, kΩ and single Greek letters by words; the figures stay for later steps."""
    if not re.search("[Ͱ-Ͽµ∆Ω]|мк", text):
        return text
    text = _MICRO.sub(lambda match: _micro(match, base), text)
    text = _OHM.sub(lambda match: _ohm(match, base), text)
    return _ALONE.sub(lambda match: _letter(match, base), text)


def _micro(match: re.Match[str], base: str) -> str:
    symbol = match[2] or "mgsl"["мгсл".index(match[3])]
    joined, *names = _split(_NAMES[base])
    forms = tuple(names[_UNITS.index(symbol)].split())
    before = match[1] or ""
    figures = re.search(r"(\d[\d.,]*)$", match.string[: match.start()] + before)
    name = joined.format(_form(figures[1] if figures else "", forms, base))
    for plain, written in _RESPELT.get(base, {}).items():
        name = name.replace(plain, written)
    gap = " " if figures and base not in _TIGHT else ""
    return f"{before}{gap}{name}"


def _ohm(match: re.Match[str], base: str) -> str:
    forms, kilo, mega = _split(_OHMS[base])
    figures = re.search(r"(\d[\d.,]*)$", match.string[: match.start()] + match[1])
    name = _form(figures[1] if figures else "", tuple(forms.split()), base)
    large = {"k": kilo, "K": kilo, "M": mega}.get(match[2] or "", "")
    large = re.sub("[ao]$", "", large) if base == "en" else large
    return f"{match[1]}{'' if base in _TIGHT else ' '}{large}{name}"


def _letter(match: re.Match[str], base: str) -> str:
    lower = "δ" if match[1] == "∆" else match[1].lower()
    if lower not in _GREEK:  # π has its word elsewhere; ο, ι, υ and ς look like Latin letters
        return match[0]
    name = _LETTERS[base].split()[_GREEK.index(lower)]
    if base in _TIGHT:
        return name
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    after = match.string[match.end() : match.end() + 1]
    return " " * before.isalnum() + name + " " * after.isalnum()


def _form(figures: str, forms: tuple[str, ...], base: str) -> str:
    """The form after a number; after a decimal that of many, in Slavic languages of few."""
    if len(forms) == 1:
        return forms[0]
    if not figures:
        return forms[-1]
    if not figures.isdigit():
        return forms[1]
    return plural(int(figures[-9:]), forms, base)


@cache
def _split(words: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in words.split(";"))
