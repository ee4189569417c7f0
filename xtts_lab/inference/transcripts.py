"""What a prompt that was cut says."""

from __future__ import annotations

from collections.abc import Sequence

from xtts_lab.audio import duration_s
from xtts_lab.errors import UsageError
from xtts_lab.types import Reference

UNSPACED = ("zh", "ja")
"""Languages that may be cut anywhere; elsewhere only between words."""


def first_part(references: Sequence[Reference], seconds: float) -> str:
    """Return what references one after the other say in their first `seconds`.

    Of the reference that is cut the transcript is cut where as large a share of its characters is
    gone as of its audio, at the nearest word: no alignment is known, and speech is assumed to be
    even. Raises `UsageError` for a reference without a transcript.
    """
    said: list[str] = []
    left = seconds
    for reference in references:
        if left <= 0.0:
            break
        if not reference.text:
            raise UsageError(
                f"reference {reference.audio.name}: its text is not known, and the model reads it; "
                "give a transcript"
            )
        duration = duration_s(reference.audio)
        share = min(left / duration, 1.0) if duration > 0 else 1.0
        said.append(cut(reference.text, share, reference.language))
        left -= duration
    return " ".join(part for part in said if part)


def cut(text: str, share: float, language: str | None) -> str:
    """Return the first `share` of a text; at least a word of it."""
    if share >= 1.0:
        return text
    if (language or "").partition("-")[0] in UNSPACED:
        return text[: max(round(len(text) * share), 1)]
    words = text.split()
    ends = [len(" ".join(words[: i + 1])) for i in range(len(words))]
    nearest = min(range(len(words)), key=lambda i: abs(ends[i] - len(text) * share))
    return " ".join(words[: nearest + 1])
