"""References drawn for training: what a conditioner hears of a speaker. T samples, N codes.

As in cloning, references are other utterances of the speaker, one after the other, cut where so
many seconds are full; so every conditioner is given the same seconds of the same utterances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xtts_lab.training.gpt.data import Utterance, Utterances

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """The first `share` of an utterance."""

    utterance: Utterance
    share: float


def reference(
    utterances: Utterances, place: int, seconds: float, random: np.random.Generator
) -> list[Piece]:
    """Draw `seconds` of the speaker's other utterances, of their beginnings; again if too few."""
    pieces: list[Piece] = []
    left = seconds
    others = utterances.others(place, random)
    while left > 1e-6:
        for other in others:
            utterance = utterances.all[other]
            duration = utterance.samples / utterance.corpus.sample_rate
            pieces.append(Piece(utterance, min(1.0, left / duration)))
            left -= duration
            if left <= 1e-6:
                break
    return pieces


def fill(clip: NDArray[np.int16], pieces: list[Piece]) -> None:
    """Write the pieces' samples into int16 [T]; what rounding lacks is left as it is."""
    start = 0
    for piece in pieces:
        number = piece.utterance.number
        assert number is not None, "references are drawn from what can be heard"
        samples = piece.utterance.corpus.samples(number)[: len(clip) - start]
        clip[start : start + len(samples)] = samples
        start += len(samples)


def codes(pieces: list[Piece], most: int) -> Ints:
    """Return the pieces' codes [N], at most so many."""
    parts = [p.utterance.codes[: round(p.share * len(p.utterance.codes))] for p in pieces]
    return np.concatenate(parts)[:most]


def tokens(pieces: list[Piece], space: int) -> Ints:
    """Return what the pieces say; the last one up to the word that its share reaches."""
    return np.concatenate([_cut(piece.utterance.tokens, piece.share, space) for piece in pieces])


def _cut(spelled: Ints, share: float, space: int) -> Ints:
    """As `inference.transcripts` cuts: at the end of the word nearest to the share."""
    if share >= 1.0:
        return spelled
    body = spelled[1:]  # after the language's tag
    ends = np.append(np.flatnonzero(body == space), len(body))
    nearest = int(ends[np.abs(ends - share * len(body)).argmin()])
    return spelled[: 1 + nearest]
