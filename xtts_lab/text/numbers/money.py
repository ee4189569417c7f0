"""Amounts of money as words.

num2words knows these in some languages and some currencies; the others stand here.
"""

from __future__ import annotations

import re
from functools import cache

from xtts_lab.text.numbers.numerals import cardinal, decimal, plural

SIGNS = {"$": "USD", "£": "GBP", "€": "EUR", "¥": "JPY", "￥": "JPY"}
_LOCAL_SIGNS = {
    "pt": {"R$": "BRL"}, "pl": {"zł": "PLN"}, "cs": {"Kč": "CZK"}, "hu": {"Ft": "HUF"},
    "tr": {"TL": "TRY", "₺": "TRY"}, "ru": {"₽": "RUB", "руб.": "RUB"},
}  # fmt: skip

_KNOWN = {
    "en": "USD GBP EUR", "es": "USD GBP EUR", "fr": "USD GBP EUR", "de": "USD GBP EUR",
    "it": "USD GBP EUR", "pt": "USD EUR", "nl": "USD GBP EUR", "pl": "USD EUR", "ru": "USD EUR",
    "cs": "EUR",
}  # fmt: skip
"""What num2words reads rightly. Its Arabic knows riyals only, its Hungarian names are English, its
Korean says zero cents, its Turkish has none."""

_SEPARATOR = {"es": " con ", "fr": " et ", "de": " und ", "pt": " e ", "it": " e "}

# Singular and plural, or the Slavic one, few, many: of the unit, then of its hundredth.
_Names = tuple[str, str]
_NAMES: dict[str, dict[str, _Names]] = {
    "en": {"JPY": ("yen", "")},
    "es": {"JPY": ("yen|yenes", "")},
    "fr": {"JPY": ("yen|yens", "")},
    "de": {"JPY": ("yen", "")},
    "it": {"JPY": ("yen", "")},
    "pt": {"JPY": ("iene|ienes", ""), "GBP": ("libra|libras", "péni|pence"),
           "BRL": ("real|reais", "centavo|centavos")},
    "nl": {"JPY": ("yen", "")},
    "pl": {"GBP": ("funt|funty|funtów", "pens|pensy|pensów"), "JPY": ("jen|jeny|jenów", ""),
           "PLN": ("złoty|złote|złotych", "grosz|grosze|groszy")},
    "ru": {"GBP": ("фунт|фунта|фунтов", "пенс|пенса|пенсов"), "JPY": ("иена|иены|иен", ""),
           "RUB": ("рубль|рубля|рублей", "копейка|копейки|копеек")},
    "cs": {
        "USD": ("dolar|dolary|dolarů", "cent|centy|centů"),
        "GBP": ("libra|libry|liber", "penny|pence|pencí"),
        "JPY": ("jen|jeny|jenů", ""), "CZK": ("koruna|koruny|korun", "haléř|haléře|haléřů"),
    },
    "tr": {
        "USD": ("dolar", "sent"), "EUR": ("avro", "sent"), "GBP": ("sterlin", "peni"),
        "JPY": ("yen", ""), "TRY": ("lira", "kuruş"),
    },
    "hu": {
        "USD": ("dollár", "cent"), "EUR": ("euró", "cent"), "GBP": ("font", "penny"),
        "JPY": ("jen", ""), "HUF": ("forint", "fillér"),
    },
    "ko": {
        "USD": ("달러", "센트"), "EUR": ("유로", "센트"), "GBP": ("파운드", "펜스"),
        "JPY": ("엔", ""),
    },
    "ja": {
        "USD": ("ドル", "セント"), "EUR": ("ユーロ", "セント"), "GBP": ("ポンド", "ペンス"),
        "JPY": ("円", ""),
    },
    "zh": {"USD": ("美元", ""), "EUR": ("欧元", ""), "GBP": ("英镑", ""), "JPY": ("元", "")},
    # Singular, dual, plural (3 to 10), accusative singular (11 to 99).
    "ar": {
        "USD": ("دولار|دولاران|دولارات|دولاراً", "سنت|سنتان|سنتات|سنتاً"),
        "EUR": ("يورو", "سنت|سنتان|سنتات|سنتاً"),
        "GBP": ("جنيه|جنيهان|جنيهات|جنيهاً", "بنس|بنسان|بنسات|بنساً"),
        "JPY": ("ين", ""),
    },
}  # fmt: skip
_FEMININE = {("cs", "GBP"), ("cs", "CZK"), ("ru", "JPY"), ("pt", "GBP")}
_OF = {"es": "de", "fr": "de", "it": "di", "pt": "de"}
"""What stands between "millions" and the currency."""

SCALES = {
    "en": "thousand|million|billion|trillion|bn|m",
    "es": "mil|millón|millones|mil millones|billones",
    "fr": "mille|millions?|milliards?",
    "de": "tausend|millionen|million|milliarden|milliarde|mio\\.?|mrd\\.?",
    "it": "mila|milioni|milione|miliardi|miliardo",
    "pt": "mil|milhões|milhão|bilhões|bilhão|mil milhões",
    "pl": "tysięcy|tysiące|tys\\.|milion\\w*|mln|miliard\\w*|mld",
    "tr": "bin|milyon|milyar",
    "ru": "тысяч\\w*|тыс\\.|миллион\\w*|млн|миллиард\\w*|млрд",
    "nl": "duizend|miljoen|miljard",
    "cs": "tisíce?|milion\\w*|mil\\.|miliard\\w*",
    "ar": "ألف|آلاف|مليون|ملايين|مليار",
    "hu": "ezer|millió|milliárd",
    "ko": "만|억|조",
    "ja": "万|億|兆",
    "zh": "万|亿|千万|百万",
}
_SHORT_SCALES = {
    "en": {"bn": "billion", "m": "million"},
    "de": {"mio": "millionen", "mrd": "milliarden"},
    "pl": {"tys": "tysięcy", "mln": "milionów", "mld": "miliardów"},
    "ru": {"тыс": "тысяч", "млн": "миллионов", "млрд": "миллиардов"},
    "cs": {"mil": "milionů"},
}
_NO_OF = frozenset({"mil", "mille", "mila"})
_TIGHT = frozenset({"ko", "ja", "zh"})


def signs_pattern(base: str) -> str:
    """Return a pattern for the currency signs of a language, the longest first."""
    signs = sorted((*_LOCAL_SIGNS.get(base, {}), *SIGNS), key=len, reverse=True)
    return "|".join(map(re.escape, signs))


def code_of(sign: str, base: str) -> str:
    """Return the currency of a sign."""
    return _LOCAL_SIGNS.get(base, {}).get(sign) or SIGNS[sign]


def amount(whole: str, fraction: str, code: str, base: str, scale: str = "") -> str:
    """Read an amount: ("20", "5", "USD", "en") is twenty dollars, fifty cents."""
    if scale:
        return _scaled(whole, fraction, code, base, scale)
    if len(fraction) > 2 or (fraction.strip("0") and not _hundredths(code, base)):
        number, name = decimal(whole, fraction, base), name_of(code, base)
        return number + name if base in _TIGHT else f"{number} {name}"
    cents = int(fraction.ljust(2, "0")) if fraction else 0
    if code in _KNOWN.get(base, "").split() and len(whole) <= 12:
        return _from_num2words(int(whole), cents, code, base)
    return _from_names(whole, cents, code, base)


@cache
def name_of(code: str, base: str) -> str:
    """Return a currency's name as it stands after a large number."""
    if code not in _KNOWN.get(base, "").split():
        forms = _forms(code, base)[0]
        return forms[0] if base == "ar" else plural(5, forms, base)
    return _from_num2words(5, 0, code, base).split(" ", 1)[1]


def _scaled(whole: str, fraction: str, code: str, base: str, scale: str) -> str:
    number = decimal(whole, fraction, base) if fraction else cardinal(whole, base)
    scale = scale.lower()
    scale = _SHORT_SCALES.get(base, {}).get(scale.rstrip("."), scale)
    if base in _TIGHT:
        return f"{number}{scale}{name_of(code, base)}"
    of = "" if scale in _NO_OF else _OF.get(base, "")
    return " ".join(part for part in (number, scale, of, name_of(code, base)) if part)


def _from_num2words(whole: int, cents: int, code: str, base: str) -> str:
    from num2words import num2words

    value = whole + cents / 100
    words = str(num2words(float(value), lang=base, to="currency", currency=code)).lower()
    if cents == 0:
        zero = _SEPARATOR.get(base, ", ") + cardinal("0", base) + " "
        words = words.rsplit(zero, 1)[0]
    # num2words makes French pounds masculine, which are books.
    return words.replace("un livre", "une livre") if (base, code) == ("fr", "GBP") else words


def _from_names(whole: str, cents: int, code: str, base: str) -> str:
    units, parts = _forms(code, base)
    gender = "f" if (base, code) in _FEMININE else "m" if base == "cs" else ""
    words = _counted(whole, units, base, gender)
    if not cents:
        return words
    joined = {"ko": " ", "ja": "", "ar": " و "}.get(base, _SEPARATOR.get(base, ", "))
    gender = "f" if code == "RUB" else "m" if base == "cs" else ""
    return words + joined + _counted(str(cents), parts, base, gender)


def _counted(digits: str, forms: tuple[str, ...], base: str, gender: str) -> str:
    number = int(digits)
    if base == "ar":
        return _arabic(number, forms)
    words = cardinal(digits, base, gender)
    if (base, gender) == ("pt", "f"):
        words = re.sub(r"\bum$", "uma", re.sub(r"\bdois$", "duas", words))
    name = plural(number, forms, base)
    return words + name if base in _TIGHT else f"{words} {name}"


def _arabic(number: int, forms: tuple[str, ...]) -> str:
    if len(forms) == 1:
        return f"{cardinal(str(number), 'ar')} {forms[0]}"
    if number in (1, 2):
        return f"{forms[0]} واحد" if number == 1 else forms[1]
    rest = number % 100
    form = forms[2] if 3 <= rest <= 10 else forms[3] if rest >= 11 else forms[0]
    return f"{cardinal(str(number), 'ar')} {form}"


def _forms(code: str, base: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    unit, part = _NAMES[base][code]
    return tuple(unit.split("|")), tuple(part.split("|")) if part else ()


def _hundredths(code: str, base: str) -> bool:
    return code in _KNOWN.get(base, "").split() or bool(_NAMES[base][code][1])
