"""The BPE of XTTS: text and language to token ids and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown
from xtts_lab.text.languages import char_limit, tag_of
from xtts_lab.text.normalise import prepare
from xtts_lab.text.split import split_text
from xtts_lab.types import LANGUAGES

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_TOKENS = 401
"""XTTS-v2 holds 402 text tokens; the reference refuses a text that fills them all."""

START, STOP, SPACE, UNKNOWN = "[START]", "[STOP]", "[SPACE]", "[UNK]"


FrontEnd: TypeAlias = Callable[[str, str], str]
"""From text and language to what a vocabulary spells."""


class Piece(NamedTuple):
    """A part of a text that fits the model, and its token ids, the language's tag first."""

    text: str
    ids: list[int]


class XttsTokenizer:
    """A `vocab.json` of XTTS (a file of the `tokenizers` library) with its text front end.

    `front_end` makes of (text, language) what the vocabulary spells; None: normalised text, as
    XTTS reads it, of which `coqui_compat` restores the reference implementation's way, mistakes
    included. A text is split into pieces of `piece_tokens` at most, where that is less than fits.
    """

    def __init__(
        self,
        bpe: Tokenizer,
        max_tokens: int = MAX_TOKENS,
        coqui_compat: bool = False,
        front_end: FrontEnd | None = None,
        piece_tokens: int | None = None,
    ) -> None:
        missing = [token for token in (START, STOP, SPACE) if bpe.token_to_id(token) is None]
        if missing:
            raise UsageError(f"the vocabulary lacks {', '.join(missing)}: not one of XTTS")
        self._bpe = bpe
        self.max_tokens = max_tokens
        self.piece_tokens = max_tokens if piece_tokens is None else min(piece_tokens, max_tokens)
        self.coqui_compat = coqui_compat
        self._front_end = front_end or partial(prepare, coqui_compat=coqui_compat)
        self.languages: frozenset[str] = frozenset(
            language for language in LANGUAGES if bpe.token_to_id(tag_of(language)) is not None
        )

    @classmethod
    def from_file(
        cls,
        path: Path,
        max_tokens: int = MAX_TOKENS,
        coqui_compat: bool = False,
        front_end: FrontEnd | None = None,
        piece_tokens: int | None = None,
    ) -> XttsTokenizer:
        """Read a published or trained `vocab.json`; `UsageError` for anything else."""
        from tokenizers import Tokenizer

        if not path.is_file():
            raise UsageError(f"{path}: no such file; a vocabulary (vocab.json) is needed")
        try:
            bpe = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing more specific
            raise UsageError(f"{path}: not a vocabulary of the tokenizers library") from error
        return cls(bpe, max_tokens, coqui_compat, front_end, piece_tokens)

    @property
    def start_id(self) -> int:
        """The id that opens a text in the GPT."""
        return self._id(START)

    @property
    def stop_id(self) -> int:
        """The id that closes a text in the GPT."""
        return self._id(STOP)

    def __len__(self) -> int:
        """The number of text embeddings that the ids need: the largest id and one."""
        return max(self._bpe.get_vocab().values()) + 1

    def encode(self, text: str, language: str) -> list[int]:
        """Return the token ids of `text`, the language's tag first, without start and stop.

        Raises `UsageError` for a language that the vocabulary lacks and for more than `max_tokens`
        (see `split`). A text without anything to say gives the tag alone.
        """
        ids = self._ids(text, language)
        if len(ids) > self.max_tokens:
            raise UsageError(
                f"text of {len(ids)} tokens, {self.max_tokens} fit: {_shortened(text)};"
                " split it into sentences"
            )
        return ids

    def split(self, text: str, language: str) -> list[str]:
        """Return pieces of `text` that each fit the model: see `pieces`."""
        return [piece.text for piece in self.pieces(text, language)]

    def pieces(self, text: str, language: str, taken: int = 0) -> list[Piece]:
        """Return `text` in pieces that each fit the model, by characters and by tokens.

        `taken` tokens of the model's are something else's (a prompt's). Digits take few characters
        and many tokens, so a piece may have to be cut again; what is returned went through the text
        front end once. Raises `UsageError` where not a single character fits.
        """
        self._tag(language)
        limit = min(self.max_tokens - taken, self.piece_tokens)
        return self._pieces(text, language, char_limit(language), limit)

    def check_language(self, language: str) -> None:
        """Raise `UsageError` for a language that the vocabulary, or the front end, lacks."""
        self._tag(language)

    def decode(self, ids: list[int]) -> str:
        """Return the text that the ids spell, with the language's tag, without stop and unknown."""
        text = str(self._bpe.decode(ids, skip_special_tokens=False)).replace(" ", "")
        return text.replace(SPACE, " ").replace(STOP, "").replace(UNKNOWN, "")

    def _id(self, token: str) -> int:
        found = self._bpe.token_to_id(token)
        assert found is not None, "checked at construction"
        return int(found)

    def _pieces(self, text: str, language: str, characters: int, tokens: int) -> list[Piece]:
        pieces: list[Piece] = []
        for part in split_text(text, language, characters):
            ids = self._ids(part, language)
            if len(ids) <= tokens:
                pieces.append(Piece(part, ids))
            elif len(part) > 1:
                pieces += self._pieces(part, language, (len(part) + 1) // 2, tokens)
            else:
                raise UsageError(f"text: '{part}' is {len(ids)} tokens, of which {tokens} fit")
        return pieces

    def _ids(self, text: str, language: str) -> list[int]:
        tag = self._tag(language)
        spoken = self._front_end(text, language)
        ids: list[int] = self._bpe.encode(tag + spoken.replace(" ", SPACE)).ids
        return ids

    def _tag(self, language: str) -> str:
        if language not in LANGUAGES and self._bpe.token_to_id(f"[{language}]") is not None:
            raise UsageError(
                f"language '{language}': this vocabulary has it, but there is no text front end "
                f"for it here; known: {', '.join(sorted(self.languages))}"
            )
        tag = tag_of(language)
        if self._bpe.token_to_id(tag) is None:
            raise UsageError("in this vocabulary: " + unknown("language", language, self.languages))
        return tag


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
