"""Romanisation against golden values."""

from __future__ import annotations

import pytest

from xtts_lab.text.romanise import chinese, japanese, japanese_or_less, korean


# Examples of the Revised Romanisation of Korean (Ministry of Culture and Tourism, proclamation
# 2000-8), chapter 3, article 8: transliteration for academic use.
@pytest.mark.parametrize(
    ("hangul", "letters"),
    [
        ("집", "jib"),
        ("밖", "bakk"),
        ("값", "gabs"),
        ("붓꽃", "buskkoch"),
        ("먹는", "meogneun"),
        ("독립", "doglib"),
        ("문리", "munli"),
        ("물엿", "mul-yeos"),
        ("굳이", "gud-i"),
        ("좋다", "johda"),
        ("가곡", "gagog"),
        ("조랑말", "jolangmal"),
        ("없었습니다", "eobs-eoss-seubnida"),
    ],
)
def test_korean_is_transliterated_by_the_official_rule(hangul: str, letters: str) -> None:
    assert korean(hangul) == letters


def test_other_characters_pass() -> None:
    assert korean("KTX 역, 5") == "KTX yeog, 5"
    assert chinese("A好,b") == "A" + "hao3" + ",b"


def test_chinese_has_tone_digits_and_a_fifth_tone() -> None:
    assert chinese("你好吗") == "ni3hao3ma5"


def test_japanese_particles_are_read_as_spoken() -> None:
    assert japanese("私は学校へ行く").lower() == "watakushi wa gakkou e iku"


def test_japanese_never_fails_on_odd_kana() -> None:
    assert isinstance(japanese_or_less("ヷヸ゛ゎっーゞ々\U0001b000"), str)
