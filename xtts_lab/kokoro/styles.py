"""Voices as mixtures of the five published styles.

A style is 256 numbers: the first 128 go to the decoder and say how it sounds (timbre), the others
to the predictors of duration, pitch and energy (prosody). There is one for each length of text.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xtts_lab.errors import UsageError
from xtts_lab.kokoro.wheels import VOICES
from xtts_lab.registry import unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TIMBRE = 128
PEAKEDNESS = 1.4
STRETCH = 1.6
WARP = 0.23
"""Drawn voices play faster or slower by up to this, as a natural logarithm."""


@dataclass(frozen=True)
class Mixture:
    """Weights of the five `VOICES`, one set for timbre and one for prosody; each sums to 1.

    Weights below 0 or above 1 lead beyond the published voices. `warp` shifts pitch and formants
    alike by playing the speech so many times as fast, at a tempo that makes up for it.
    """

    timbre: tuple[float, ...]
    prosody: tuple[float, ...]
    warp: float = 1.0

    def style(self, styles: NDArray[np.float32], symbols: int) -> NDArray[np.float32]:
        """Return the style, float32 [256], of `styles` [5, 510, 256] for a text's length."""
        import numpy as np

        row = styles[:, min(max(symbols, 1), styles.shape[1]) - 1]
        weights = [np.asarray(w, np.float32) for w in (self.timbre, self.prosody)]
        return np.concatenate([weights[0] @ row[:, :TIMBRE], weights[1] @ row[:, TIMBRE:]])


def named(voice: str | Mapping[str, float]) -> Mixture:
    """Return a voice by name, or a mix of them in parts (they need not sum to 1).

    Raises `UsageError` for an unknown name, and for parts that are no parts of a whole.
    """
    parts = {voice: 1.0} if isinstance(voice, str) else dict(voice)
    for name in parts:
        if name not in VOICES:
            raise UsageError(unknown("voice", name, VOICES))
    total = sum(parts.values())
    if not all(math.isfinite(p) and p >= 0 for p in parts.values()) or total <= 0:
        raise UsageError(f"voice: parts must be 0 or more, and one above 0, not {parts}")
    weights = tuple(parts.get(name, 0.0) / total for name in VOICES)
    return Mixture(weights, weights)


def drawn(source: random.Random) -> Mixture:
    """Draw a speaker: one mixture for timbre, another for prosody, and a warp."""
    warp = math.exp(WARP * (2 * source.random() - 1))
    return Mixture(_weights(source), _weights(source), round(warp, 5))


def from_json(content: Mapping[str, Any]) -> Mixture:
    """Return the mixture that `dataclasses.asdict` made JSON of."""
    numbers: Sequence[Sequence[float]] = (content["timbre"], content["prosody"])
    return Mixture(tuple(numbers[0]), tuple(numbers[1]), float(content["warp"]))


def _weights(source: random.Random) -> tuple[float, ...]:
    """Return five weights that sum to 1, mostly of one or two voices, stretched beyond them."""
    # `random()` alone is promised to stay the same from one Python to the next.
    parts = [(-math.log(1.0 - source.random())) ** PEAKEDNESS for _ in VOICES]
    even = 1.0 / len(VOICES)
    return tuple(round(even + STRETCH * (part / sum(parts) - even), 5) for part in parts)
