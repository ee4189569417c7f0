"""The built-in sentences: script, lengths, digits, duplicates, and what a request selects."""

from __future__ import annotations

import unicodedata

import pytest

from xtts_lab.data.builtin import BuiltinTexts
from xtts_lab.data.sentences import builtin, prompts
from xtts_lab.errors import UsageError
from xtts_lab.types import LANGUAGES

SCRIPTS = {
    "ru": {"CYRILLIC"},
    "ar": {"ARABIC"},
    "zh-cn": {"CJK"},
    "ja": {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"},
    "ko": {"HANGUL"},
}
SIGNS = {
    "es": "ñáé", "fr": "éèà", "de": "äöüß", "it": "èù", "pt": "ãçé", "pl": "ąęłśż", "tr": "ığşçö",
    "cs": "ěščřž", "hu": "áéőű", "ru": "ыйя", "ja": "のはを",
}  # fmt: skip
IN_CHARACTERS = {"zh-cn", "ja"}
TRADITIONAL_ONLY = set("們這說來時會對國學實體後長東車馬書話語讓聽")


def _size(text: str, language: str) -> int:
    if language in IN_CHARACTERS:
        return sum(unicodedata.category(c)[0] == "L" for c in text)
    return len(text.split())


def _letters(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c)[0] == "L"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_counts_and_ids(language: str) -> None:
    sentences = builtin(language)
    plain = [s for s in sentences if "plain" in s.tags]
    assert len(plain) == 20
    assert len(sentences) - len(plain) == 10
    assert len(prompts(language)) == 8
    assert len({s.id for s in sentences}) == len(sentences)
    texts = [s.text for s in sentences] + list(prompts(language))
    assert len({" ".join(t.casefold().split()) for t in texts}) == len(texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_script_and_signs(language: str) -> None:
    plain = [s.text for s in builtin(language) if "plain" in s.tags] + list(prompts(language))
    letters = set().union(*map(_letters, plain))
    scripts = {unicodedata.name(c).split()[0] for c in letters}
    assert scripts <= SCRIPTS.get(language, {"LATIN"})
    assert all(sign in letters for sign in SIGNS.get(language, ""))
    if language == "zh-cn":
        assert not letters & TRADITIONAL_ONLY


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_digits_where_words_are_promised(language: str) -> None:
    said = [s.text for s in builtin(language) if "plain" in s.tags]
    said += [s.spoken for s in builtin(language) if s.spoken]
    said += list(prompts(language))
    assert not [text for text in said if any(c.isdigit() for c in text)]
    assert not [t for t in said if t.rstrip()[-1] not in ".!?…。！？؟"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_length_classes_are_apart(language: str) -> None:
    sizes: dict[str | None, list[int]] = {}
    for sentence in builtin(language):
        if "plain" in sentence.tags:
            sizes.setdefault(sentence.length, []).append(_size(sentence.text, language))
    assert {length: len(of) for length, of in sizes.items()} == {"short": 7, "middle": 7, "long": 6}
    assert max(sizes["short"]) < min(sizes["middle"])
    assert max(sizes["middle"]) < min(sizes["long"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_hard_sentence(language: str) -> None:
    hard = [s for s in builtin(language) if "hard" in s.tags]
    assert [s.tags[1] for s in hard] == [
        "numbers", "date", "money", "abbreviation", "loanword", "repeated", "tongue-twister",
        "symbols", "time", "ordinal",
    ]  # fmt: skip
    assert all(s.spoken for s in hard if s.tags[1] in {"numbers", "date", "money", "time"})


def test_selection() -> None:
    chosen = BuiltinTexts(languages=("de", "en"), per_language=3).sentences()
    assert [s.language for s in chosen] == ["en"] * 3 + ["de"] * 3
    assert [s.length for s in chosen[:3]] == ["short", "middle", "long"]
    numbers = BuiltinTexts(languages=("en",), per_language=1, tags=("numbers",)).sentences()
    assert "numbers" in numbers[0].tags
    with pytest.raises(UsageError, match="did you mean 'en'"):
        BuiltinTexts(languages=("eng",))
    with pytest.raises(UsageError, match="has 30"):
        BuiltinTexts(languages=("en",), per_language=31).sentences()
