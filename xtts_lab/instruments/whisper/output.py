"""What Whisper instruments, of any backend, say about a clip."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtts_lab.types import Json

LOOP_COMPRESSION_RATIO = 2.4
"""Text that zlib compresses by more than this repeats itself (Whisper's own threshold)."""

MAX_TOKENS = 224
"""Whisper's limit of a window: half of its text context."""


@dataclass(frozen=True)
class Window:
    """One decoded window, or one segment of a window that timestamps divide."""

    tokens: int
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float

    @classmethod
    def of(cls, result: Any) -> Window:
        """Describe a `whisper.DecodingResult`, with no tokens where there is no text."""
        return cls(
            len(result.tokens) if result.text.strip() else 0,
            result.avg_logprob,
            result.no_speech_prob,
            result.compression_ratio,
            result.temperature,
        )

    @classmethod
    def of_segment(cls, segment: Mapping[str, Any]) -> Window:
        """Describe a segment of `whisper.transcribe`'s result."""
        return cls(
            len(segment["tokens"]),
            segment["avg_logprob"],
            segment["no_speech_prob"],
            segment["compression_ratio"],
            segment["temperature"],
        )

    @property
    def looped(self) -> bool:
        return self.compression_ratio > LOOP_COMPRESSION_RATIO or self.tokens >= MAX_TOKENS


def summary(text: str, language: str, windows: Sequence[Window]) -> dict[str, Json]:
    """Reduce a clip's windows to one output; without any, nothing is known but the empty text.

    Floats are rounded: digits beyond depend on how many rows and threads shared a sum.
    """
    text = text.strip()
    weights = [max(1, window.tokens) for window in windows]
    logprobs = sum(n * w.avg_logprob for n, w in zip(weights, windows, strict=True))
    quietest = max((window.no_speech_prob for window in windows), default=None)
    return {
        "text": text,
        "language": language,
        "avg_logprob": round(logprobs / sum(weights), 3) if windows else None,
        "no_speech_prob": None if quietest is None else round(quietest, 3),
        "compression_ratio": round(compression_ratio(text), 4),
        "tokens": sum(window.tokens for window in windows),
        "temperature": max((window.temperature for window in windows), default=0.0),
        "looped": any(window.looped for window in windows),
    }


def compression_ratio(text: str) -> float:
    """Return the length of a text in UTF-8 over its length compressed, as Whisper does."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))
