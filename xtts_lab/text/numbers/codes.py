"""Telephone numbers and codes: digits in groups that are no thousands, read digit by digit.

"602 123 456" may be both. It is a telephone number where nothing follows that it could count, and
everywhere after a word such as "tel.".
"""

from __future__ import annotations

import re
from functools import cache

from xtts_lab.text.iban import read_ibans
from xtts_lab.text.numbers import nouns
from xtts_lab.text.numbers.numerals import cardinal, spell
from xtts_lab.text.symbols import OUR_SIGNS, OUR_WORDS

_SEPARATOR = r"(?:[ \u00a0\u202f]|[ \u00a0]?[-‐‑–/][ \u00a0]?|\.|(?<=\))|(?=\())"
_DIGITS = r"(?:\(\d{1,6}(?: \d{1,4})?\)|\d{1,8})"
_CANDIDATE = re.compile(
    rf"(?<![\w,:/+\-.€$£¥])(\+|00(?=[1-9]))?({_DIGITS}(?:{_SEPARATOR}{_DIGITS}){{1,8}})"
    r"(?!\d|[.,:/]\d|[^\W가-힣]|[-–]\d)"
)
_PLAIN = re.compile(r"(?<![\w.,:/\-+])\+?\d{4,19}(?![\w%]|[.,:/-]\d)")
CUE = (
    r"(?:\b(?:tel|telef|telefon\w*|tél|téléphon\w+|teléfon\w+|telefono|phone|mobile|mobil|móvil"
    r"|cellulare|celular|telemóvel|handy|fax|faks|call|dial|ring|ruf\w*|appel\w+|llam\w+|lig\w+"
    r"|chiam\w+|zadzwoń|dzwoń|zavolej\w*|volej\w*|bel|ara(?:yın(?:ız)?)?|hívj\w*|hívd|pin|pincode|postleitzahl|postcode|code|codice|código"
    r"|kód|kod|kodu|plz|zip|isbn|iban|whatsapp|sms|тел|телефон\w*|звоните|позвоните|факс|код"
    r"|هاتف|رقم|اتصل|جوال|전화\w*|번호\w*|cep|psč|cap)\b[\s.:=]*"
    r"(?:number|no\.?|nummer|numer\w*|číslo|číslem|número|numéro|numero|номер\w*|numara\w*|unter|auf"
    r"|szám\w*|[من]|الرقم|على|ist|is|at|on|al|au|por|para|na|nr\.?|my|me|us|him|her|e|no|it|code)?"
    r"[\s.:=]*(?:is|at|on|na|по|номеру)?[\s:=]*)"
)
"""Words before a telephone number or a code."""
_CUE = re.compile(CUE + "$", re.IGNORECASE)
EMERGENCY = (
    r"(?<!\w)((?:call|dial|ring|llame|llama|chiama|chiamare|ligue|ruf|rufen sie|wählen sie"
    r"|bel|(?:zadzwoń (?:pod|na)|dzwoń na)(?! 112)|звоните|звони|позвоните"
    r")(?: le| al| o| para| die| na| по| i| numer| numéro)? )([019]\d\d)(?=\s*(?:$|[.,;:!?)]))"
)
"""A verb of calling and a number of three digits, at the end of a clause; French and Czech people
say such a number as one (cent douze, sto dvanáct), Polish ones 112."""
_EMERGENCY = re.compile(EMERGENCY, re.IGNORECASE)
_THREES_MAY_BE_PHONES = frozenset({"cs", "pl", "es", "pt", "it", "fr"})


def read_codes(text: str, base: str) -> str:
    """Replace telephone numbers and codes by their digits as words, a comma between groups."""
    text = read_ibans(text, lambda digits: " ".join(_group(digit, base) for digit in digits))
    text = _EMERGENCY.sub(lambda match: f"{match[1]}{spell(match[2], base)}", text)
    text = _CANDIDATE.sub(lambda match: _grouped(match, base), text)
    return _PLAIN.sub(lambda match: _long(match, base), text)


def _grouped(match: re.Match[str], base: str) -> str:
    groups = re.findall(r"\d+", match[2])
    separators = set(re.findall(r"[-‐‑–./]", match[2]))
    cue = _after_cue(match)
    if not (bool(match[1]) and 6 <= sum(map(len, groups)) <= 17) and not _is_code(
        groups, separators, match, base, cue
    ):
        return match[0]
    words = [_group(group, base) for group in groups]
    plus = _plus(base) + " " if match[1] == "+" else _group("00", base) + ", " if match[1] else ""
    return plus + ("، " if base == "ar" else ", ").join(words)


def _is_code(
    groups: list[str], separators: set[str], match: re.Match[str], base: str, cue: bool
) -> bool:
    lengths = tuple(map(len, groups))
    total = sum(lengths)
    if _is_date(groups, separators) or total > 30 or (total < 5 and not cue):
        return False
    if cue and total >= 5 and "/" not in separators - {"/"}:
        return True
    if "(" in match[2]:
        return total >= 7
    zero_first = groups[0].startswith("0") and lengths[0] > 1
    if separators <= {"/"} and separators:
        return zero_first and total >= 6
    if separators <= {"."} and separators:
        return (len(groups) == 5 and set(lengths) == {2}) or lengths == (3, 3, 4)
    if separators:
        company = base == "ko" and re.match("1[568]", groups[0]) and lengths == (4, 4)
        return bool(company) or _hyphened(groups, lengths, total, zero_first)
    return _spaced(groups, lengths, total, zero_first, match, base)


def _hyphened(groups: list[str], lengths: tuple[int, ...], total: int, zero_first: bool) -> bool:
    if len(groups) >= 3:
        return total >= 7
    zero = zero_first or any(group.startswith("0") and len(group) > 1 for group in groups)
    return (zero and total >= 5) or lengths in (
        (3, 4),
        (5, 4),
        (5, 3),
        (4, 3),
        (2, 7),
        (2, 8),
        (3, 7),
    )


def _spaced(
    groups: list[str],
    lengths: tuple[int, ...],
    total: int,
    zero_first: bool,
    match: re.Match[str],
    base: str,
) -> bool:
    if zero_first or (groups[0] == "0" and len(groups) > 2):
        return total >= 6
    thousands = lengths[0] <= 3 and set(lengths[1:]) == {3}
    if thousands:
        phone = lengths == (3, 3, 3) and base in _THREES_MAY_BE_PHONES
        return phone and groups[-1] != "000" and not _counts(match, base)
    if base == "it" and groups[0].startswith("3") and lengths in ((3, 6), (3, 7)):
        return True  # a mobile telephone
    if len(groups) < 3 or total < 7:
        return False
    return max(lengths) <= 4 and (lengths[-1] in (2, 4) or any(g[0] == "0" for g in groups[1:]))


def _is_date(groups: list[str], separators: set[str]) -> bool:
    lengths = tuple(map(len, groups))
    shapes = (lengths[0] == 4 and max(lengths[1:]) <= 2) or (
        lengths[-1] in (2, 4) and max(lengths[:-1]) <= 2
    )
    return len(groups) == 3 and len(separators) == 1 and shapes and sum(lengths) <= 8


def _counts(match: re.Match[str], base: str) -> bool:
    """Return whether a noun, a unit or a currency follows."""
    after = match.string[match.end() :]
    word = re.match(r"\s?([^\W\d_]+|[$£€¥%°])", after)
    if word is None:
        before = match.string[: match.start()].rstrip()[-1:]
        return before in "$£€¥" and before != ""
    return not nouns.is_function_word(word[1].lower(), base)


def _after_cue(match: re.Match[str]) -> bool:
    return _CUE.search(match.string[max(0, match.start() - 50) : match.start()]) is not None


def _long(match: re.Match[str], base: str) -> str:
    digits = match[0].lstrip("+")
    plus = match[0][0] == "+"
    round_number = digits.endswith("000") and not plus
    if (plus and len(digits) >= 8) or (_after_cue(match) and not round_number):
        return (_plus(base) + " " if plus else "") + spell(digits, base)
    return match[0]


def _group(digits: str, base: str) -> str:
    """French people say pairs as numbers; everybody else is understood digit by digit."""
    if base == "fr" and len(digits) == 2:
        tens = cardinal(digits, base)
        return (
            f"{cardinal('0', base)} {tens}"
            if digits[0] == "0" and digits != "00"
            else (spell(digits, base) if digits == "00" else tens)
        )
    if base == "ko":  # a zero in a number of digits is 공
        return "".join("공" if digit == "0" else cardinal(digit, base) for digit in digits)
    return spell(digits, base)


@cache
def _plus(base: str) -> str:
    if base == "ko":
        return "플러스"
    return OUR_WORDS[base][OUR_SIGNS.index("+")]
