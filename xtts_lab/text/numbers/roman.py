"""Roman numerals as figures, with the ending that makes them ordinals where they are read so.

Only capitals count, of two letters and more, up to 39 or years of four letters and more; "XL", "CD"
and "MIX" are no numerals. A text in capitals throughout has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from xtts_lab.text.numbers.numerals import cardinal
from xtts_lab.text.numbers.ordinals import ordinal

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_SMALL = r"X{0,3}(?:IX|IV|V?I{0,3})"
_FIFTY = r"(?:XL|LX{0,3})(?:IX|IV|V?I{0,3})"
_YEAR = r"M{1,2}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_LETTER = "A-Za-zÀ-ɏЀ-ӿ"
_DOT = r"(?P<dot>\.(?=\s|$|[,;:!?)]))?"
_ROMAN = re.compile(
    rf"(?<![{_LETTER}\d.'’-])"
    rf"(?P<roman>(?=[IVX]{{2,}}(?![IVX])){_SMALL}|(?=[LXVI]{{3,}}(?![LXVI])){_FIFTY}|(?=[MDCLXVI]{{4,}}(?![MDCLXVI])){_YEAR})"
    rf"(?P<ending>er|re|e|ème|[-–]?[ºª°]|-?(?:й|го|м|е|я))?{_DOT}(?![{_LETTER}\d]|[’'](?!s\b)\w|-\d)"
)
_SINGLE = re.compile(
    rf"(?P<before>[^\W\d_]{{3,}}\s)(?P<roman>[IVX])(?P<ending>er)?{_DOT}(?![\w'’.-])"
)
_FIRST = re.compile(r"(?<![\w.])(?P<roman>[IVX])\.(?=\s[A-ZÁÉÍÓÖŐÚÜŰÇĞİŞ][a-záéíóöőúüűçğışü])")
"""Turkish and Hungarian rulers: V. László."""
_CARDINAL_LABELS: Mapping[str, str] = {
    "en": "chapter part volume vol book act scene section article war phase class type level stage"
    " grade title appendix table figure step round bowl unit schedule category world tier mark",
    "es": "capítulo parte tomo volumen acto sección artículo fase tipo nivel tabla figura",
    "fr": "chapitre partie tome volume acte scène section article phase type niveau tableau figure"
    " guerre",
    "pt": "capítulo parte tomo volume ato seção artigo fase tipo nível tabela figura guerra",
    "it": "capitolo parte tomo volume atto sezione articolo fase tipo livello tabella figura"
    " guerra",
    "nl": "hoofdstuk deel boek acte artikel fase type klasse tabel figuur oorlog wereldoorlog",
    "pl": "rozdział tom część akt scena księga artykuł punkt",
    "ru": "глава том часть акт раздел книга статья пункт",
    "de": "kapitel teil band akt szene abschnitt artikel phase typ stufe tabelle abbildung buch"
    " weltkrieg",
}
_ENGLISH_RULERS = (
    "Henry Edward George Charles Louis Richard William James Philip Napoleon Peter Nicholas"
    " Paul Pius"
    " Alexander Benedict Leo Francis Frederick Ferdinand Gustav Elizabeth Mary Catherine Wilhelm"
)
_FIRST_OF_THE_NAME = re.compile(r"\s*(?:$|[,.;:!?)])|['’]s\b|\s(?:of|died|ruled|reigned)\b")
"""What follows a ruler's I in English, where "I" mostly begins what somebody says."""
_BEFORE_ONE = frozenset(
    ("War", "Part", "Act", "Type", "Volume", "Phase", "Bowl", "Book", "Chapter", "Stage", "Class")
)
_CENTURIES = {"en": "century", "fr": "siècle", "it": "secolo", "nl": "eeuw", "es": "siglo",
              "pt": "século"}  # fmt: skip
_COMPOUNDS = {
    base: rf"(?<![{_LETTER}\d.'’-])(?=[IVXLC])"
    rf"({_FIFTY}|{_SMALL}|C{{1,3}}(?:L?X{{0,3}}))(?=-(?:{endings}))"
    for base, endings in (("pl", "leci|letni|latk|latek"), ("ru", "лети|летн"))
}
"""XX-lecie: the figure begins a word."""
_ALWAYS_ORDINAL = frozenset({"pl", "ru"})
_DOTTED = frozenset({"de", "cs", "hu", "tr"})


def read_roman(text: str, base: str) -> str:
    """Replace Roman numerals by figures or by ordinals in words."""
    if base in _COMPOUNDS:
        text = re.sub(_COMPOUNDS[base], lambda match: str(value(match[1])), text)
    if not re.search("[IVX]", text) or _in_capitals(text):
        return text
    if base == "fr":
        text = re.sub(r"(?<![\w'’-])([VX])e(?=\s[^\W\d_]{4})", _french_single, text)
    text = _ROMAN.sub(lambda match: _read(match, base), text)
    if base in ("tr", "hu"):
        text = _FIRST.sub(lambda match: ordinal(str(value(match["roman"])), base), text)
    return _SINGLE.sub(lambda match: _single(match, base), text)


def _in_capitals(text: str) -> bool:
    """Return whether a text of several words is written in capitals, numerals or not."""
    words = [word for word in re.findall(r"[^\W\d_]+", text) if word.lower() != word.upper()]
    return len(words) > 1 and all(map(str.isupper, words)) and not all(map(_ROMAN.match, words))


def _french_single(match: re.Match[str]) -> str:
    return f"{_VALUES[match[1]]}e"


def value(roman: str) -> int:
    """Return what a well-formed Roman numeral is worth."""
    numbers = [_VALUES[letter] for letter in roman]
    following = [*numbers[1:], 0]
    return sum(-a if a < b else a for a, b in zip(numbers, following, strict=True))


def _read(match: re.Match[str], base: str) -> str:
    number, ending, dot = value(match["roman"]), match["ending"] or "", match["dot"] or ""
    if not number:
        return match[0]
    before, after = match.string[: match.start()], match.string[match.end() :]
    if number > 100 or base in ("ar", "ko"):
        return f"{number}{ending}{dot}"
    words = _numbered(number, ending, dot, before, after, base)
    owner = base == "en" and re.match(r"['’]s\b", after)  # "World War II's" are no twos
    return cardinal(words, base) if owner and words.isdigit() else words


def _numbered(number: int, ending: str, dot: str, before: str, after: str, base: str) -> str:
    """Read a numeral by the word before it, which may be a name or a label, and the one after."""
    last = (re.search(r"([^\W\d_]+)\s$", before[-40:]) or ["", ""])[1]
    label = last.lower() in _CARDINAL_LABELS.get(base, "").split()
    is_name = last[:1].isupper() and not label and not last.isupper()
    stop = dot if not re.match(r"\s+[^\W\d_]", after) or base not in _DOTTED else ""
    if ending:
        return f"{number}{ending}{dot}"
    if base in _ALWAYS_ORDINAL:
        return _slavic(number, last, after, base) + dot
    if base in _DOTTED:
        return _dotted(number, dot, last if is_name else "", after, base)
    century = _CENTURIES.get(base, "-")
    if re.match(rf"\s{century}", after, re.IGNORECASE):
        return ordinal(str(number), base) + dot
    if base in ("en", "nl"):
        article = "the" if base == "en" else "de"
        return (f"{article} {ordinal(str(number), base)}" if is_name else str(number)) + dot
    if base == "fr":
        return ("premier" if number == 1 and is_name else str(number)) + dot
    limit = {"es": 10, "pt": 10, "it": 40}.get(base, 0)
    if (is_name or last.lower() == century) and number <= limit:
        return ordinal(str(number), base, "ª" if is_name and _is_woman(last) else "") + stop
    return str(number) + dot


def _is_woman(name: str) -> bool:
    name = name.lower()
    if name in ("andrea", "luca", "nicola", "никита", "илья", "battista", "jogaila", "konstanza"):
        return False
    return name.endswith(("a", "а", "я")) or name in ("isabel", "beatriz", "inés", "часть", "część")


def _dotted(number: int, dot: str, name: str, after: str, base: str) -> str:
    """A dot makes the numeral an ordinal, if a word goes on or a name stands before."""
    goes_on = re.match(r"\s[^\W\d_]", after) is not None
    if name and dot:
        words = ordinal(str(number), base)
        if base == "cs" and _is_woman(name):
            words = re.sub("ý$", "á", words)
        words = f"der {words}" if base == "de" else words
        return words + ("" if goes_on or not re.match(r"\s*$|\s+[A-ZÀ-Ž]", after) else dot)
    return f"{number}{dot}"


def _slavic(number: int, before: str, after: str, base: str) -> str:
    """The ordinal agrees with the name or label before it, or with the word after it."""
    word = (re.match(r"\s([^\W\d_]+)", after) or ["", ""])[1]
    feminine = bool(before) and _is_woman(before) and (before[0].isupper() or not word)
    king = before[:1].isupper() and not _is_woman(before) and word[:1].isupper()
    feminine = feminine or before.lower() in ("глава", "часть", "część", "księga", "книга", "серия")
    if base == "ru":
        endings = ((".*веке", "-м"), ("века|веков", "-го"), ("веку", "-му"), (".*(?:а|я)", "-я"),
                   (".*(?:о|е)", "-е"))  # fmt: skip
        ending = next((e for p, e in endings if re.fullmatch(p, word)), "-й")
        return ordinal(str(number), "ru", "-я" if feminine else ending)
    masculine = ordinal(str(number), "pl")
    if re.fullmatch("wieku|roku|stulecia|piętrze|wydaniu", word):
        return _polish_case(masculine, locative=before.lower() in ("w", "na", "o", "po", "przy"))
    if feminine or (not king and re.search("[^i]a$", word)):
        masculine = re.sub(r"(?<=c)i\b", "ia", re.sub(r"(?<=[kg])i\b", "a", masculine))
        return re.sub(r"y\b", "a", masculine)
    return masculine


def _polish_case(words: str, locative: bool) -> str:
    hard, soft = ("ym", "im") if locative else ("ego", "iego")
    return re.sub(r"i\b", soft, re.sub(r"y\b", hard, words))


def _single(match: re.Match[str], base: str) -> str:
    """I, V and X alone: after a ruler's name, or a label that numbers what follows."""
    before, roman, dot = match["before"], match["roman"], match["dot"] or ""
    word, number = before.strip(), value(match["roman"])
    label = word.lower() in (*_CARDINAL_LABELS.get(base, "").split(), _CENTURIES.get(base))
    first = base == "en" and roman == "I"  # "part I" may go on with "I"
    if label and (not first or word in _BEFORE_ONE):
        return before + _numbered(number, "", dot, before, match.string[match.end() :], base)
    if match["ending"]:
        return f"{before}{number}er{dot}" if base == "fr" else match[0]
    ruler = word[0].isupper() and word[1:].islower() and base not in ("en", "ar", "ko")
    if base == "en" and word in _ENGLISH_RULERS.split():
        ruler = roman != "I" or bool(_FIRST_OF_THE_NAME.match(match.string[match.end() :]))
    if not ruler or (base in _DOTTED and not dot):
        return match[0]
    return before + _numbered(number, "", dot, before, match.string[match.end() :], base)
