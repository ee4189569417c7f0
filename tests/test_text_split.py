"""Splitting loses nothing, keeps the limit, and prefers sentence borders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text_support import ANY, builtin_texts
from xtts_lab.text.languages import char_limit
from xtts_lab.text.split import split_text
from xtts_lab.types import LANGUAGES

_TEXT = st.one_of(
    st.text(ANY, max_size=200),
    st.text(alphabet="ab é。！？,.;:!? …\n«»\"')—،؟\u0301", max_size=200),
)


@given(text=_TEXT, limit=st.integers(1, 60), language=st.sampled_from(LANGUAGES))
def test_nothing_is_lost_and_every_piece_fits(text: str, limit: int, language: str) -> None:
    pieces = split_text(text, language, limit)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < len(piece) <= limit and piece == piece.strip() for piece in pieces)


@given(text=_TEXT)
def test_a_short_text_stays_whole(text: str) -> None:
    stripped = text.strip()
    assert split_text(text, "en", max(len(stripped), 1)) == ([stripped] if stripped else [])


@pytest.mark.parametrize(
    ("language", "text", "limit", "pieces"),
    [
        ("en", "One two. Three four! Five?", 12, ["One two.", "Three four!", "Five?"]),
        ("en", "One two. Three four! Five?", 20, ["One two. Three four!", "Five?"]),
        ("en", "Ask Mr. Smith, at 3.50. Now.", 23, ["Ask Mr. Smith, at 3.50.", "Now."]),
        ("en", 'He said "No." Then left.', 14, ['He said "No."', "Then left."]),
        (
            "en",
            "a long clause, another clause; end",
            16,
            ["a long clause,", "another clause;", "end"],
        ),
        ("de", "Am 3. Mai kam er. Gut.", 18, ["Am 3. Mai kam er.", "Gut."]),
        ("zh-cn", "你好。再见！好吗？", 4, ["你好。", "再见！", "好吗？"]),
        ("zh-cn", "我们去北京，他们去上海。", 7, ["我们去北京，", "他们去上海。"]),
        ("ja", "「はい。」そうです。", 6, ["「はい。」", "そうです。"]),
        ("ar", "كيف حالك؟ أنا بخير، شكرا.", 12, ["كيف حالك؟", "أنا بخير،", "شكرا."]),
        ("en", "antidisestablishmentarianism", 10, ["antidisest", "ablishment", "arianism"]),
        ("en", "abcde\u0301f", 5, ["abcd", "e\u0301f"]),
    ],
)
def test_borders(language: str, text: str, limit: int, pieces: list[str]) -> None:
    assert split_text(text, language, limit) == pieces


@pytest.mark.parametrize("language", LANGUAGES)
def test_built_in_sentences_are_not_cut_inside(language: str) -> None:
    sentences = [text for text in builtin_texts(language) if len(text) <= char_limit(language)]
    pieces = split_text(" ".join(sentences), language)
    ends = {
        " ".join(sentences)[: len(" ".join(sentences[:n]))] for n in range(1, len(sentences) + 1)
    }
    joined = ""
    for piece in pieces:
        joined = f"{joined} {piece}".strip()
        assert joined in ends


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="limit must be at least 1"):
        split_text("a", "en", 0)


NUMBERS = [
    ("zh-cn", "10：30"), ("zh-cn", "１，０００"), ("zh-cn", "12:05"), ("zh-cn", "3.14"),
    ("zh-cn", "2024/10/01"), ("zh-cn", "１２．５"), ("zh-cn", "10~15"), ("zh-cn", "50%"),
    ("ja", "１０：３０"), ("ja", "1,234,567"), ("ja", "03-1234-5678"), ("ja", "10〜15"),
    ("ko", "1,234"), ("en", "10 000"), ("cs", "602 123 456"), ("fr", "06 12 34 56 78"),
    ("de", "1.250,50"), ("ru", "8 800 555-35-35"), ("pl", "22 123 45 67"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "number"), NUMBERS)
def test_a_number_is_never_cut(language: str, number: str) -> None:
    """Wherever the limit falls: at each place in and around the number."""
    word = {"zh-cn": "我们明天在那里见面", "ja": "私たちは明日そこで会う", "ko": "우리는"}.get(
        language, "some words here"
    )
    gap = "" if language in ("zh-cn", "ja") else " "
    text = f"{word}{gap}{number}{gap}{word}"
    for limit in range(len(number), len(text) + 1):
        pieces = split_text(text, language, limit)
        assert any(number in piece for piece in pieces), (limit, pieces)


def test_a_number_longer_than_the_limit_is_cut() -> None:
    assert split_text("1" * 25, "en", 10) == ["1" * 10, "1" * 10, "1" * 5]


@pytest.mark.parametrize("mark", ["，", "、", "：", ","])
def test_a_list_of_numbers_is_cut_between_them(mark: str) -> None:
    text = mark.join(str(number) for number in range(10, 60))
    pieces = split_text(text, "zh-cn", 20)
    assert "".join(pieces) == text
    assert all(len(piece) <= 20 for piece in pieces)
    assert {part for piece in pieces for part in piece.split(mark) if part} <= {
        str(number) for number in range(10, 60)
    }
