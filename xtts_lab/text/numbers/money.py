"""Amounts of money: "€20.50" becomes "20 euros, 50 cents", whose numbers are read like others.

Signs and codes stand before or after the amount, with or without a space; "k", "m" and "bn", and
the words for thousands and millions, stand between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

from xtts_lab.text import symbols
from xtts_lab.text.numbers import currencies
from xtts_lab.text.numbers.endings import hungarian, turkish
from xtts_lab.text.numbers.numerals import decimal, plural
from xtts_lab.text.numbers.written import DIGIT, NUMBER, Parts, parse

_BETWEEN = {"es": " con ", "fr": " et ", "de": " und ", "pt": " e ", "it": " e ", "ko": " ",
            "ja": "", "zh": "", "ar": " و "}  # fmt: skip
_OF = {"es": "de", "fr": "de", "it": "di", "pt": "de"}
"""What stands between "millions" and the currency."""
_TIGHT = frozenset({"ko", "ja", "zh"})

# Thousand, million, milliard: one and many, or the Slavic one, few, many; then after a decimal.
_SCALE_NAMES: Mapping[str, tuple[str, str, str]] = {
    "en": ("thousand", "million", "billion"),
    "es": ("mil", "millón|millones", "mil millones"),
    "fr": ("mille", "million|millions", "milliard|milliards"),
    "de": ("tausend", "million|millionen", "milliarde|milliarden"),
    "it": ("mila", "milione|milioni", "miliardo|miliardi"),
    "pt": ("mil", "milhão|milhões", "bilhão|bilhões"),
    "pl": ("tysiąc|tysiące|tysięcy:tysiąca", "milion|miliony|milionów:miliona",
           "miliard|miliardy|miliardów:miliarda"),
    "tr": ("bin", "milyon", "milyar"),
    "ru": ("тысяча|тысячи|тысяч:тысячи", "миллион|миллиона|миллионов:миллиона",
           "миллиард|миллиарда|миллиардов:миллиарда"),
    "nl": ("duizend", "miljoen", "miljard"),
    "cs": ("tisíc|tisíce|tisíc:tisíce", "milion|miliony|milionů:milionu",
           "miliarda|miliardy|miliard:miliardy"),
    "ar": ("ألف", "مليون", "مليار"),
    "hu": ("ezer", "millió", "milliárd"),
}  # fmt: skip
_SHORT: Mapping[str, tuple[str, str, str]] = {
    "en": ("thousand|thsd", "million|mln|mio|mn", "billion|bln|bn"),
    "es": ("mil", "millón|millones|mill|mm|mln", "mil millones|mmd"),
    "fr": ("mille", "millions?|mio|md(?!s)", "milliards?|mds?|mrd"),
    "de": ("tausend|tsd", "million(?:en)?|mio|mill", "milliarden?|mrd|mia"),
    "it": ("mila", "milion[ei]|mln|mio", "miliard[oi]|mld|mrd"),
    "pt": ("mil", "milhão|milhões|mi|mio", "bilhão|bilhões|mil milhões|bi"),
    "pl": ("tysiąc|tysięcy|tysiące|tys", r"milion\w*|mln", r"miliard\w*|mld"),
    "tr": ("bin", "milyon|mn", "milyar|mr"),
    "ru": (r"тысяч\w*|тыс", r"миллион\w*|млн", r"миллиард\w*|млрд"),
    "nl": ("duizend", "miljoen|mln|mio", "miljard|mld"),
    "cs": ("tisíce?|tis", r"milion\w*|mil|mio", r"miliard\w*|mld|mrd"),
    "ar": ("ألف|آلاف", "مليون|ملايين", "مليار|مليارات"),
    "hu": ("ezer|e", "millió|m|mio", "milliárd|mrd|md"),
}
SCALE_WORDS: Mapping[str, str] = {base: "|".join(words) for base, words in _SHORT.items()}
"""What is written for thousands, millions and milliards after a number."""
_LETTERS = {"k": 0, "K": 0, "m": 1, "M": 1, "mn": 1, "mm": 1, "MM": 1, "bn": 2, "b": 2, "B": 2}
_NO_OF = frozenset({"mil", "mille", "mila"})
CJK_SCALES = {"ko": "천만|백만|만|억|조|천", "ja": "百万|千万|万|億|兆|千", "zh": "千?百?[万亿]|千"}


_TWICE = re.compile(
    rf"\$\s?({NUMBER})\s(?=(USD|CAD|AUD|NZD|SGD|HKD|MXN)\b)|(?:€\s?({NUMBER})\s(?=EUR\b)"
    rf"|£\s?({NUMBER})\s(?=GBP\b))"
)


NAMED: Mapping[str, Mapping[str, str]] = {
    "en": {"euros?": "€", "dollars?": "$", "pounds?": "£"},
    "es": {"euros?": "€", "dólares": "$"},
    "fr": {"euros?": "€", "dollars?": "$"},
    "de": {"Euro": "€", "Dollar": "$", "Franken": "CHF"},
    "it": {"euro": "€", "dollari": "$"},
    "pt": {"euros?": "€", "dólares": "$", "reais": "R$"},
    "pl": {"euro": "€", "dolar(?:ów|y|a)": "$", "złot(?:ych|e|ego)": "zł"},
    "tr": {"euro|avro": "€", "dolar": "$", "lira": "TL"},
    "ru": {"евро": "€", "доллар(?:а|ов)": "$", "рубл(?:я|ей)": "₽"},
    "nl": {"euro": "€", "dollar": "$"},
    "cs": {"eur[ao]?": "€", "dolar(?:ů|y|u)": "$", "korun": "Kč"},
}  # fmt: skip
"""Currencies by name, which an amount with two decimals stands before: 12,50 Euro."""


@cache
def _named(base: str) -> re.Pattern[str]:
    names = "|".join(NAMED[base])
    return re.compile(
        rf"(?<![\d.,$€£])(?P<number>\d{{1,3}}(?:[.,\s]?\d{{3}})*[.,]\d\d)\s(?P<name>{names})(?!\w)"
    )


def _signed(match: re.Match[str], base: str) -> str:
    sign = next(s for name, s in NAMED[base].items() if re.fullmatch(name, match["name"]))
    return f"{match['number']} {sign}"


def read_money(text: str, base: str) -> str:
    """Replace every amount with a currency by the number and the currency's name."""
    text = _named(base).sub(lambda match: _signed(match, base), text) if base in NAMED else text
    text = _TWICE.sub(lambda match: match[0].lstrip("$€£ "), text)  # $5 USD
    for pattern in _patterns(base) if DIGIT.search(text) else ():
        text = pattern.sub(lambda match: _amount(match, base), text)
    return text


_BARE = re.compile(f"[{re.escape(''.join(s for s in currencies.SIGNS if s not in '$£'))}]")


def read_signs(text: str, base: str) -> str:
    """Replace the currency signs that stand without an amount by the currency's name.

    The dollar's and the pound's are left to `symbols`, which has the reference's words for them.
    """

    def name(match: re.Match[str]) -> str:
        words = currencies.name(currencies.signs(base)[match[0]], 1, base)
        return words if base in _TIGHT else f" {words} "

    return _BARE.sub(name, text)


def read_scales(text: str, base: str) -> str:
    """Write out the short forms of thousands and millions after a number: 5 Mio., 3 mln, 2 тыс."""
    if base in _TIGHT:
        return text
    thousand, million, milliard = (
        "|".join(word for word in words.split("|") if 1 < len(word) <= 4 and word.isalpha())
        for words in _SHORT[base]
    )
    for index, words in enumerate((thousand, million, milliard)):
        keep = _SCALE_NAMES[base][index]
        short = "|".join(
            word + r"\." * (word in _WORDS_TOO)
            for word in words.split("|")
            if word and word not in keep.split("|")
        )
        if short and base in _EXPANDED:
            text = re.sub(
                rf"({NUMBER})(\s?)(?:{short})(?!\w)\.?(?!\w)",
                lambda match, index=index: f"{match[1]} {_scale(match[1], index, base)}",
                text,
                flags=0 if base == "tr" else re.IGNORECASE,
            )
    return text


def scale_forms(base: str) -> list[tuple[str, ...]]:
    """Return the forms of thousand, million and milliard."""
    return [tuple(forms.partition(":")[0].split("|")) for forms in _SCALE_NAMES[base]]


_WORDS_TOO = frozenset({"mil", "mio", "mia", "mill"})
"""Short for millions with a dot alone: pět mil (miles), mio padre, Mia."""
_EXPANDED = frozenset({"de", "pl", "ru", "cs", "it", "nl", "fr", "es", "hu", "tr"})


@cache  # compiling them takes a hundred times as long as reading a sentence with them
def _patterns(base: str) -> list[re.Pattern[str]]:
    number = rf"(?P<number>{NUMBER})(?:,[-–—]+)?"
    if base in _TIGHT:
        scale = rf"(?P<scale>{CJK_SCALES[base]})?(?P<letter>[kKmMbB]n?(?![A-Za-z]))?"
    else:
        words = "|".join(_SHORT[base])
        letter = r"(?:[kKmMbB]|[mb]n|mm|MM)(?![^\W_])|\s[kM](?=[$£€¥])"
        gap = "[ \u00a0-]?" if base == "en" else r"\s?"  # a $5-million deal
        scale = rf"(?:{gap}(?P<scale>(?i:{words}))(?:\.|(?![^\W_])))?(?P<letter>{letter})?"
    signs = currencies.pattern(base)
    suffix = {"tr": turkish.SUFFIX, "hu": hungarian.SUFFIX}.get(base, r"(?P<suffix>$^)")
    of = r"(?:\s(?:de|di)(?=\s))?" if base in _OF else ""
    before = rf"(?<!\d)(?P<sign>{signs})\s?(?P<minus>[-−–])?{number}{scale}"
    after = rf"{number}{scale}{of}\s?(?P<sign>{signs})(?:{suffix}|(?!\d))"
    first = [before, after] if base in ("en", "zh", "ja", "ko") else [after, before]
    return [re.compile(pattern) for pattern in first]


def _amount(match: re.Match[str], base: str) -> str:
    groups = match.groupdict()
    code = currencies.signs(base)[match["sign"]]
    number = parse(match["number"], base)
    if isinstance(number, Parts):
        return f"{match['number']} {currencies.name(code, 5, base)}"
    scale, letter = groups["scale"] or "", (groups["letter"] or "").strip()
    words = amount(number.whole, number.fraction, code, base, scale, letter)
    whole = "." not in match["number"] or scale or letter
    around = match.string[: match.start()], match.string[match.end() :]
    if base == "en" and whole and is_attribute(*around):
        words = words.replace(currencies.name(code, 5, base), currencies.name(code, 1, base))
    if groups.get("suffix"):
        attach = turkish.harmonised if base == "tr" else hungarian.attach
        words = attach(words, groups["suffix"])
    left = text_before(match)
    minus = f"{symbols.MINUS[base]} " if groups.get("minus") else ""
    space = " " if left.isalnum() and base not in ("ja", "zh", "ko") else ""
    following = match.string[match.end() : match.end() + 1]
    right = " " if following.isalnum() and base not in ("ja", "zh", "ko") else ""
    return space + minus + words + right


_BEFORE_A_NOUN = re.compile(r"\b(?:a|an|another)\s(?:[a-z]+\s)?$", re.IGNORECASE)
_MAYBE_BEFORE_A_NOUN = re.compile(r"\b(?:the|this|that|every|each|his|her|their|our|my)\s$", re.I)
_NO_NOUN = (
    "is|are|was|were|has|had|have|will|would|can|could|that|which|who|i|you|he|she|it|we|they|in|for"
    "|on|of|to|from|and|or|a|an|the|per|each|into|with|as|at|by|left|more|less|than|a|off|went|goes|came"
)
_NOUN_AFTER = re.compile(rf"[\s-](?!(?:{_NO_NOUN})\b)[a-z]{{3,}}", re.IGNORECASE)


def is_attribute(before: str, after: str) -> bool:
    """Return whether an English amount stands before what it is the price of: a $5 bill."""
    before = before[-24:]
    told = _BEFORE_A_NOUN.search(before) or _MAYBE_BEFORE_A_NOUN.search(before)
    return bool(told and _NOUN_AFTER.match(after))


def text_before(match: re.Match[str]) -> str:
    """Return the character before a match, empty at the start."""
    return match.string[match.start() - 1 : match.start()] if match.start() else ""


def amount(
    whole: str, fraction: str, code: str, base: str, scale: str = "", letter: str = ""
) -> str:
    """Return an amount with its numbers in figures: ("20", "5", "USD", "en") is "20 dollars, 50
    cents"; a decimal is already in words."""
    if letter and (_LETTERS.get(letter, 0) == 0 or base in _TIGHT):
        power = (3, 6, 9)[_LETTERS.get(letter, 0)]
        whole, fraction = _shifted(whole, fraction, power)
        letter = ""
    if letter or scale:
        return _scaled(whole, fraction, code, base, scale, letter)
    gap = "" if base in _TIGHT else " "
    value = int(whole[-15:])
    cents = int(fraction.ljust(2, "0")) if fraction else 0
    if len(fraction) > 2 or (cents and not currencies.hundredth(code, cents, base)):
        return f"{decimal(whole, fraction, base)}{gap}{currencies.name(code, 5, base)}"
    words = f"{whole}{gap}{currencies.name(code, value, base)}"
    if base == "ar" and value in (1, 2) and len(currencies.unit_forms(code, base)) == 4:
        words = currencies.name(code, value, base) + (" واحد" if value == 1 else "")
    if not cents:
        return words
    part = f"{cents}{gap}{currencies.hundredth(code, cents, base)}"
    return part if int(whole) == 0 else words + _BETWEEN.get(base, ", ") + part


def _shifted(whole: str, fraction: str, power: int) -> tuple[str, str]:
    digits = whole + fraction.ljust(power, "0")
    return (digits[: len(whole) + power].lstrip("0") or "0"), digits[len(whole) + power :]


def _scaled(whole: str, fraction: str, code: str, base: str, scale: str, letter: str) -> str:
    number = decimal(whole, fraction, base) if fraction else whole
    if base in _TIGHT:
        return f"{number}{scale}{currencies.name(code, 5, base)}"
    index = _LETTERS[letter] if letter else _scale_index(scale, base)
    named = _scale(f"{whole}.{fraction}" if fraction else whole, index, base)
    name = currencies.name(code, 100 if base == "ar" else 5, base)
    of = "" if named in _NO_OF else _OF.get(base, "")
    if of and base == "fr" and name[0] in "aeéio":
        of, name = "", f"d'{name}"
    return " ".join(part for part in (number, named, of, name) if part)


def _scale_index(scale: str, base: str) -> int:
    matches: list[Callable[[str], object]] = [
        re.compile(rf"(?:{words})\.?$", re.IGNORECASE).match for words in _SHORT[base]
    ]
    return next(index for index in (2, 1, 0) if matches[index](scale))


def _scale(number: str, index: int, base: str) -> str:
    forms, _, after_decimal = _SCALE_NAMES[base][index].partition(":")
    value = parse(number, base)
    fraction = isinstance(value, Parts) or bool(value.fraction)
    if fraction and after_decimal:
        return after_decimal
    count = 2 if isinstance(value, Parts) or fraction else int(value.whole[-15:])
    return plural(count, tuple(forms.split("|")), base)
