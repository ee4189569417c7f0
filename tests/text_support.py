"""Shared by the tests of the text front end: vocabularies, and text to try it with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import strategies as st

from xtts_lab.data.sentences import builtin, prompts
from xtts_lab.errors import UsageError
from xtts_lab.text.normalise import prepare
from xtts_lab.types import LANGUAGES

TAGS = ("en", "de", "fr", "es", "it", "pt", "pl", "tr", "ru", "cs", "nl", "ar", "zh-cn", "ja",
        "hu", "ko", "hi")  # fmt: skip
"""The 17 language tags of the published XTTS-v2 vocabulary."""

ANY = st.characters(exclude_categories=["Cs"])
"""Every character, as in `st.text()`, which takes seconds to find those that UTF-8 can write."""

_LETTERS = {
    "zh-cn": "我有元块年月日号人个点分之二两十多万千百亿米克℃abP。，？！",
    "ko": "각낮닭없었값원번째차개명시살이가나다라",
    "ja": "日本語カタカナをはへ東京月年々ー円",
    "ru": "абвгдейяеогнсуюхмАБ",
    "ar": "ابتثونينرىال",
}
_NUMBERS = "0123456789" * 2 + ".,,..   $£€%&@#°º\"'-–:/+=()[]²½٣"


def builtin_texts(language: str) -> tuple[str, ...]:
    """Every built-in sentence of a language: plain, hard, and the speakers' prompts."""
    return (*(sentence.text for sentence in builtin(language)), *prompts(language))


def number_like(language: str) -> st.SearchStrategy[str]:
    """Text that is rich in numbers, signs, abbreviations and letters of a language."""
    letters = _LETTERS.get(language, "abdehikmnoprstuvyüöéèāIİ")
    words = st.sampled_from(
        ["1st", "Mr.", "Dr. ", "St.", "€ 5", " 3. ", "12,5", "1.000", "5e", "B."]
    )
    characters = st.sampled_from(letters + _NUMBERS)
    return st.lists(st.one_of(characters, characters, words), max_size=25).map("".join)


def published_vocabulary() -> Path:
    """The XTTS v1 vocabulary; the test is skipped where it is not at hand."""
    default = Path(__file__).parents[2] / "shared" / "xtts" / "xtts_vocab.json"
    path = Path(os.environ.get("XTTS_LAB_VOCAB", default))
    if not path.is_file():
        pytest.skip("XTTS_LAB_VOCAB names no XTTS vocabulary (vocab.json)")
    return path


def train_vocabulary(path: Path, size: int = 3000) -> Path:
    """Train a BPE of 17 languages on the built-in sentences, in the published format."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE(unk_token="[UNK]"))
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[STOP]", "[UNK]", "[SPACE]", *(f"[{tag}]" for tag in TAGS), "[START]"]
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    bpe.train_from_iterator(_training_texts(), trainer)
    bpe.save(str(path))
    return path


def _training_texts() -> Iterator[str]:
    for language in LANGUAGES:
        for text in builtin_texts(language):
            yield prepare(text, language)
            try:
                yield prepare(text, language, coqui_compat=True)
            except UsageError:
                continue


def second_vocabulary() -> Path:
    """The XTTS-v2 vocabulary; the test is skipped where it is not at hand."""
    default = Path(__file__).parents[2] / "shared" / "xtts" / "v2" / "vocab.json"
    path = Path(os.environ.get("XTTS_LAB_VOCAB_V2", default))
    if not path.is_file():
        pytest.skip("XTTS_LAB_VOCAB_V2 names no XTTS-v2 vocabulary (vocab.json)")
    return path
