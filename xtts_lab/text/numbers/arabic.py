"""Arabic numbers beside what they count, and clock times."""

from __future__ import annotations

import re

from xtts_lab.text.numbers.numerals import cardinal

_FEMININE_PLURALS = (
    "مدارس دول قرى أسر جزر حدائق رسائل صحف سفن عواصم حقائب قطع نقاط خطط أفكار تجارب أشجار قواعد"
    " ملاعق"
    " شرائح حصص دقائق ثوان ثواني ثوانٍ سنين ليال ليالي ليالٍ بنات نساء مدن غرف قصص شقق جمل صور فرق"
    " طرق أمهات"
)
_MASCULINE = re.compile(r"^ال?(?:$)|^(?:كيلو|سنتي|ملي|مليغ|كيلوغ)?(?:متر|غرام|جرام|لتر)ات$")
_MASCULINE_PLURALS = (
    "ريالات دينارات دولارات يوروات جنيهات حيوانات مليارات مطارات قطارات اختبارات اجتماعات امتحانات"
    " هكتارات باصات سنتات بنسات مؤتمرات قرارات مستشفيات كيلوات طلبات مباحثات"
)
_ONES = {
    "ثلاثة": "ثلاث", "أربعة": "أربع", "خمسة": "خمس", "ستة": "ست", "سبعة": "سبع",
    "ثمانية": "ثماني", "تسعة": "تسع", "عشرة": "عشر", "واحد": "إحدى", "اثنان": "اثنتان",
}  # fmt: skip
_FEMININE_ONES = re.compile(
    "(" + "|".join(_ONES) + r")(?= و (?:عشرون|ثلاثون|أربعون|خمسون|ستون|سبعون|ثمانون|تسعون)$|$)"
)
_TEEN = re.compile(r"(\S+) عشر$")
_NO_NOUNS = (
    "و من في على إلى عن مع أو ثم هو هي كان كانت أن إن لا ما هذا هذه فاصلة نقطة ناقص زائد يناير"
    " فبراير"
    " مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر يساوي مقابل"
)
_ARABIC_LETTERS = "ابتثجحخدذرزسشصضطظعغفقكلمنهويأإآ"
_HOURS = (
    "", "الواحدة", "الثانية", "الثالثة", "الرابعة", "الخامسة", "السادسة", "السابعة", "الثامنة",
    "التاسعة", "العاشرة", "الحادية عشرة", "الثانية عشرة",
)  # fmt: skip


def counted(words: str, noun: str) -> str:
    """Return a cardinal before a noun, which may be empty: مئتان before كتاب is مئتا."""
    if not noun or noun in _NO_NOUNS.split():
        return words
    if is_feminine(noun):
        words = feminine(words)
    # Two hundreds and two thousands lose their ending before a noun.
    return re.sub(r"(مئتا|ألفا|مليونا|مليارا)ن$", r"\1", words)


def read_twos(text: str) -> str:
    """Read "2" before a singular noun, whose dual says it: 2 كتاب is كتابان."""

    def dual(match: re.Match[str]) -> str:
        noun = match[1]
        if (
            noun in _NO_NOUNS.split()
            or len(noun) < 3
            or re.search("^[أا]|(?:ات|ين|ون|ان|ا)$", noun)
        ):
            return match[0]
        return noun[:-1] + "تان" if noun.endswith("ة") else noun + "ان"

    return re.sub(r"(?<![\d.,/:\w] )(?<![\w.,/:-])2 ([ء-ي]+)", dual, text)


_SCALES = {"ألف": "آلاف", "مليون": "ملايين", "مليار": "مليارات"}


def read_scales(text: str) -> str:
    """Write "5 مليون" with the plural that it asks for, and read "2 مليون", which is a dual."""

    def form(match: re.Match[str]) -> str:
        number, scale = match.groups()
        if number != "2":
            return f"{number} {_SCALES[scale]}"
        noun = re.match(r"\s([ء-ي]+)", match.string[match.end() :])
        return scale + ("ا" if noun and noun[1] not in _NO_NOUNS.split() else "ان")

    return re.sub(rf"(?<![\w.,/:-])(10|[2-9])\s({'|'.join(_SCALES)})(?![ء-ي])", form, text)


def read_ones(text: str) -> str:
    """Read "1" before a noun, which it follows in speech: 1 كتاب is كتاب واحد."""

    def swapped(match: re.Match[str]) -> str:
        if match[1] in _NO_NOUNS.split() or not match[1].startswith(tuple(_ARABIC_LETTERS)):
            return match[0]
        return f"{match[1]} {'واحدة' if is_feminine(match[1]) else 'واحد'}"

    return re.sub(r"(?<![\d.,/:\w] )(?<![\w.,/:-])1 ([^\W\d_]+)", swapped, text)


_OBLIQUE_AFTER = re.compile(
    r"(?<![^\W\d_])[وف]?(?:من|إلى|في|على|عن|مع|بعد|قبل|خلال|حوالي|نحو|منذ|عام|سنة|بين|لدى|عند|أصل|غضون|بنسبة"
    r"|بمقدار|أكثر من|أقل من|يناير|فبراير|مارس|أبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر"
    r"|ديسمبر)\s$"
)


def oblique(words: str, before: str) -> str:
    """Return a cardinal in the genitive after a preposition: في عام ألفين و عشرين."""
    if not _OBLIQUE_AFTER.search(before[-20:]):
        return words
    words = re.sub(r"(?<=\w{2})ون(?= |$)", "ين", words).replace("مليين", "مليون")
    return re.sub(r"(مئت|مائت|ألف|مليون|مليار|اثن|اثنت)ان?(?= |$)", _two, words)


def _two(match: re.Match[str]) -> str:
    return match[1] + ("ين" if match[0].endswith("ن") else "ي")


_ORDINALS = (
    "الأول الثاني الثالث الرابع الخامس السادس السابع الثامن التاسع العاشر الحادي~عشر الثاني~عشر"
    " الثالث~عشر الرابع~عشر الخامس~عشر السادس~عشر السابع~عشر الثامن~عشر التاسع~عشر العشرين"
    " الحادي~والعشرين"
)


_TENS = {2: "العشرين", 3: "الثلاثين", 4: "الأربعين", 5: "الخمسين", 6: "الستين", 7: "السبعين",
         8: "الثمانين", 9: "التسعين"}  # fmt: skip


def _the_nth(match: re.Match[str]) -> str:
    """Read "المرة الـ3": an ordinal that agrees with the noun before it."""
    noun, number = match[1] or "", int(match[2])
    if not number:
        return match[0]
    ordinals = [word.replace("~", " ") for word in _ORDINALS.split()[:19]]
    tens, ones = divmod(number, 10)
    if number < 20:
        words = ordinals[number - 1]
    elif not ones:
        words = _TENS[tens]
    else:
        first = "الحادي" if ones == 1 else ordinals[ones - 1]
        words = f"{first} و{_TENS[tens]}"
    if noun.strip().endswith(("ة", "ى")):
        words = "الأولى" if number == 1 else re.sub(r"^(ال\w+)", r"\1ة", words)
        words = words.replace(" عشر", " عشرة") if number < 20 else words
        words = re.sub(
            "^(العشرين|الثلاثين|الأربعين|الخمسين|الستين|السبعين|الثمانين|التسعين)ة", r"\1", words
        )
    return noun + words


def read_hours(text: str) -> str:
    """Read "الساعة 10", an hour without minutes, and "القرن 20", a century."""
    text = re.sub(r"(\w+ )?الـ(\d{1,2})(?!\d|[.,:/]\d)", _the_nth, text)
    text = re.sub(
        r"(القرن )(?:ال)?(2[01]|1\d|[1-9])(?![\d:/]|[.,]\d)",
        lambda match: match[1] + _ORDINALS.split()[int(match[2]) - 1].replace("~", " "),
        text,
    )
    return re.sub(
        r"(الساعة )([1-9]|1[0-2])(?![\d:/]|[.,]\d|\s?[-–%])",
        lambda match: match[1] + _HOURS[int(match[2])],
        text,
    )


def feminine(words: str) -> str:
    """Return a cardinal as it counts feminine nouns: خمسة is خمس, ثلاثة عشر is ثلاث عشرة."""
    teen = _TEEN.search(words)
    if teen:
        first = {"أحد": "إحدى", "اثنا": "اثنتا"}.get(teen[1]) or _ONES.get(teen[1], teen[1])
        return f"{words[: teen.start()]}{first} عشرة"
    if words in ("واحد", "اثنان"):
        return {"واحد": "واحدة", "اثنان": "اثنتان"}[words]
    return _FEMININE_ONES.sub(lambda match: _ONES[match[1]], words)


def is_feminine(noun: str) -> bool:
    """Return whether a noun, singular or plural, is feminine by its ending or by the list."""
    noun = re.sub("[\u064b-\u0652]", "", noun)
    if noun in _MASCULINE_PLURALS.split() or _MASCULINE.search(noun):
        return False
    return noun.endswith(("ة", "ات")) or noun in _FEMININE_PLURALS.split()


def clock(hour: int, minute: int) -> str:
    """Read a time: 12:05 is الثانية عشرة و خمس دقائق."""
    return _hour(hour) + _minutes(minute) if hour % 24 or minute else "منتصف الليل"


def _hour(hour: int) -> str:
    if hour in (0, 24):
        return "الصفر"
    if hour <= 12:
        return _HOURS[hour]
    if hour < 20:
        return f"{_HOURS[hour - 10]} عشرة"
    return "العشرون" if hour == 20 else f"{'الحادية' if hour == 21 else _HOURS[hour - 20]} والعشرون"


def _minutes(minute: int) -> str:
    if not minute:
        return ""
    if minute in (15, 30):
        return " والربع" if minute == 15 else " والنصف"
    if minute in (1, 2):
        return " ودقيقة" if minute == 1 else " ودقيقتان"
    words = feminine(cardinal(str(minute), "ar"))
    return f" و{words} {'دقائق' if minute <= 10 else 'دقيقة'}"
