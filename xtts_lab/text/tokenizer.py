"""The BPE of XTTS: text and language to token ids and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from unicodedata import category, normalize

from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown
from xtts_lab.text.characters import dropped
from xtts_lab.text.languages import char_limit, tag_of
from xtts_lab.text.markup import plain
from xtts_lab.text.normalise import foreign, prepare
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
    """A part of a text that fits the model, and its token ids, the language's tag first.

    `unspoken` is what of the text the ids leave out: see `XttsTokenizer.unspoken`.
    """

    text: str
    ids: list[int]
    unspoken: str = ""


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
        self._alphabet = frozenset(token for token in bpe.get_vocab() if len(token) == 1)
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
        (see `split`). What the vocabulary lacks is left out (see `unspoken`); a text without
        anything to say gives the tag alone.
        """
        return self._fitting(text, language, self.max_tokens)

    def split(self, text: str, language: str) -> list[str]:
        """Return pieces of `text` that each fit the model: see `pieces`."""
        return [piece.text for piece in self.pieces(text, language)]

    def pieces(self, text: str, language: str, taken: int = 0) -> list[Piece]:
        """Return `text` in pieces that each fit the model, by characters and by tokens.

        `taken` tokens of the model's are something else's (a prompt's). Digits take few characters
        and many tokens, so a piece may have to be cut again; what is returned went through the text
        front end once. A piece with nothing to say ("* * *", an emoji) is left out. Raises
        `UsageError` where not a single character fits.

        `coqui_compat` does what the reference's `Xtts.inference` does around its tokenizer: the
        text is one piece, in lower case before anything else, and refused where it does not fit.
        """
        self._tag(language)
        limit = min(self.max_tokens - taken, self.piece_tokens)
        if self.coqui_compat:
            text = text.strip().lower()
            return [Piece(text, self._fitting(text, language, limit))] if text else []
        return [
            piece
            for piece in self._pieces(plain(text), language, char_limit(language), limit)
            if len(piece.ids) > 1 or piece.unspoken
        ]

    def unspoken(self, text: str, language: str) -> str:
        """Return the letters and symbols of `text` that nothing reads, each once.

        Emoji and the like have no words; letters of foreign scripts are not in the vocabulary.
        Marks of punctuation do not count. Under `coqui_compat` unknown tokens stand.
        """
        pieces = self.pieces(text, language)
        return self.unspoken_beside(text, language, pieces)

    def unspoken_beside(self, text: str, language: str, pieces: Sequence[Piece]) -> str:
        """Return what `unspoken` does, for a text that is already in pieces."""
        if self.coqui_compat:
            return ""
        missing = (
            *foreign(text, language),
            *dropped(text),
            *(c for p in pieces for c in p.unspoken),
        )
        return "".join(dict.fromkeys(missing))

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

    def _fitting(self, text: str, language: str, limit: int) -> list[int]:
        ids, _ = self._ids(text, language)
        if len(ids) > limit:
            raise UsageError(
                f"text of {len(ids)} tokens, {limit} fit: {_shortened(text)};"
                " split it into sentences"
            )
        return ids

    def _pieces(self, text: str, language: str, characters: int, tokens: int) -> list[Piece]:
        pieces: list[Piece] = []
        for part in split_text(text, language, characters):
            ids, unspoken = self._ids(part, language)
            if len(ids) <= tokens:
                pieces.append(Piece(part, ids, unspoken))
            elif len(part) > 1:
                pieces += self._pieces(part, language, (len(part) + 1) // 2, tokens)
            else:
                raise UsageError(f"text: '{part}' is {len(ids)} tokens, of which {tokens} fit")
        return pieces

    def _ids(self, text: str, language: str) -> tuple[list[int], str]:
        """Return the ids of a text, the tag's alone where there is nothing to say, and what the
        vocabulary lacks of it."""
        tag, unspoken = self._tag(language), ""
        spoken = self._front_end(text, language)
        if not self.coqui_compat:
            spoken, unspoken = self._known(spoken)
        ids: list[int] = self._bpe.encode(tag + spoken.replace(" ", SPACE)).ids
        return ids, unspoken

    def _known(self, spoken: str) -> tuple[str, str]:
        """Part a text into what the vocabulary holds and the letters and symbols that it lacks."""
        lacking = {c for c in set(spoken) - self._alphabet if category(c)[0] in "LMNS"}
        if lacking:
            kept = (self._base_of(c) if c in lacking else c for c in spoken)
            spoken = re.sub(" +", " ", "".join(kept)).strip()
        said = spoken if any(map(str.isalnum, spoken)) else ""
        lost = (c for c in lacking if category(c)[0] != "M" and not self._base_of(c))
        return said, "".join(sorted(lost))

    def _base_of(self, character: str) -> str:
        """Return the letter without its accents, where the vocabulary has it: ễ is e."""
        base = normalize("NFD", character)[0]
        return base if base in self._alphabet and base != character else ""

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
