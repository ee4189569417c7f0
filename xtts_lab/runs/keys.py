"""Content keys: equal content, equal key, in every process and on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

ENGINE_VERSION = 2
"""Enters every audio key: raise it when the bench itself changes what is synthesised."""

SCORING_VERSION = 2
"""Enters the digest of a finished run: raise it when scoring or summarising changes."""


def digest(content: Any) -> str:
    """Return 32 hex digits that depend on JSON-like content, not on the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def trial_seed(seed: int, utterance_id: str, repeat: int) -> int:
    """Return a trial's seed in [0, 2**31), from experiment seed, utterance and repeat alone."""
    return int(digest([seed, utterance_id, repeat])[:8], 16) & 0x7FFF_FFFF
