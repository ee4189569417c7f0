"""Token ids beside the reference implementation's: equal but for the table of differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.text_support import (
    ANY,
    builtin_texts,
    number_like,
    published_vocabulary,
    train_vocabulary,
)
from xtts_lab.data.sentences import prompts
from xtts_lab.errors import UsageError
from xtts_lab.text.coqui.differences import FAILS, touching
from xtts_lab.text.coqui.table import ROWS
from xtts_lab.text.languages import base_language
from xtts_lab.text.normalise import prepare
from xtts_lab.text.tokenizer import XttsTokenizer
from xtts_lab.torchaudio_cpu import import_torchaudio
from xtts_lab.types import LANGUAGES


def _reference_tokenizer(path: Path | None = None) -> Any:
    import_torchaudio()
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

    return VoiceBpeTokenizer(None if path is None else str(path))


@pytest.fixture(scope="session")
def reference_text() -> Any:
    return _reference_tokenizer()


@pytest.fixture(scope="session", params=["v1", "trained"])
def vocabulary(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "v1":
        return published_vocabulary()
    return train_vocabulary(tmp_path_factory.mktemp("bpe") / "vocab.json")


def _prepared(reference: Any, text: str, base: str) -> str:
    try:
        return str(reference.preprocess_text(text, base))
    except Exception:  # whatever num2words raises
        return FAILS


def _compat(text: str, language: str) -> str:
    try:
        return prepare(text, language, coqui_compat=True)
    except UsageError:
        return FAILS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.rule}-{row.language}")
def test_the_reference_side_of_the_table_is_true(reference_text: Any, row: Any) -> None:
    assert _prepared(reference_text, row.text, base_language(row.language)) == row.reference


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_coqui_compat_is_the_reference(
    reference_text: Any, language: str, data: st.DataObject
) -> None:
    text = data.draw(st.one_of(st.text(ANY, max_size=20), number_like(language)))
    assert _compat(text, language) == _prepared(reference_text, text, base_language(language))


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_ours_differs_only_where_a_rule_says_so(
    reference_text: Any, language: str, data: st.DataObject
) -> None:
    base = base_language(language)
    text = data.draw(number_like(language))
    assume(not any(touching(text, base)))
    assert prepare(text, language) == _prepared(reference_text, text, base)


def test_token_ids_of_all_built_in_sentences(
    vocabulary: Path, record_property: pytest.RecordProperty
) -> None:
    reference = _reference_tokenizer(vocabulary)
    ours = XttsTokenizer.from_file(vocabulary)
    compat = XttsTokenizer.from_file(vocabulary, coqui_compat=True)
    counts = {}
    for language in sorted(ours.languages):
        different = []
        texts = builtin_texts(language)
        for text in texts:
            expected = _ids_of(reference, text, language)
            if expected is not None:
                assert compat.encode(text, language) == expected
            if ours.encode(text, language) != expected:
                different.append(text)
                assert any(touching(text, base_language(language))), text
                assert text not in prompts(language)
        counts[language] = (len(texts) - len(different), len(different))
    record_property("equal_and_different", counts)
    print(f"\n{vocabulary.name}: language (equal, different) {counts}")
    assert sum(equal for equal, _ in counts.values()) > 0.8 * sum(map(sum, counts.values()))


def _ids_of(reference: Any, text: str, language: str) -> list[int] | None:
    try:
        return list(reference.encode(text, language))
    except Exception:  # whatever num2words raises
        return None
