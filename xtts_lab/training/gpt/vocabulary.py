"""The characters of a corpus's phonemes as a vocabulary in the format of the published BPE.

A file of the library tokenizers with no merges: `XttsTokenizer` reads it like any other, and
`Spelling` does the same quickly, for whole corpora.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtts_lab import files
from xtts_lab.checkpoint.vocabulary import added_token, token_ids
from xtts_lab.errors import UsageError
from xtts_lab.text.languages import tag_of
from xtts_lab.text.tokenizer import XttsTokenizer

STOP, UNKNOWN, SPACE, START = "[STOP]", "[UNK]", "[SPACE]", "[START]"


def phoneme_vocabulary(characters: Iterable[str], languages: Iterable[str]) -> dict[str, Any]:
    """Return a vocabulary of single characters: special tokens, the languages' tags, the rest."""
    special = [STOP, UNKNOWN, SPACE, START, *(tag_of(language) for language in sorted(languages))]
    plain = sorted({one for one in characters if not one.isspace()})
    tokens = {token: index for index, token in enumerate([*special, *plain])}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added_token(token, tokens[token]) for token in special],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "BPE", "unk_token": UNKNOWN, "vocab": tokens, "merges": []},
    }


def write_vocabulary(path: Path, vocabulary: dict[str, Any]) -> None:
    files.write_text(path, json.dumps(vocabulary, ensure_ascii=False, indent=1) + "\n")


@dataclass(frozen=True)
class Spelling:
    """A vocabulary of single characters, ready to number whole corpora."""

    ids: dict[str, int]

    @classmethod
    def read(cls, path: Path) -> Spelling:
        ids = token_ids(path)
        missing = [token for token in (STOP, UNKNOWN, SPACE, START) if token not in ids]
        if missing:
            raise UsageError(f"{path}: lacks {', '.join(missing)}; tokenise the corpus again")
        return cls(ids)

    @property
    def start(self) -> int:
        return self.ids[START]

    @property
    def stop(self) -> int:
        return self.ids[STOP]

    @property
    def size(self) -> int:
        return max(self.ids.values()) + 1

    @property
    def space(self) -> int:
        return self.ids[SPACE]

    def knows(self, language: str) -> bool:
        return tag_of(language) in self.ids

    def spell(self, _text: str, phonemes: str, language: str) -> list[int]:
        """Return the ids of a corpus's item."""
        return self.encode(phonemes, language)

    def encode(self, phonemes: str, language: str) -> list[int]:
        """Return what `XttsTokenizer.encode` gives: the language's tag, then the characters."""
        unknown, space = self.ids[UNKNOWN], self.ids[SPACE]
        spelled = (space if one == " " else self.ids.get(one, unknown) for one in phonemes)
        return [self.ids[tag_of(language)], *spelled]


class BpeSpelling:
    """A published vocabulary: items are numbered from their text, normalised as for inference."""

    def __init__(self, path: Path) -> None:
        ids = token_ids(path)
        self._tokenizer = XttsTokenizer.from_file(path)
        self.start, self.stop = self._tokenizer.start_id, self._tokenizer.stop_id
        self.space, self.size = ids[SPACE], len(self._tokenizer)

    def knows(self, language: str) -> bool:
        return language in self._tokenizer.languages

    def spell(self, text: str, _phonemes: str, language: str) -> list[int]:
        """Return the ids of a corpus's item."""
        return self._tokenizer.encode(text, language)
