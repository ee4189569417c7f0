"""Voice variants: the shape of a vocal tract, as espeak-ng lets one set it.

The parameters are those of a variant file (espeak-ng, docs/voices.md). `breath` is left out: its
noise depends on the clock at which the library was initialised.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

FORMANTS = 9
VERSION = 1
"""Raised whenever a seed comes to mean another voice."""


@dataclass(frozen=True)
class Formant:
    """Frequency, height and width of one resonance, each in percent of the voice's own."""

    frequency: int = 100
    height: int = 100
    width: int = 100


@dataclass(frozen=True)
class Variant:
    """A speaker's voice, in the units of espeak-ng's variant files.

    `pitch` base and top in Hz; `formants` 0 to 8; `voicing`, `consonants` (unvoiced, voiced) and
    `speed` in percent; `roughness` 0 to 7; `flutter` from 0; `tone` pairs of Hz and amplitude
    (0 to 255), which tilt the spectrum of voiced sounds.
    """

    pitch: tuple[int, int] = (82, 118)
    formants: tuple[Formant, ...] = (Formant(),) * FORMANTS
    voicing: int = 100
    consonants: tuple[int, int] = (100, 100)
    roughness: int = 2
    flutter: int = 2
    tone: tuple[tuple[int, int], ...] = ((600, 170), (1200, 135), (2000, 110))
    speed: int = 100

    def __post_init__(self) -> None:
        if len(self.formants) != FORMANTS:
            raise ValueError(f"a variant has {FORMANTS} formants, not {len(self.formants)}")

    def to_text(self) -> str:
        """Return the lines of the variant file."""
        lines = [
            "language variant",
            f"pitch {self.pitch[0]} {self.pitch[1]}",
            f"voicing {self.voicing}",
            f"consonants {self.consonants[0]} {self.consonants[1]}",
            f"roughness {self.roughness}",
            f"flutter {self.flutter}",
            "tone " + " ".join(f"{hertz} {amplitude}" for hertz, amplitude in self.tone),
            f"speed {self.speed}",
        ]
        lines += [
            f"formant {index} {formant.frequency} {formant.height} {formant.width}"
            for index, formant in enumerate(self.formants)
        ]
        return "\n".join(lines) + "\n"


def draw(seed: int) -> Variant:
    """Return the speaker of a seed, the same on every machine.

    Pitch 65 to 230 Hz, even on a logarithmic scale; all formants scaled by 0.82 to 1.22 (the
    length of the vocal tract), each by another 7 % of its own: voices that a speaker encoder
    tells apart.
    """
    # A string seed is hashed, so that neighbouring numbers are unrelated; only `random()` is
    # promised to stay the same from one Python to the next.
    source = random.Random(f"xtts_lab variant {VERSION} {seed}")

    def between(low: float, high: float) -> float:
        return low + (high - low) * source.random()

    base = 65.0 * (230.0 / 65.0) ** source.random()
    tract = between(0.82, 1.22)
    return Variant(
        pitch=(round(base), round(base * between(1.1, 1.5))),
        formants=tuple(
            Formant(
                round(100 * tract * between(0.93, 1.07)),
                round(between(50, 130)),
                round(between(65, 160)),
            )
            for _ in range(FORMANTS)
        ),
        voicing=round(between(75, 105)),
        consonants=(round(between(70, 130)), round(between(70, 130))),
        roughness=round(between(0, 4)),
        flutter=round(between(0, 8)),
        tone=(
            (600, round(between(110, 230))),
            (1200, round(between(75, 195))),
            (2000, round(between(50, 170))),
        ),
        speed=round(between(90, 112)),
    )
