"""The rules of the deliberate differences: why, and which texts they may touch."""

from __future__ import annotations

from xtts_lab.text.abbreviations import own_pattern
from xtts_lab.text.coqui.differences import Rule
from xtts_lab.types import LANGUAGES

_ABBREVIATIONS = {
    language: own_pattern(language) for language in LANGUAGES if own_pattern(language)
}

RULES: tuple[Rule, ...] = (
    Rule(
        "characters",
        "Invisible characters are dropped, letters composed, digits of every script "
        "read, and marks that no vocabulary holds removed; the reference passes them on "
        "as unknown tokens. Square brackets would let a text spell the vocabulary's "
        "tags.",
        {"*": r"[\[\]{}<>|\\^~*`]"},
    ),
    Rule(
        "fails",
        "The reference raises an exception: Czech ordinals, Korean ones from a hundred "
        "up, numbers beyond num2words' names.",
        {"cs": r"\d\.(?:\s|$)", "ko": r"\d{3,}(?:번|차|째)", "*": r"\d{16}"},
    ),
    Rule(
        "huge",
        "A number of more than 15 digits is read digit by digit.",
        {"*": r"\d{16}"},
    ),
    Rule(
        "thousands",
        "The sign between thousands depends on the language and on the other signs; the "
        "reference takes a dot for any character, reads other groupings as decimals, "
        "and leaves gaps open.",
        {"*": r"\d[.,'’\s\u202f]\d{3}"},
    ),
    Rule(
        "decimal",
        "A decimal is read as written: the reference goes through a float (3.10 is 3.1, "
        "1.0 may be one), skips Turkish, and reads Arabic as money.",
        {"*": r"\d[.,]\d"},
    ),
    Rule(
        "parts",
        "Dates, versions and lists are no decimals.",
        {"*": r"\d[.,]\s?\d+[.,]"},
    ),
    Rule(
        "capitals",
        'German and its num2words: "Komma", "Euro", "Million" keep capitals that the '
        "vocabulary lacks.",
        {"de": r"[\d$£€¥]"},
    ),
    Rule(
        "money",
        "Signs with a space, on either side, of every currency, with millions; "
        "num2words knows no Turkish, Korean or Czech dollars, reads Arabic in riyals "
        "and Hungarian in English, and the reference cuts Portuguese amounts at their "
        'last "e". One amount that fails stops all others.',
        {
            "*": r"[$£€¥￥]",
            "pl": r"[$£€¥￥]|zł",
            "cs": r"[$£€¥￥]|Kč",
            "hu": r"[$£€¥￥]|Ft",
            "tr": r"[$£€¥￥₺]|TL",
            "ru": r"[$£€¥￥₽]|руб",
        },
    ),
    Rule(
        "ordinal",
        "An ending makes an ordinal only if the word ends there, and shows its gender "
        'and case; the reference knows one form, and takes "5euros" for a fifth.',
        {"*": r"\d['’]?[-–]?[^\W\d_]|\d\.?[º°ª]", "ko": r"\d\s?(?:번|차|째)"},
    ),
    Rule(
        "dotted",
        "A full stop after a number is an ordinal's only before a word that goes on; "
        "the reference drops the stop of the sentence, and knows no Polish ordinals.",
        {
            "de": r"\d\.(?:\s|$)",
            "cs": r"\d\.(?:\s|$)",
            "pl": r"\d\.\s",
            "tr": r"\d\.",
            "hu": r"\d\.|\d-j?[áée]",
        },
    ),
    Rule(
        "minus",
        "A minus sign before a number is said.",
        {"*": r"[-−][$£€¥￥]?\d"},
    ),
    Rule(
        "units",
        "Degrees and percent in the form that the number asks for, Celsius and Fahrenheit by name.",
        {"*": r"[°%℃℉]"},
    ),
    Rule(
        "number sign",
        '"#5", "n°5" and "№ 5" are numbers, not hashes and degrees.',
        {"*": r"#\d|№|n\.?[°º]"},
    ),
    Rule(
        "symbols",
        "Signs without a word in the reference, which the vocabulary mostly lacks.",
        {"*": r"[+=×÷±€¥]|\d\s?[x×]\s?\d"},
    ),
    Rule(
        "abbreviations",
        "Common abbreviations that the reference lacks or takes apart.",
        _ABBREVIATIONS,
    ),
    Rule(
        "touching",
        "A number word never grows together with a letter beside it.",
        {"*": r"\d[^\W\d_]|[^\W\d_]\.?\d"},
    ),
    Rule(
        "plural",
        "English decades and plurals.",
        {"en": r"\d['’]?s\b"},
    ),
    Rule(
        "zeros",
        "Leading zeros of three and more digits are said.",
        {"*": r"(?<!\d)0\d\d"},
    ),
    Rule(
        "time",
        "Hours that are written in ways of the language; days and years that are ordinals.",
        {
            "fr": r"\d\s?h",
            "pt": r"\d\s?h",
            "nl": r"\d\s?uur",
            "de": r"\d\s?uhr",
            "ru": r"\d\s\w",
            "pl": r"\d\s\w",
        },
    ),
    Rule(
        "turkish i",
        "The lower case of I is ı in Turkish.",
        {"tr": r"(?-i:I)"},
    ),
    Rule(
        "arabic dual",
        "num2words ends 200 and 2000 in the form that wants a noun after it.",
        {"ar": r"\d"},
    ),
    Rule(
        "korean counters",
        'Native numerals before counters, hours and ages; "번" and "차" are no ordinals there.',
        {"ko": r"\d\s?(?:개|명|마리|권|잔|병|달|가지|사람|송이|그루|켤레|자루|벌|살|시|월|번|차)"},
    ),
    Rule(
        "chinese",
        "Amounts, clock times, minus signs, thousands, round numbers and two before a "
        "counter; the reference turns the signs into commas before it could read them.",
        {"zh": r"\d|[&@#%+=×÷±$£€¥￥℃]"},
    ),
    Rule(
        "japanese",
        "The reference reads no number and no symbol in Japanese; vocabularies lack most digits.",
        {"ja": r"\d|[&@#%+=×÷±$£€¥￥°℃]"},
    ),
)
