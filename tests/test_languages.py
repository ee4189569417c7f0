"""One row a language: what goes by language is there for each, and is that row's."""

from __future__ import annotations

import pytest

from xtts_lab import types
from xtts_lab.data.sentences import builtin, prompts
from xtts_lab.languages import BY_CODE, LANGUAGES, canonical, language_name, meant
from xtts_lab.metrics.sanity import rate_is_impossible
from xtts_lab.registry import unknown
from xtts_lab.text.languages import char_limit, tag_of
from xtts_lab.text.scoring import CHARACTER_LANGUAGES
from xtts_lab.types import Utterance


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_all_that_goes_by_language(code: str) -> None:
    row = BY_CODE[code]
    assert len(builtin(code)) > 10
    assert prompts(code)
    assert char_limit(code) == row.char_limit == char_limit(code.partition("-")[0])
    assert tag_of(code) == f"[{code}]"
    assert language_name(code) == row.name
    assert (code in CHARACTER_LANGUAGES) == row.by_character
    text = "字" * 40 if row.by_character else "ab " * 40
    low, high = row.rate
    for rate, impossible in ((low * 0.8, True), ((low + high) / 2, False), (high * 1.25, True)):
        characters = len(text.replace(" ", ""))
        said = Utterance("u", text, code, "s")
        assert rate_is_impossible(said, characters / rate) is impossible


def test_languages_stand_in_the_order_of_the_release_notes() -> None:
    assert types.LANGUAGES == LANGUAGES == tuple(BY_CODE)
    assert LANGUAGES == (
        "en", "es", "fr", "de", "it", "pt", "pl", "tr",
        "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja",
    )  # fmt: skip


def test_no_two_languages_go_by_one_name() -> None:
    names = [name for row in BY_CODE.values() for name in (row.code, *row.others)]
    assert len(names) == len(set(names))
    for row in BY_CODE.values():
        assert {meant(name, LANGUAGES) for name in (row.code, *row.others)} == {row.code}


@pytest.mark.parametrize("code", ["hi", "xx", "", "zh-tw", "klingon"])
def test_what_is_none_of_ours_is_never_suggested_as_itself(code: str) -> None:
    assert canonical(code) is None
    said = unknown("language", code, LANGUAGES)
    assert f"did you mean '{code}'" not in said
    assert language_name(code) == code
