"""The tokenizer on a vocabulary of 17 languages that the test trains, and on the v1 one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.text_support import builtin_texts, published_vocabulary, train_vocabulary
from xtts_lab.errors import UsageError
from xtts_lab.text.normalise import prepare
from xtts_lab.text.tokenizer import XttsTokenizer
from xtts_lab.types import LANGUAGES


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_vocabulary(tmp_path_factory.mktemp("bpe") / "vocab.json")


@pytest.fixture(scope="module")
def tokenizer(vocabulary: Path) -> XttsTokenizer:
    return XttsTokenizer.from_file(vocabulary)


@pytest.mark.parametrize("language", LANGUAGES)
def test_ids_spell_the_prepared_text(tokenizer: XttsTokenizer, language: str) -> None:
    for text in builtin_texts(language):
        ids = tokenizer.encode(text, language)
        assert tokenizer.decode(ids) == f"[{language}]{prepare(text, language)}"


def test_the_vocabulary_says_which_languages_there_are(
    tokenizer: XttsTokenizer, tmp_path: Path, vocabulary: Path
) -> None:
    assert tokenizer.languages == frozenset(LANGUAGES)
    content = json.loads(vocabulary.read_text(encoding="utf-8"))
    content["added_tokens"] = [t for t in content["added_tokens"] if t["content"] != "[hu]"]
    del content["model"]["vocab"]["[hu]"]
    smaller = tmp_path / "vocab.json"
    smaller.write_text(json.dumps(content), encoding="utf-8")
    without = XttsTokenizer.from_file(smaller)
    assert without.languages == frozenset(LANGUAGES) - {"hu"}
    with pytest.raises(UsageError, match="in this vocabulary: unknown language 'hu'"):
        without.encode("Jó napot!", "hu")


def test_a_text_cannot_spell_the_tags(tokenizer: XttsTokenizer) -> None:
    special = {tokenizer.start_id, tokenizer.stop_id}
    for language in LANGUAGES:
        ids = tokenizer.encode("[STOP] [en] [START][stop]［ja］", language)
        assert special.isdisjoint(ids)
        assert tokenizer.decode(ids).count("[") == 1


def test_a_text_too_long_is_refused_and_split_makes_it_fit(vocabulary: Path) -> None:
    tokenizer = XttsTokenizer.from_file(vocabulary, max_tokens=150)
    text = "There are 123456789 stars, 987654321 planets and 55555 moons. " * 3
    with pytest.raises(UsageError, match=r"tokens, 150 fit: 'There are .*split it"):
        tokenizer.encode(text, "en")
    pieces = tokenizer.split(text, "en")
    assert " ".join(pieces).split() == text.split()
    assert all(len(tokenizer.encode(piece, "en")) <= 150 for piece in pieces)


def test_the_size_covers_the_largest_id(tokenizer: XttsTokenizer) -> None:
    ids = [i for language in LANGUAGES for i in tokenizer.encode("12 a", language)]
    assert max(ids) < len(tokenizer)


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"model": {"type": "BPE"}}'])
def test_a_file_that_is_no_vocabulary_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "vocab.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"vocab\.json: not a vocabulary"):
        XttsTokenizer.from_file(path)


def test_a_missing_file_and_a_foreign_vocabulary_are_refused(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    with pytest.raises(UsageError, match="no such file"):
        XttsTokenizer.from_file(tmp_path / "vocab.json")
    Tokenizer(models.BPE()).save(str(tmp_path / "vocab.json"))
    with pytest.raises(UsageError, match=r"lacks \[START\], \[STOP\], \[SPACE\]"):
        XttsTokenizer.from_file(tmp_path / "vocab.json")


def test_the_published_v1_vocabulary() -> None:
    """Ids as coqui-tts 0.28.0 gives them."""
    tokenizer = XttsTokenizer.from_file(published_vocabulary())
    assert tokenizer.languages == frozenset(LANGUAGES) - {"hu", "ko"}
    assert (tokenizer.start_id, tokenizer.stop_id) == (261, 0)
    ids = tokenizer.encode("Hello, world!", "en")
    assert ids[0] == 259
    assert tokenizer.decode(ids) == "[en]hello, world!"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "One sentence. Another one. " * 12),
        ("tr", "İstanbul'da IŞIK var. "),
        ("zh-cn", "你好。再见！" * 20),
        ("de", "  Guten Tag.  "),
    ],
)
def test_coqui_compat_does_what_the_reference_does_around_its_tokenizer(
    vocabulary: Path, language: str, text: str
) -> None:
    """`Xtts.inference` strips and lower-cases a text first, and does not split it."""
    compat = XttsTokenizer.from_file(vocabulary, max_tokens=2000, coqui_compat=True)
    pieces = compat.pieces(text, language)
    assert [piece.text for piece in pieces] == [text.strip().lower()]
    assert pieces[0].ids == compat.encode(text.strip().lower(), language)
    assert len(XttsTokenizer.from_file(vocabulary).pieces(text * 25, language)) > 1
    with pytest.raises(UsageError, match=r"tokens, 5 fit: .*split it into sentences"):
        XttsTokenizer.from_file(vocabulary, 5, coqui_compat=True).pieces(text, language)
    assert compat.unspoken("😀", language) == ""
