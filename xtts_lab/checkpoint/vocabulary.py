"""What a checkpoint's `vocab.json` says about sizes; `text.tokenise` turns text into its ids."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

from xtts_lab.checkpoint.config_json import read_json
from xtts_lab.errors import UsageError
from xtts_lab.types import LANGUAGES

TEXT_EMBEDDING = "gpt.text_embedding.weight"
"""What has a row a token; called so in both formats of checkpoints."""


def token_ids(path: Path) -> dict[str, int]:
    """Return token -> id of a `tokenizers` BPE file, added tokens included."""
    data = read_json(path)
    try:
        ids = {str(token): int(index) for token, index in data["model"]["vocab"].items()}
        ids |= {str(added["content"]): int(added["id"]) for added in data["added_tokens"]}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path.name}: is no vocabulary of the library tokenizers") from error
    if not ids:
        raise UsageError(f"{path.name}: holds no tokens")
    return ids


def check_vocabulary(tokens: int, rows: int, weights: str) -> None:
    """Raise `UsageError` where a vocabulary's tokens are not those that the weights have rows for.

    `weights` is the name of their file.
    """
    if tokens != rows:
        raise UsageError(
            f"vocab.json: has {tokens} tokens, but {weights} holds weights for {rows}; put the "
            "vocab.json beside it that it was trained with"
        )


def character_vocabulary(size: int = 512, start: int = 261) -> dict[str, Any]:
    """Return a BPE of exactly `size` tokens, for checkpoints with random weights.

    It has the special tokens where XTTS has them ([STOP] 0, [UNK] 1, [SPACE] 2, [START] at
    `start`, then the language tags), single characters, then pairs and triples of Latin letters.
    """
    special = ["[STOP]", "[UNK]", "[SPACE]"]
    tags = [f"[{language}]" for language in (*LANGUAGES, "hi")]
    ranges = [(0x00DF, 0x0180), (0x0430, 0x0460), (0x0621, 0x064B)]
    foreign = [chr(code) for first, stop in ranges for code in range(first, stop)]
    characters = [*string.ascii_lowercase, *string.punctuation, *string.digits]
    characters += [letter for letter in foreign if letter.islower() or letter >= "\u0600"]
    letters = string.ascii_lowercase
    pairs = [(first, second) for first in letters for second in letters]
    merges = [*pairs, *((first + second, third) for first, second in pairs for third in letters)]
    pool = [*characters, *(left + right for left, right in merges)]
    before = start - len(special)
    listed = [*special, *pool[:before], "[START]", *tags, *pool[before:]][:size]
    tokens = {token: index for index, token in enumerate(listed)}
    known = [f"{left} {right}" for left, right in merges if left + right in tokens]
    added = [token for token in (*special, "[START]", *tags) if token in tokens]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added_token(token, tokens[token]) for token in added],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "BPE", "unk_token": "[UNK]", "vocab": tokens, "merges": known},
    }


def added_token(token: str, index: int) -> dict[str, Any]:
    """Return how a file of the library tokenizers notes a special token."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": index, "special": True, "content": token, **flags}
