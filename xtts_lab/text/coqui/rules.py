"""The rules of the deliberate differences: why, and which texts they may touch."""

from __future__ import annotations

from xtts_lab.text.abbreviations import own_pattern
from xtts_lab.text.coqui.differences import Rule
from xtts_lab.text.numbers import currencies
from xtts_lab.text.numbers.cases.prepositions import PREPOSITIONS, SHOWN
from xtts_lab.text.numbers.codes import CUE, EMERGENCY
from xtts_lab.text.numbers.units import reading as units
from xtts_lab.types import LANGUAGES

_ABBREVIATIONS = {
    language: own_pattern(language) for language in LANGUAGES if own_pattern(language)
}
_LETTER = r"[^\W\d_]"
_SIGNS = "".join(sign for sign in currencies.SIGNS if sign not in "$£")
_SPACED = ("en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "hu", "ko")


_CASES = {
    base: rf"{words}\s\d|\d\s(?:[^\W\d_]+\s)?[^\W\d_]+(?:{SHOWN[base]})\b"
    for base, words in PREPOSITIONS.items()
}


def _money(base: str) -> str:
    signs = currencies.pattern(base)
    return rf"[{_SIGNS}$£]|(?-i:\d\s?(?:\w{{1,9}}\.?\s?)?(?:{signs})|(?:{signs})\s?\d)"


RULES: tuple[Rule, ...] = (
    Rule(
        "characters",
        "Invisible characters are dropped, letters composed, digits of every script "
        "read, and marks that no vocabulary holds removed; the reference passes them on "
        "as unknown tokens. Square brackets would let a text spell the vocabulary's "
        "tags.",
        dict.fromkeys(("*", "zh", "ja"), r"[\[\]{}<>|\\^~*`]"),
    ),
    Rule("markup", "HTML entities, tags and Markdown are decoded or dropped."),
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
        "codes",
        "Telephone numbers, account numbers and codes are digits; French pairs are numbers.",
        {
            base: rf"(?:\d[\s().\-/]*){{6}}\d|\+\d|(?:{CUE})\+?\(?\d|{EMERGENCY}" + more
            for base, more in (("*", ""), ("ko", r"|(?<!\d)1\d\d(?:에|로|번|\s)"))
        },
    ),
    Rule(
        "thousands",
        "The sign between thousands depends on the language and on the other signs; English says "
        "Indian groups in lakhs; the reference takes a dot for any character, reads other "
        "groupings as decimals, and leaves gaps open.",
        {"*": r"\d[.,'’\s\u202f]\d{3}"},
    ),
    Rule(
        "decimal",
        "A decimal is read as written: the reference goes through a float (3.10 is 3.1, "
        "1.0 may be one), skips Turkish, and reads Arabic as money; a point may come first.",
        {"*": r"\d[.,]\d|(?<!\w)\.\d"},
    ),
    Rule(
        "parts",
        "Dates, versions and lists are no decimals.",
        {"*": r"\d[.,]\s?\d+[.,]"},
    ),
    Rule(
        "dates",
        "Dates in figures have months with names, and days and years that are ordinals; short "
        "names of months are written out.",
        {
            base: r"\d[./-]\s?\d{1,2}[./-]\s?\d|\d\.?,?\s(?:de\s)?[^\W\d_]{3,10}"
            + (r"(?:\.|,?\s(?:de\s)?\d{4})|\b[^\W\d_]{3,5}\.\s\d" + more)
            for base, more in (("*", ""), ("ru", r"|\d{4}\s?г\."), ("pl", r"|\d{4}\s?r\."))
        },
    ),
    Rule(
        "years",
        "Years are said in hundreds: nineteen ninety-six, neunzehnhundertdreiundsiebzig.",
        dict.fromkeys(
            ("en", "de", "nl"),
            rf"{_LETTER},? (?:1\d|20)\d\d(?!\d)|\d, (?:1[1-9]|20)\d\d|(?<![^\s])1\d{{3}}\s[a-z]",
        ),
    ),
    Rule(
        "capitals",
        'German and its num2words: "Komma", "Euro", "Million" keep capitals that the '
        "vocabulary lacks.",
        {"de": r"\d[.,]\d|\d{7}|[$£€¥]"},
    ),
    Rule(
        "money",
        "Signs and codes with a space, on either side, of every currency that has a name, "
        "with millions; num2words knows no Turkish, Korean or Czech dollars, reads Arabic "
        "in riyals and Hungarian in English, and the reference cuts Portuguese amounts at "
        'their last "e". One amount that fails stops all others.',
        {base: _money(base) for base in _SPACED},
    ),
    Rule(
        "scales",
        "Short forms of thousands and millions after a number are words.",
        {
            "de": r"\d\s?(?:tsd|mio|mill|mrd|mia)\b",
            "fr": r"\d\s?(?:mio|mds?|mrd)\b|\d\s?M\sd",
            "es": r"\d\s?(?:mill|mm|mln|mmd)\b",
            "it": r"\d\s?(?:mln|mio|mld|mrd)\b",
            "nl": r"\d\s?(?:mln|mio|mld)\b",
            "pl": r"\d\s?(?:tys|mln|mld)\b",
            "ru": r"\d\s?(?:тыс|млн|млрд)\b",
            "tr": r"\d\s?(?:mn|mr)\b",
            "hu": r"\d\s?(?:mio|mrd|md)\b",
            "ko": r"(?<!\d)1만",
        },
    ),
    Rule(
        "measures",
        "Abbreviated units after figures are words, in the form that the number asks for, "
        "and so is what a slash means: km/h is kilometres per hour.",
        {base: units.pattern(base) for base in (*_SPACED, "zh", "ja")},
    ),
    Rule(
        "brazilian",
        "Sixteen, seventeen and nineteen are dezesseis, dezessete and dezenove, as Brazilians say; "
        "num2words has the European words.",
        {"pt": r"1[679](?!\d)|1[679](?=\d{3}\b)|X(?:VII?|IX)\b"},
    ),
    Rule(
        "agreement",
        "One, two and the hundreds have the gender of what they count; German ein, "
        "Hungarian két, Arabic threes to tens, two hundred and two thousand likewise.",
        {
            "de": rf"(?<!\d)1\s{_LETTER}",
            "es": rf"(?:[12]|[2-9]\d\d)\s{_LETTER}|\d1[.,\s]?\d{{3}}",
            "pt": rf"(?:[12]|[2-9]\d\d)\s{_LETTER}",
            "it": rf"(?<!\d)1\s{_LETTER}",
            "fr": rf"1\s{_LETTER}",
            "ru": rf"[12]\s{_LETTER}",
            "pl": rf"[12]\s{_LETTER}",
            "cs": rf"(?<!\d)[12]\s{_LETTER}",
            "hu": rf"2\s?{_LETTER}|\d\d2(?!\d)",
            "ar": rf"\d\s?{_LETTER}|2(?:00|0{{3}}|0{{6}}|0{{9}})(?!\d)",
        },
    ),
    Rule(
        "ordinal",
        "An ending makes an ordinal only if the word ends there, and shows its gender "
        'and case; the reference knows one form, and takes "5euros" for a fifth.',
        {"*": r"\d['’]?[-–]?[^\W\d_]|\d\.?[º°ª]|\d\.er\b", "ko": r"\d\s?(?:번|차|째)"},
    ),
    Rule(
        "endings",
        "Endings on figures and percent signs join their words: 50%-os, 5%ige, 10-летний, %50'si.",
        {"*": rf"[\d%°C]\s?[-'’‘]+\s?{_LETTER}|%{_LETTER}|\d\s?[x×]|\d0\."},
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
        {"*": r"[-−–][$£€¥￥₩₽₹₺₴]?\s?[.,]?\d"},
    ),
    Rule(
        "between",
        "Ranges, scores and ratios have a word between their numbers.",
        {"*": rf"\d[%°CF{_SIGNS}$£]{{0,3}}\s?[-‐‑–—~〜～∼:]\s?[$£€{_SIGNS}]?\d"},
    ),
    Rule(
        "fractions",
        "Simple fractions are halves, quarters, twentieths; points are out of what there is "
        "(99/100); after a word that says so a day has its month (le 1/12); 24/7 is said as the "
        "language says it.",
        {"*": r"\d/\d"},
    ),
    Rule(
        "primes",
        "Feet and inches, minutes and seconds have their words; a mark that closes a quotation "
        "has none.",
    ),
    Rule(
        "greek",
        "Greek letters have names, and micro-units too, which no vocabulary spells.",
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
        "Signs without a word in the reference, which the vocabulary mostly lacks; no space "
        "between a sign's word and a comma.",
        {"*": r"[+=×÷±≥≤≈≠§π√∞‰²³^]|\d\s?[x×]\s?\d|[&@%#$£°]\s*[,.;:!?…)»”،؛؟]|[(«“„]\s*[&@%#$£°]"},
    ),
    Rule(
        "roman",
        "Roman numerals are numbers, ordinals after a name or before a century.",
        {
            "*": r"(?-i:(?<![A-Za-z])[IVXLCDM]{2,}|[^\W\d_]{3}\s[IVX](?:er)?(?![^\W_])|\b[VX]e\s"
            r"|(?<!\w)[IVX]\.\s|(?<!\w)[IVXLC]-[^\W\d_])"
        },
    ),
    Rule(
        "abbreviations",
        "Common abbreviations that the reference lacks or takes apart.",
        _ABBREVIATIONS,
    ),
    Rule(
        "touching",
        "A number word never grows together with a letter beside it.",
        {"*": r"\d\.?[^\W\d_]|[^\W\d_]\.?\d", "ko": r"\d[A-Za-zÀ-ɏ]|[A-Za-zÀ-ɏ]\.?\d"},
    ),
    Rule(
        "plural",
        "English decades and plurals; the apostrophe before a decade is silent.",
        {"en": r"\d['’]?s\b|['’‘]\d\d", "*": r"['’‘]\d\d"},
    ),
    Rule(
        "zeros",
        "Leading zeros of three and more digits are said.",
        {"*": r"(?<!\d)0\d\d"},
    ),
    Rule(
        "time",
        "Clock times are read as people say them; days and years may be ordinals.",
        {
            "en": r"\d:\d\d|\d\s?[ap]\.?m\b|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov"
            r"|dec)\w* \d"
            r"|\d (?:of )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
            "fr": r"\d\s?h|\d:\d\d",
            "pt": r"\d\s?h|\d:\d\d",
            "nl": r"\d\s?uur|\d:\d\d",
            "de": r"\d\s?uhr|\d:\d\d",
            "ru": r"\d:\d\d|\d\s(?:янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек|год)",
            "pl": r"\d:\d\d|godz\w*\.?\s\d"
            r"|\d\s(?:sty|lut|mar|kwi|maj|cze|lip|sie|wrz|paź|lis|gru|rok)",
            "tr": r"\d[:.]\d\d",
            "ar": r"\d:\d\d|(?:الساعة|القرن)\s",
            "*": r"\d:\d\d",
        },
    ),
    Rule(
        "turkish i",
        "The lower case of I is ı in Turkish words; in others, as in the training texts, it is i.",
        {"tr": r"(?-i:I)"},
    ),
    Rule(
        "korean counters",
        'Native numerals before counters, hours and ages; "번" and "차" are no ordinals there.',
        {
            "ko": r"\d\s?(?:개|명|마리|권|잔|병|달|가지|사람|송이|그루|켤레|자루|벌|살|시|월|번|차"
            "|대|장|배|곳|군데|숟가락|스푼|컵|그릇|조각|줄|쌍|척|봉지|상자|끼|모금|방울|걸음|포기)"
        },
    ),
    Rule(
        "cases",
        "Russian, Polish and Czech numbers have the case of the preposition before them, or the "
        "one that the noun's ending shows.",
        _CASES,
    ),
    Rule(
        "chinese",
        "Amounts, clock times, dates, ranges, minus signs, thousands, round numbers, codes and "
        "two before a counter; the reference turns the signs into commas before it could read "
        "them, and replaces the first number that looks alike.",
        {
            "zh": r"\d\D+\d|\d{4}|(?<!\d)0\d|2[^\d月日号]|\d\s?[-.:：/%‰℃℉°~～]"
            r"|[-−–~～#§+]\s?\d|[&@#%+=×÷±≥≤≈≠§π√∞‰²³]|\d\s*[A-Za-z]|[A-Za-z]\s?\d"
            rf"|[{_SIGNS}$£]|[IVX]{{2}}|[打拨号]\d{{3}}|\d{{3}}(?:室|号房|房间|教室|病房)|\d{{2}}后|\d0年代"
        },
    ),
    Rule(
        "japanese",
        "The reference reads no number and no symbol in Japanese; vocabularies lack most digits.",
        {"ja": rf"\d|[&@＠#%+=×÷±≥≤≈≠§π√∞‰²³°℃{_SIGNS}$£]|(?-i:[IVX]{{2}})"},
    ),
)
