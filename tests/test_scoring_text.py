"""The normaliser that error rates are computed after."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.text_support import ANY
from xtts_lab.text.scoring import CHARACTER_LANGUAGES, normalise
from xtts_lab.types import LANGUAGES

languages = st.sampled_from(LANGUAGES)
# Any Unicode, and a mixture in which combining marks, case pairs and apostrophes meet often.
tricky = st.text(
    st.sampled_from(
        "aeiIİıßéABÅ\u0301\u0307\u0327'’ʼ`´¨-—_.,¿«»ـأإآٱاًّ"
        "ー・。、ﾊﾟㅎ한字①½ﬁﬀ\u200b\u00ad\u1e9e \t\n\x00٣３\u1100\u1161"
    )
)
texts = st.one_of(st.text(ANY), tricky)

LETTERS = {
    "en": "abcxyz",
    "de": "aäöüz",
    "fr": "éèçœœaz",
    "tr": "aıiğşçöüz",
    "ru": "абвёжя",
    "pl": "ąćęłńóśźż",
    "cs": "ěščřžýáíé",
    "hu": "őűáéíóú",
}


@settings(max_examples=400)
@given(texts, languages)
@example("i\u0307", "en")
@example("´", "en")
@example("I'\u0307\u0307", "en")
@example("e'\u0301", "fr")
def test_a_normalised_text_stays_as_it_is(text: str, language: str) -> None:
    once = normalise(text, language)
    assert normalise(once, language) == once


@settings(max_examples=300)
@given(texts, languages)
def test_only_letters_marks_numbers_and_single_spaces_are_left(text: str, language: str) -> None:
    result = normalise(text, language)
    assert result == " ".join(result.split(" ")).strip()
    assert "  " not in result
    assert all(c == " " or unicodedata.category(c)[0] in "LMN" for c in result)
    assert language not in CHARACTER_LANGUAGES or " " not in result


@given(st.sampled_from(sorted(LETTERS)).flatmap(
    lambda language: st.tuples(st.just(language), st.text(LETTERS[language] + " "))
))  # fmt: skip
def test_case_does_not_matter(case: tuple[str, str]) -> None:
    language, text = case
    capitals = text.replace("i", "İ").replace("ı", "I") if language == "tr" else text
    assert normalise(capitals.upper(), language) == normalise(text, language)


@given(st.lists(st.sampled_from(["ein", "Wort", "l'eau", "два", "字"]), min_size=1), languages,
       st.sampled_from([",", ".", " — ", "…", "?!", "、", "؟", "»", "$", "“"]))  # fmt: skip
def test_punctuation_between_words_does_not_matter(
    words: list[str], language: str, mark: str
) -> None:
    plain = normalise(" ".join(words), language)
    assert normalise(f"{mark} ".join(words) + mark, language) == plain
    assert normalise(mark + f" {mark}".join(words), language) == plain


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Don’t stop — it's a well-known trick!", "en", "dont stop its a well known trick"),
        ("L’eau, c'est l'été.", "fr", "leau cest lété"),
        ("Straße, GRÖSSE", "de", "straße grösse"),
        ("IŞIK ve İstanbul", "tr", "ışık ve istanbul"),
        ("İstanbul", "en", "istanbul"),
        ("¿Qué? ¡Sí!", "es", "qué sí"),
        ("ＡＢＣ　１２３", "en", "abc 123"),
        ("أَهْلًا وَسَهْلًا، يا آدم!", "ar", "اهلا وسهلا يا ادم"),
        ("مـــرحبا ٣", "ar", "مرحبا 3"),
        ("今天 天气，很好。", "zh-cn", "今天天气很好"),
        ("ﾃｽﾄ、カー・ナビ。", "ja", "テストカーナビ"),
        ("안녕 하세요?", "ko", "안녕하세요"),
        ("soft\u00adhyphen zero\u200bwidth", "en", "softhyphen zerowidth"),
        ("… — !?", "en", ""),
        ("", "ja", ""),
    ],
)
def test_examples(text: str, language: str, expected: str) -> None:
    assert normalise(text, language) == expected


SAME = {
    "fractions": [
        ("en", "1½ cups", "1 1/2 cups"), ("de", "2¼", "2 1/4"), ("fr", "½", "1/2"),
        ("es", "10 ¾", "10 3/4"), ("pl", "3⅓", "3 1/3"), ("en", "3¾ miles", "3 3/4 miles"),
        ("en", "1⁄2", "1/2"), ("en", "2 ½", "2½"), ("it", "1⅛", "1 1/8"),
    ],
    "exponents": [
        ("en", "10² times", "10^2 times"), ("de", "5 m²", "5 m2"), ("ru", "10³", "10^3"),
        ("it", "CO₂", "co2"), ("fr", "2⁴", "2^4"),
        ("de", "x²", "x2"), ("en", "5³", "5^3"), ("ru", "м²", "м2"), ("de", "10⁻³", "10^-3"),
        ("en", "10,000 km²", "10000 km2"),
    ],
    "thousands": [
        ("en", "1,250 people", "1250 people"), ("de", "1.250 Leute", "1250 Leute"),
        ("fr", "1 250 gens", "1250 gens"), ("fr", "1\u202f250", "1250"),
        ("es", "12.345.678", "12345678"),
        ("it", "1.250,50", "1250,50"), ("pt", "10.000", "10 000"), ("pl", "12 345", "12345"),
        ("ru", "10\u00a0000", "10000"), ("nl", "1.250", "1250"), ("cs", "1 234 567", "1234567"),
        ("tr", "1.250", "1250"), ("hu", "15 000", "15000"), ("de", "1’250", "1'250"),
        ("ar", "1,250", "1250"), ("zh-cn", "1,250人", "1250人"), ("ja", "1,250円", "1250円"),
        ("ko", "1,250원", "1250원"), ("en", "₹12,34,567", "₹1234567"), ("en", "1,00,000", "100000"),
        ("de", "12.345,67", "12345,67"), ("pt", "25.000,00", "25000,00"),
        ("en", "1,234.50", "1234.50"),
        ("ar", "٢٥٬٠٠٠", "25000"), ("ar", "1،250", "1250"), ("ja", "１，０００円", "1000円"),
        ("en", "1\u2009250", "1250"), ("de", "1 250", "1.250"), ("hu", "25 000", "25.000"),
    ],
    "yo": [("ru", "Ещё всё", "еще все"), ("ru", "ЁЛКА", "елка"), ("ru", "е\u0308лка", "елка"),
           ("ru", "Ёж", "еж"), ("ru", "ещё", "ЕЩЕ"), ("ru", "дом №5", "дом № 5")],
    "apostrophes": [
        ("en", f"don{mark}t", "dont") for mark in "'’‘‛`´ʼʻʹʽʾʿ՚ꞌ＇｀′"
    ] + [("fr", f"l{mark}été", "lété") for mark in "'’´`"] + [
        ("it", "l’uomo", "l'uomo"), ("en", "rock ‘n’ roll", "rock 'n' roll"),
        ("tr", "Ankara’da", "Ankara'da"), ("nl", "foto´s", "foto's"), ("de", "geht’s", "geht's"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("language", "one", "other"), [case for cases in SAME.values() for case in cases]
)
def test_ways_to_write_the_same_are_the_same(language: str, one: str, other: str) -> None:
    assert normalise(one, language) == normalise(other, language)
    assert normalise(f"a {one} b", language) == normalise(f"a {other} b", language)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "1½", "11/2"), ("en", "10²", "102"), ("de", "3,5", "35"), ("en", "0,250", "250"),
        ("en", "5′3", "53"), ("uk", "ё", "е"), ("fr", "1 25", "125"), ("en", "1,2345", "12345"),
        ("de", "2,5", "25"), ("ru", "ё", "о"), ("en", "10⁵", "105"), ("en", "2½", "21/2"),
    ],
)  # fmt: skip
def test_what_differs_stays_different(language: str, one: str, other: str) -> None:
    assert normalise(one, language) != normalise(other, language)


def test_marks_that_make_words_are_kept() -> None:
    # Whisper's BasicTextNormalizer drops vowel signs (category M), which breaks Indic scripts.
    assert normalise("हिन्दी", "hi") == "हिन्दी"
