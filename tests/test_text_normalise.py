"""Normalisation: every row of the table of differences, and what holds of any text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text_support import ANY, builtin_texts, number_like
from xtts_lab.data.sentences import builtin
from xtts_lab.errors import UsageError
from xtts_lab.text.coqui.differences import FAILS, Row, markdown_table, touching
from xtts_lab.text.coqui.table import ROWS
from xtts_lab.text.languages import base_language
from xtts_lab.text.normalise import normalise, prepare
from xtts_lab.types import LANGUAGES


def _name(row: Row) -> str:
    return f"{row.rule}-{row.language}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_every_difference_reads_as_the_table_says(row: Row) -> None:
    assert prepare(row.text, row.language) == row.ours
    assert row.ours != row.reference
    if row.reference == FAILS:
        with pytest.raises(UsageError, match="leave out coqui_compat"):
            prepare(row.text, row.language, coqui_compat=True)
    else:
        assert prepare(row.text, row.language, coqui_compat=True) == row.reference
    assert row.rule in {rule.name for rule in touching(row.text, base_language(row.language))}


def test_the_docs_show_the_table() -> None:
    page = (Path(__file__).parents[1] / "docs" / "text.md").read_text(encoding="utf-8")
    assert markdown_table() in page


@pytest.mark.parametrize("language", LANGUAGES)
@settings(deadline=None)
@given(data=st.data())
def test_any_text_is_read_and_no_digit_is_left(language: str, data: st.DataObject) -> None:
    text = data.draw(st.one_of(st.text(ANY, max_size=30), number_like(language)))
    spoken = normalise(text, language)
    if language == "zh-cn":
        spoken = re.sub("(?<=[a-z])2(?=[a-z])", "", spoken)  # P2P, B2B
    assert not re.search("[0-9]", spoken)
    assert spoken == " ".join(spoken.split())
    prepare(text, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_spoken_stays_as_it_is(language: str) -> None:
    for text in builtin_texts(language):
        spoken = normalise(text, language)
        assert normalise(spoken, language) == spoken


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


def test_hard_sentences_are_read_as_people_read_them() -> None:
    """Against the built-in sentences' own readings: a guard against loss, not a measure.

    The rules were written with these sentences in sight.
    """
    ours = reference = total = 0
    for language in LANGUAGES:
        for sentence in builtin(language):
            if sentence.spoken is None:
                continue
            wanted = _letters(prepare(sentence.spoken, language))
            total += 1
            ours += _letters(prepare(sentence.text, language)) == wanted
            reference += _letters(_reference(sentence.text, language)) == wanted
    assert ours / total > 0.65
    assert ours > 2 * reference


def _reference(text: str, language: str) -> str:
    try:
        return prepare(text, language, coqui_compat=True)
    except UsageError:
        return ""


def test_an_unknown_language_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown language 'dee'; did you mean 'de'"):
        normalise("Guten Tag", "dee")


@pytest.mark.parametrize("text", ["1" * 10_000, "1." * 5_000, "1 234" * 2_500, " " * 25_000])
@pytest.mark.parametrize("language", ["en", "de", "zh-cn", "ja"])
def test_long_runs_take_linear_time(text: str, language: str) -> None:
    """A quadratic rule takes as long here as all of these together."""
    assert not re.search("[0-9]", normalise(text, language))
