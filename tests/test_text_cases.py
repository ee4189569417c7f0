"""What writers write beside words, read as speakers read it: tables of cases by kind.

The readings are those of the languages' grammars and of their speakers, not of any program; the
vocabulary of XTTS-v2 has to spell every one of them.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.text_support import builtin_texts, published_vocabulary, second_vocabulary
from xtts_lab.errors import UsageError
from xtts_lab.text.coqui.differences import touching
from xtts_lab.text.languages import base_language
from xtts_lab.text.normalise import normalise, prepare
from xtts_lab.text.numbers.currencies import SIGNS
from xtts_lab.text.tokenizer import XttsTokenizer
from xtts_lab.types import LANGUAGES

FOLDER = Path(__file__).parent / "text_cases"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where it is there: 2 s less
KINDS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def _cases(kind: str) -> list[tuple[str, str, str]]:
    rows = yaml.load((FOLDER / f"{kind}.yaml").read_bytes(), Loader=LOADER)
    return [(str(language), str(text), str(spoken)) for language, text, spoken in rows]


ALL = [(kind, *case) for kind in KINDS for case in _cases(kind)]


@cache
def _prepared(text: str, language: str) -> str:
    return prepare(text, language)


@pytest.mark.parametrize(("kind", "language"), sorted({case[:2] for case in ALL}))
def test_it_is_read_as_a_speaker_reads_it(kind: str, language: str) -> None:
    cases = [case[2:] for case in ALL if case[:2] == (kind, language)]
    read = {text: normalise(text, language) for text, _ in cases}
    assert read == dict(cases)


def test_no_case_stands_twice() -> None:
    texts = [case[1:3] for case in ALL]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "markup"])
def test_a_case_in_a_sentence_stays_what_it_is(kind: str) -> None:
    """Within brackets, as in a list or a note, the reading is the same."""
    different = [
        (language, text)
        for language, text, spoken in _cases(kind)
        if language not in ("ja", "zh-cn")
        and not text.endswith(".")  # the sentence's
        and normalise(f"({text})", language) != f"({spoken})"
    ]
    assert not different


@pytest.mark.parametrize("kind", KINDS)
def test_no_case_is_a_difference_that_no_rule_names(kind: str) -> None:
    for language, text, _ in _cases(kind):
        try:
            reference = prepare(text, language, coqui_compat=True)
        except UsageError:
            continue
        if _prepared(text, language) != reference:
            assert any(touching(text, base_language(language))), (language, text)


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "ja"])
def test_the_rules_claim_no_plain_number(language: str) -> None:
    """A rule that named every text with a digit would declare nothing."""
    text = {"zh-cn": "有7个", "ko": "7도", "ar": "7"}.get(language, "a 7, b 35.")
    assert not list(touching(text.replace("35.", "35"), base_language(language)))


def _of_a_picture(character: str) -> bool:
    return unicodedata.category(character) in {"So", "Sk", "Cf", "Mn"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_second_vocabulary_spells_every_reading(language: str) -> None:
    tokenizer = XttsTokenizer.from_file(second_vocabulary())
    texts = [text for _, code, text, _ in ALL if code == language]
    for text in (*builtin_texts(language), *texts):
        # Pictures are left out and named; all else is spelt.
        pieces = tokenizer.pieces(text, language)
        unspoken = tokenizer.unspoken_beside(text, language, pieces)
        assert "".join(c for c in unspoken if not _of_a_picture(c)) == "", text
        spelt = [tokenizer.decode(piece.ids) for piece in pieces]
        assert spelt == [f"[{language}]{_prepared(piece.text, language)}" for piece in pieces]


@cache
def _currency_signs() -> list[str]:
    return [c for c in map(chr, range(0x20000)) if unicodedata.category(c) == "Sc"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_currency_sign_is_read_or_reported(language: str) -> None:
    tokenizer = XttsTokenizer.from_file(published_vocabulary())
    assert len(_currency_signs()) > 60
    if base_language(language) not in {base_language(code) for code in tokenizer.languages}:
        pytest.skip("not a language of this vocabulary")
    for sign in _currency_signs():
        composed = unicodedata.normalize("NFKC", sign)
        for text in (f"{sign}5", f"5 {sign}", f"a {sign} b"):
            read = sign not in normalise(text, language)
            assert read or sign in tokenizer.unspoken(text, language), text
            assert read or (sign not in SIGNS and composed not in SIGNS), text
